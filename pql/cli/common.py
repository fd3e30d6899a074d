"""What the commands share: the project's folder, JSON output, tables. Imports stay light, so that --help is quick."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pql.jobs.collecting import loading

if TYPE_CHECKING:
    from pql.app import App

ProjectFolder = Annotated[
    Path,
    typer.Option("--project", "-C", help="The project's folder.", envvar="PQL_PROJECT", show_default="here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="An instant, like 2026-01-31T00:00Z; by default now.")]
HERE = Path()


def read_instant(text: str) -> datetime:
    """An instant in ISO 8601 with its zone; `Z` is UTC, a bare date is its midnight in UTC.

    Raises:
        typer.BadParameter: It is none, or has no zone.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"'{text}' is no instant; write one like 2026-01-31T00:00Z") from exc
    if len(text) == len("2026-01-31"):
        return instant.replace(tzinfo=UTC)
    if instant.tzinfo is None:
        raise typer.BadParameter(f"'{text}' has no time zone; write one like {text}Z")
    return instant.astimezone(UTC)


def environment(folder: Path) -> dict[str, str]:
    """The variables that `${NAME}` is looked up in: the process's own, and those of the project's `.env` below them."""
    from dotenv import dotenv_values

    written = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return {**written, **os.environ}


@contextmanager
def opened(folder: Path) -> Iterator["App"]:
    """The application of a project's folder, closed at the end."""
    with loading():
        from pql.app import open_app

    app = open_app(folder, environment(folder))
    try:
        yield app
    finally:
        app.close()


def print_json(value: object) -> None:
    """Print a value as JSON: instants as ISO text, everything else that JSON lacks as text."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """Print a table, or the sentence for an empty one."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Where nobody sees the width of a screen (a pipe, a file), rows need not be folded to 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 160)
    if not rows:
        console.print(Text(empty))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, and not markup: a lead may be called "[red]".
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def say(text: str = "") -> None:
    """One line of a result."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """One line beside the result: progress, hints."""
    sys.stderr.write(text + "\n")
