"""Names: two of one name, and names that differ from the file's."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from pql.config.parts import Parts
from pql.config.problems import Problem


def file_names(parts: Parts) -> Iterator[Problem]:
    """Signals and moments that are not called like their file, and two of one name."""
    seen: dict[str, str] = {}
    named = [(entry.document, "signal", entry.shape.signal) for entry in parts.signals]
    named += [(entry.document, "moment", entry.shape.moment) for entry in parts.moments]
    for document, key, name in sorted(named, key=lambda each: each[0].path):
        stem = PurePosixPath(document.path).stem
        if name in seen:
            message = f"{seen[name]} has the name '{name}' already"
            yield document.problem((key,), "C040", message, f"call it '{stem}', like its file")
        elif name != stem:
            message = f"the {key} '{name}' stands in a file named '{stem}'"
            yield document.problem((key,), "C041", message, f"write {key}: {stem}, or rename the file")
        seen.setdefault(name, document.path)


CHECKS: Sequence[Callable[[Parts], Iterator[Problem]]] = (file_names,)
