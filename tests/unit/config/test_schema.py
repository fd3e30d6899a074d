"""The JSON Schemas that editors use: as the loader reads."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pql.config.schema import FOLDER, main, schemas, written
from pql.config.shapes import FILE_KINDS
from pql.config.yaml import read_yaml
from tests.unit.config.conftest import CASES, GOOD
from tests.unit.config.examples import examples, pages

ROOT = Path(__file__).parents[3]
SHAPE_CODES = ("C010", "C011", "C012", "C013", "C014", "C015", "C016", "C017")
# What a schema cannot say: bounds that cross, whole days, keys that need or exclude one another.
BEYOND_A_SCHEMA = {
    "C011-unknown-stage-fact",
    "C012-exclusion-of-nobody",
    "C012-criterion-without-condition",
    "C012-neither-signal-nor-moment",
    "C010-file-is-a-list",
    "C010-not-finite",
    "C015-bounds-cross",
    "C016-not-whole-days",
}


def kind_of(path: Path, data: Any) -> str:
    if path.parent.name == "signals":
        return "moment" if "moment" in data else "signal"
    return path.parent.name if path.name == "channel.yml" else path.stem


SCHEMAS = schemas()


def read(path: Path) -> Any:
    document, _ = read_yaml(path.name, path.read_text(encoding="utf-8"))
    assert document is not None
    return document.data


def faults(path: Path, data: Any = None) -> list[str]:
    content = read(path) if data is None else data
    validator = Draft202012Validator(SCHEMAS[f"{kind_of(path, content)}.schema.json"])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]


def test_the_files_are_up_to_date() -> None:
    made = {name: written(schema) for name, schema in schemas().items()}
    stored = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert stored == made, "run: python -m pql.config.schema"


def test_the_command_writes_what_is_stored_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "old.schema.json").write_text("{}")
    assert main(tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("kind", sorted(FILE_KINDS))
def test_a_schema_is_a_valid_schema(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[f"{kind}.schema.json"])


GOOD_FILES = sorted(path for path in GOOD.rglob("*.yml"))
STARTER_FILES = sorted(path for name in ("config", "signals", "notifiers") for path in (ROOT / name).rglob("*.yml"))


@pytest.mark.parametrize("path", GOOD_FILES + STARTER_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_valid_file_validates(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_the_examples_of_a_page_validate(page: Path, tmp_path: Path) -> None:
    for name, text in examples(page):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".yml"):
            (tmp_path / name).write_text(text)
            assert faults(tmp_path / name) == []


def bad_files() -> list[Any]:
    cases = [case for code in SHAPE_CODES for case in CASES.glob(f"{code}-*") if case.name not in BEYOND_A_SCHEMA]
    paths = [path for case in sorted(cases) for path in sorted(case.rglob("*.yml"))]
    return [pytest.param(path, id=str(path.relative_to(CASES))) for path in paths]


@pytest.mark.parametrize("path", bad_files())
def test_a_file_of_a_wrong_shape_does_not_validate(path: Path) -> None:
    assert faults(path)


@pytest.mark.parametrize("kind", ["pql", "slack", "email", "file"])
def test_any_value_that_is_no_text_may_come_from_the_environment(kind: str) -> None:
    port = {"host": "${H}", "port": "${P:-587}", "security": "${S:-tls}", "sender": "${F}", "password": "${W}"}
    assert faults(Path("notifiers/email/channel.yml"), port) == []
    assert faults(Path("notifiers/email/channel.yml"), {**port, "port": "many"})


def test_a_schema_says_what_each_key_means() -> None:
    for name, schema in SCHEMAS.items():
        for place, part in [(name, schema), *schema.get("$defs", {}).items()]:
            for key, about in part.get("properties", {}).items():
                assert about.get("description"), f"{name}: {place}.{key}"


def test_the_titles_of_python_do_not_show() -> None:
    assert "BandIn" not in json.dumps([schema["properties"] for schema in SCHEMAS.values()]).replace("$defs/BandIn", "")
