"""The rooms of the house: which may import which, and who may read the clock."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pql"
# Each room imports only rooms that stand above it; warehouse, store and notify are peers.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "domain": {"errors"},
    "config": {"errors", "domain"},
    "warehouse": {"errors", "domain", "config"},
    "store": {"errors", "domain", "config"},
    "notify": {"errors", "domain", "config"},
    "demo": {"errors"},
    "jobs": {"errors", "domain", "config", "warehouse", "store", "notify"},
    "app": {"errors", "domain", "config", "warehouse", "store", "notify", "jobs"},
    "testing": {"errors", "domain", "config", "warehouse", "store", "notify", "jobs", "app"},
    "cli": {"errors", "domain", "config", "demo", "jobs", "app"},
}
DOMAIN_MAY_IMPORT = {"holidays", "numpy", "pandas", "pql", "pyarrow"}  # docs/decisions/103 and 146
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def wrong_imports() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = room_of(path)
        if room in {"__init__", "__main__"}:
            continue
        for line, module in imports(path):
            name, _, rest = module.partition(".")
            target = rest.partition(".")[0]
            if name == "pql" and target and target != room and target not in ROOMS[room]:
                yield f"{path.relative_to(PACKAGE)}:{line}: {room} imports {target}"


def test_each_room_imports_only_rooms_above_it() -> None:
    assert list(wrong_imports()) == []


def test_the_domain_needs_nothing_but_the_standard_library_and_frames() -> None:
    foreign = [
        f"{path.relative_to(PACKAGE)}:{line}: {module}"
        for path in sorted((PACKAGE / "domain").rglob("*.py"))
        for line, module in imports(path)
        if module.partition(".")[0] not in DOMAIN_MAY_IMPORT | set(sys.stdlib_module_names)
    ]
    assert foreign == []


def clock_reads(path: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLOCKS
            and ast.unparse(node.func.value) in {"datetime", "date", "time", "datetime.datetime", "pd.Timestamp"}
            and not (node.func.attr == "time" and ast.unparse(node.func.value) != "time")
        ):
            yield node.lineno


def test_only_the_application_reads_the_clock() -> None:
    reads = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "app.py"
        for line in clock_reads(path)
    ]
    assert reads == []


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_no_room_may_import_one_that_imports_it(room: str) -> None:
    assert not [other for other in ROOMS[room] if room in ROOMS[other]]
