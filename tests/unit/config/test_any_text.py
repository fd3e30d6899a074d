"""No text whatever makes the loader fail with anything but its problems."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pql.config import ConfigProblems, Problem, load
from pql.config.shapes import FILE_KINDS
from tests.unit.config.conftest import GOOD

YAML_FILES = [
    "config/pql.yml",
    "config/icp.yml",
    "config/scoring.yml",
    "config/stages.yml",
    "config/routing.yml",
    "config/customers.yml",
    "signals/breadth.yml",
    "signals/paywall.yml",
    "signals/stickiness.yml",
    "notifiers/file/channel.yml",
]
TEXT_FILES = ["sql/events.sql", "sql/measures/seats.sql"]
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["14 days", "hot", "${X}", "${X:-y}", "{{ x }}", "{% if %}", "count", "*", "..", "../x.py:f", "\x00"]
    ),
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:
        yield shutil.copytree(GOOD, Path(parent) / "project")


def found(folder: Path, path: str, content: bytes) -> tuple[Problem, ...]:
    place = folder / path
    before = place.read_bytes()
    place.write_bytes(content)
    try:
        load(folder, {})
    except ConfigProblems as exc:
        return exc.problems
    finally:
        place.write_bytes(before)
    return ()


def values_below(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(data, dict):
        for key, value in data.items():
            yield from values_below(value, (*at, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from values_below(value, (*at, number))


def put(data: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[at[0]] = put(copy[at[0]], at[1:], value)
    return copy


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(YAML_FILES + TEXT_FILES), content=st.one_of(st.binary(max_size=60), st.text().map(str.encode))
)
def test_any_bytes_in_any_file_are_problems_at_most(folder: Path, path: str, content: bytes) -> None:
    for problem in found(folder, path, content):
        assert (problem.line, problem.column) >= (1, 1)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), path=st.sampled_from(YAML_FILES))
def test_any_value_in_any_place_is_a_problem_at_most(folder: Path, data: st.DataObject, path: str) -> None:
    yaml = YAML(typ="safe", pure=True)
    good = yaml.load((folder / path).read_text())
    at = data.draw(st.sampled_from(list(values_below(good))))
    value = data.draw(st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=8), SCALARS)))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        yaml.dump(put(good, at, value), file)
        file.seek(0)
        content = file.read().encode()
    for problem in found(folder, path, content):
        assert "pydantic" not in str(problem).lower()
        assert "\n" not in str(problem)


def test_every_kind_of_file_is_tried() -> None:
    tried = {path if path.startswith(("config", "notifiers")) else "signals/<name>.yml" for path in YAML_FILES}
    assert {place for _, place in FILE_KINDS.values()} - tried == {
        "notifiers/slack/channel.yml",
        "notifiers/email/channel.yml",
        "notifiers/webhook/channel.yml",
    }
