"""docs/connect.md and docs/engines.md against the code: every relation, column and engine is told of."""

import re
from pathlib import Path

import pytest

from pql.warehouse.engines import ENGINES
from pql.warehouse.relations import OPTIONAL, REQUIRED

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "connect.md").read_text(encoding="utf-8")
ENGINES_PAGE = (DOCS / "engines.md").read_text(encoding="utf-8")


def told_of(relation: str) -> str:
    """What the page says of a relation: its section, or its line in the table of small ones."""
    section = re.search(rf"^### {relation}\b.*?(?=^### |^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    line = re.search(rf"^\| `{relation}` \|.*$", PAGE, flags=re.MULTILINE)
    found = section or line
    return found[0] if found else ""


@pytest.mark.parametrize("relation", list(REQUIRED))
def test_every_column_of_a_relation_is_on_the_page(relation: str) -> None:
    text = told_of(relation)
    for column in REQUIRED[relation]:
        assert re.search(rf"`{column}`(?!\?)", text), f"{relation}.{column} is required"
    for column in OPTIONAL[relation]:
        assert f"`{column}`?" in text, f"{relation}.{column} may be absent"


def test_every_engine_has_its_url_on_the_page() -> None:
    for name in ENGINES:
        assert f"`{name}://" in ENGINES_PAGE, name
