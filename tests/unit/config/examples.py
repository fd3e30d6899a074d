"""The examples in the documentation, by the file that each one names in its first line."""

import re
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
_BLOCK = re.compile(r"^```(?P<language>yaml|sql|python)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^(?:#|--) (?P<path>(?:signals|sql|config)/\S+)\n")


def pages() -> list[Path]:
    """The pages whose examples are loaded."""
    kinds = [path for folder in ("measures", "moments") for path in sorted((DOCS / folder).glob("*.md"))]
    return [*kinds, DOCS / "write-a-signal.md", DOCS / "routing.md"]


def examples(page: Path) -> Iterator[tuple[str, str]]:
    """The path and the text of each example on a page.

    Raises:
        AssertionError: A block names no file, so that nobody could try it.
    """
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        named = _NAMED.match(block["text"])
        assert named, f"{page.name}: a block of {block['language']} names no file in its first line"
        yield named["path"], block["text"]
