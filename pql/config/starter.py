"""The starter: a complete project to begin with, copied by `pql init`.

It is the repository's own project (the demo company). A wheel carries it as `pql/starter/`; in a checkout it stands at
the repository's root.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pql.config.yaml import Spot, read_yaml
from pql.errors import ConfigError

FOLDERS = ("config", "signals", "notifiers", "sql")
ENVIRONMENT = ".env.example"
_PACKAGE = Path(__file__).parents[1]
_SCHEMAS = _PACKAGE / "config" / "schemas"
_SCHEMAS_HERE, _SCHEMAS_THERE = "pql/config/schemas/", ".pql/schemas/"
_IGNORED = """\
# Secrets, what the program remembers, and data do not belong into Git.
.env
var/
data/
__pycache__/
"""


def starter_folder() -> Path:
    """Where the starter's files stand.

    Raises:
        ConfigError: The installation is not whole.
    """
    for folder in (_PACKAGE / "starter", _PACKAGE.parent):
        if (folder / "config" / "pql.yml").is_file():
            return folder
    raise ConfigError(f"the starter project is missing from {_PACKAGE}; install the package again")


def copy_starter(destination: Path) -> list[Path]:
    """Make a project in a folder: the starter's files, `.gitignore`, `.env.example` and the JSON Schemas.

    The folder may hold other files; nothing is overwritten. `delivery.mode` is off, whatever the starter says.

    Args:
        destination: Made if it is not there.

    Returns:
        The files written, sorted.

    Raises:
        ConfigError: One of the files is there already, or the folder cannot be written; nothing was written then,
            unless the disk failed half-way.
    """
    files = dict(_contents())
    try:
        _refuse_to_overwrite(destination, files)
        for path, content in files.items():
            place = destination / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    except OSError as exc:
        raise ConfigError(f"cannot make a project in {destination}: {exc.strerror or exc}") from exc
    return sorted(destination / path for path in files)


def _refuse_to_overwrite(destination: Path, files: dict[str, bytes]) -> None:
    if destination.exists() and not destination.is_dir():
        raise ConfigError(f"{destination} is a file; name a new or empty folder")
    there = [path for path in files if (destination / path).exists()]
    if there:
        others = f" and {len(there) - 1} other files" if len(there) > 1 else ""
        raise ConfigError(f"{destination} has {there[0]}{others} already; name a new or empty folder")


def _contents() -> Iterator[tuple[str, bytes]]:
    folder = starter_folder()
    yield ".gitignore", _IGNORED.encode()
    yield ENVIRONMENT, (folder / ENVIRONMENT).read_bytes()
    for schema in sorted(_SCHEMAS.glob("*.json")):
        yield f"{_SCHEMAS_THERE}{schema.name}", schema.read_bytes()
    for name in FOLDERS:
        for path in sorted((folder / name).rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and "__pycache__" not in relative.parts:
                yield relative.as_posix(), _adapted(relative.as_posix(), path.read_bytes())


def _adapted(path: str, content: bytes) -> bytes:
    if not path.endswith(".yml"):
        return content
    text = content.decode("utf-8").replace(_SCHEMAS_HERE, _SCHEMAS_THERE, 1)
    return (_switched_off(path, text) if path == "config/pql.yml" else text).encode("utf-8")


def _switched_off(path: str, text: str) -> str:
    """The project's settings with `delivery.mode: off`, and all else as it is written."""
    document, _ = read_yaml(path, text)
    at = ("delivery", "mode")
    if document is None or at not in document.values:
        return text  # off is the default
    return _with_word(text, document.values[at], "off")


def _with_word(text: str, spot: Spot, word: str) -> str:
    lines = text.split("\n")
    line = lines[spot.line - 1]
    rest = re.sub(r"^(?:\"[^\"]*\"|'[^']*'|[^\s,}#]+)", word, line[spot.column - 1 :])
    lines[spot.line - 1] = line[: spot.column - 1] + rest
    return "\n".join(lines)
