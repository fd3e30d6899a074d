"""Expected texts in files, side by side with what made them. `PQL_WRITE_GOLDEN=1 pytest` writes them anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "testdata" / "notify"


def assert_golden(name: str, text: str) -> None:
    """The text equals the file's."""
    path = FOLDER / name
    if os.environ.get("PQL_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
