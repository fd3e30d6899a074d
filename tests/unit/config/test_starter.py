"""The starter project: whole, sound, and inside the wheel."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pql.config import load
from pql.config.starter import FOLDERS, _switched_off, copy_starter, starter_folder
from pql.errors import ConfigError
from pql.notify.checking import check_templates

ROOT = Path(__file__).parents[3]
DEFINITIONS = sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.yml"))


def test_the_copy_is_a_sound_project(tmp_path: Path) -> None:
    files = copy_starter(tmp_path / "new")
    assert files == sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file())
    project = load(tmp_path / "new", {}, check_templates)
    assert project.delivery.mode == "off"
    assert project.notifiers.file is not None


def test_the_copy_says_what_the_repository_says(tmp_path: Path) -> None:
    copy_starter(tmp_path)
    assert load(tmp_path, {}).definitions.content_hash == load(ROOT, {}).definitions.content_hash


def test_every_file_of_the_starter_is_copied(tmp_path: Path) -> None:
    copied = {path.relative_to(tmp_path) for path in copy_starter(tmp_path)}
    there = {path.relative_to(ROOT) for name in FOLDERS for path in (ROOT / name).rglob("*") if path.is_file()}
    assert {path for path in there if "__pycache__" not in path.parts} <= copied
    assert {Path(".gitignore"), Path(".env.example"), Path(".pql/schemas/signal.schema.json")} <= copied


def test_files_that_are_there_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "icp.yml").write_text("mine")
    with pytest.raises(ConfigError, match=r"has config/icp.yml already"):
        copy_starter(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "config" / "icp.yml"]


def test_other_files_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("ours")
    copy_starter(tmp_path)
    assert (tmp_path / "README.md").read_text() == "ours"


def test_a_second_copy_says_how_many_files_are_there(tmp_path: Path) -> None:
    copy_starter(tmp_path)
    with pytest.raises(ConfigError, match=r"and \d+ other files already"):
        copy_starter(tmp_path)


def test_a_file_is_no_folder_to_make_a_project_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        copy_starter(tmp_path / "file")
    with pytest.raises(ConfigError, match="cannot make a project"):
        copy_starter(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ("delivery:\n  mode: on   # careful\n", "delivery:\n  mode: off   # careful\n"),
        ("delivery: {mode: redirect, redirect: {}}\n", "delivery: {mode: off, redirect: {}}\n"),
        ('delivery: {mode: "on"}\n', "delivery: {mode: off}\n"),
        ("project: mode\n", "project: mode\n"),
    ],
)
def test_delivery_is_switched_off_and_all_else_stays(written: str, after: str) -> None:
    assert _switched_off("config/pql.yml", written) == after


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_line_of_a_file_names_its_schema(path: Path, tmp_path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match
    schema = (path.parent / match[1]).resolve()
    assert schema.is_relative_to(ROOT / "pql" / "config" / "schemas")
    assert schema.exists()


def test_the_schemas_resolve_in_the_copy_too(tmp_path: Path) -> None:
    for path in copy_starter(tmp_path):
        if path.suffix == ".yml":
            named = path.read_text(encoding="utf-8").split("\n", 1)[0].rpartition("$schema=")[2]
            assert (path.parent / named).resolve().parent == (tmp_path / ".pql" / "schemas").resolve()
            assert (path.parent / named).exists()


def test_every_variable_of_the_starter_is_in_the_example_environment() -> None:
    example = (ROOT / ".env.example").read_text()
    used = {name for path in DEFINITIONS for name in re.findall(r"\$\{(\w+)", path.read_text(encoding="utf-8"))}
    assert used
    assert {name for name in used if f"\n#{name}=" not in example} == set()


def test_in_a_checkout_the_starter_is_the_repository() -> None:
    assert starter_folder() == ROOT


def test_an_installation_without_the_starter_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pql.config.starter._PACKAGE", tmp_path / "pql")
    with pytest.raises(ConfigError, match="install the package again"):
        starter_folder()


def test_a_wheel_carries_the_starter(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("pql-*.whl")
    place = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    program = (
        "import sys, pathlib, pql; from pql.config import load; from pql.config.starter import copy_starter\n"
        "assert pathlib.Path(pql.__file__).is_relative_to(sys.argv[1]), pql.__file__\n"
        "files = copy_starter(pathlib.Path(sys.argv[2]))\n"
        "print(len(files), load(pathlib.Path(sys.argv[2]), {}).definitions.content_hash)\n"
    )
    run = [sys.executable, "-c", program, str(place), str(tmp_path / "made")]
    done = subprocess.run(
        run, check=False, capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(place), "PATH": ""}
    )
    assert done.returncode == 0, done.stderr
    number, content_hash = done.stdout.split()
    assert int(number) == len(copy_starter(tmp_path / "here"))
    assert content_hash == load(ROOT, {}).definitions.content_hash
