"""The hash of definitions: what they say, not how it is written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pql.config import load

Change = Callable[..., Path]


@pytest.fixture
def before(project: Path) -> str:
    return load(project, {}).definitions.content_hash


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("signals/breadth.yml", "worth: 25,", "worth: 25.0,   # plenty\n "),
        ("signals/breadth.yml", "signal: breadth\ntitle: Uses most", "title: 'Uses most"),
        ("config/stages.yml", "{stage: trial, when: {in_trial: true}}", "{when: {in_trial: true}, stage: trial}"),
        ("config/scoring.yml", "tiers: [hot, warm, none]", "tiers:\n  - hot\n  - warm\n  - none"),
        ("signals/stickiness.py", "    return", "    # a comment\n    return"),
        ("sql/events.sql", "feature\n", "feature   \n"),
        ("config/pql.yml", "duckdb:///data/usage.duckdb", "duckdb:///elsewhere.duckdb"),
        ("notifiers/file/channel.yml", "var/outbox", "var/elsewhere"),
    ],
)
def test_form_and_wiring_do_not_change_it(
    path: str, old: str, new: str, before: str, project: Path, change: Change
) -> None:
    change(path, old, new)
    if "title: 'Uses" in new:
        change(path, "most of the product", "most of the product'\nsignal: breadth")
    assert load(project, {}).definitions.content_hash == before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("signals/breadth.yml", "worth: 25", "worth: 26"),
        ("signals/breadth.yml", "[trial, free]", "[free, trial]"),
        ("config/pql.yml", "Europe/Berlin", "Europe/Paris"),
        ("config/pql.yml", "usage:", "lead: company\nusage:"),
        ("config/icp.yml", "points: 20", "points: 19"),
        ("signals/stickiness.py", '["month"]', '["month"] * 2'),
        ("sql/events.sql", "FROM activity", "FROM activities"),
        ("sql/measures/seats.sql", "FROM seats", "FROM chairs"),
    ],
)
def test_content_changes_it(path: str, old: str, new: str, before: str, project: Path, change: Change) -> None:
    change(path, old, new)
    assert load(project, {}).definitions.content_hash != before


def test_it_is_sha_256_in_hex(before: str) -> None:
    assert len(bytes.fromhex(before)) == 32
