"""Why a lead does not qualify, and by how much it misses the bar."""

from datetime import timedelta
from typing import Any

import pytest

from pql.domain.durations import Duration
from pql.domain.rules import Bar, QualificationRule
from pql.domain.standing import standing_words
from tests.unit.domain.samples import AS_OF, TIERS

RULE = QualificationRule(
    enter=Bar(tier="hot", behaviour=50), leave=Bar(tier="warm", behaviour=30), enter_for=Duration(7200)
)
GOOD = {"eligible": True, "ineligible_why": "", "behaviour": 60.0, "tier": "hot"}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param({}, "", id="nothing keeps it"),
        pytest.param(
            {"eligible": False, "ineligible_why": "our own people"}, "it is not eligible: our own people", id="excluded"
        ),
        pytest.param(
            {"behaviour": 43.26}, "it is below the bar: 43.3 points of behaviour, 6.7 short of 50", id="too few points"
        ),
        pytest.param({"tier": "warm"}, "it is below the bar: tier warm, and hot is needed", id="too low a tier"),
        pytest.param({"tier": ""}, "it is below the bar: tier unknown, and hot is needed", id="no tier at all"),
        pytest.param(
            {"behaviour": 0.0, "tier": "none"},
            "it is below the bar: 0 points of behaviour, 50 short of 50; tier none, and hot is needed",
            id="both",
        ),
        pytest.param(
            {"above_since": AS_OF - timedelta(hours=1)},
            "it has met the bar since 2026-03-02 08:00 UTC, and opens after 2 hours of that",
            id="not for long enough",
        ),
        pytest.param({"above_since": AS_OF - timedelta(hours=2)}, "", id="long enough"),
        pytest.param(
            {"cooldown_until": AS_OF + timedelta(days=1)},
            "it cools down after its last episode, until 2026-03-03 09:00 UTC",
            id="cooling down",
        ),
        pytest.param(
            {"cooldown_until": AS_OF},
            "it has not been below the leave bar since its last episode",
            id="cooled down, and never left",
        ),
    ],
)
def test_the_first_thing_that_keeps_a_lead_from_qualifying_is_said(facts: dict[str, Any], words: str) -> None:
    assert standing_words(RULE, TIERS, **{**GOOD, **facts}, as_of=AS_OF) == words
