"""The files of a project folder, as text; what cannot be read becomes a problem."""

from collections.abc import Sequence
from pathlib import Path

from pql.config.problems import Problem
from pql.config.shapes.channels import CHANNEL_FILES
from pql.config.translate import near

CONFIG_FILES = ("pql", "icp", "scoring", "stages", "routing", "customers")
_YAML, _OTHER_YAML = ".yml", ".yaml"


class Files:
    """Reads a project's files; each path is read once, and its problems are collected."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self._texts: dict[str, str | None] = {}

    def text(self, path: str) -> str | None:
        """The text of a file, with plain line ends; None where it cannot be read."""
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        try:
            return (self.folder / path).is_file()
        except (OSError, ValueError):
            return False

    def inside(self, path: str, folder: str) -> bool:
        """Whether the path of a file that is there stays below a folder of the project."""
        return (self.folder / path).resolve().is_relative_to((self.folder / folder).resolve())

    def names(self, folder: str) -> Sequence[str]:
        """The paths of the plain files in a folder of the project, sorted; hidden ones are left out."""
        try:
            entries = sorted((self.folder / folder).iterdir())
        except OSError:
            return []
        return [f"{folder}/{entry.name}" for entry in entries if entry.is_file() and not entry.name.startswith(".")]

    def folders(self, folder: str) -> Sequence[str]:
        """The names of the folders in a folder of the project, sorted; hidden ones are left out."""
        try:
            entries = sorted((self.folder / folder).iterdir())
        except OSError:
            return []
        return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith((".", "_"))]

    def problem(self, path: str, code: str, message: str, hint: str = "", *, line: int = 1, column: int = 1) -> None:
        """Note a problem that has no place in a document."""
        self.problems.append(Problem(path=path, line=line, column=column, code=code, message=message, hint=hint))

    def _read(self, path: str) -> str | None:
        try:
            content = (self.folder / path).read_bytes()
        except FileNotFoundError:
            self.problem(path, "C001", f"there is no file {path}", "pql init DIR makes a whole project")
            return None
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            self.problem(path, "C003", f"{path} cannot be read: {reason}")
            return None
        try:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as exc:
            before = content[: exc.start]
            line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
            message = f"byte 0x{content[exc.start]:02X} is not UTF-8"
            self.problem(path, "C002", message, "save the file as UTF-8", line=line, column=column)
            return None


def misplaced(files: Files) -> None:
    """Note the files that nobody reads because of their name or place."""
    known = [f"config/{name}{_YAML}" for name in CONFIG_FILES]
    for path in files.names("config"):
        if path not in known:
            files.problem(path, "C008", "nothing reads this file", near(path, known) or f"known are {', '.join(known)}")
    for path in files.names("signals"):
        if path.endswith(_OTHER_YAML):
            files.problem(path, "C008", "nothing reads this file", f"name it {Path(path).stem}{_YAML}")
    for name in files.folders("notifiers"):
        if name not in CHANNEL_FILES:
            hint = near(name, CHANNEL_FILES) or f"known are {', '.join(CHANNEL_FILES)}"
            files.problem(f"notifiers/{name}", "C008", f"there is no channel '{name}'", hint)
