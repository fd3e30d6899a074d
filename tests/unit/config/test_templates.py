"""Short templates: sandboxed, and an error where a name is not there."""

import pytest

from pql.config.templates import render_text
from pql.errors import ConfigError


def test_what_is_not_known_reads_as_nothing() -> None:
    text = render_text("{{ value }} used, {{ latest }} ", {"value": 6, "latest": None}, what="the evidence")
    assert text == "6 used,"


@pytest.mark.parametrize(
    "template",
    ["{{ vlaue }}", "{{ value", "{{ value.year }}", "{{ value / 0 }}", "{{ value + 'a' }}", "{{ ''.__class__.mro() }}"],
)
def test_a_template_that_does_not_render_says_which_it_is(template: str) -> None:
    with pytest.raises(ConfigError, match=r"the evidence does not render: .*run `pql check`"):
        render_text(template, {"value": 6}, what="the evidence")
