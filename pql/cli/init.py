"""`pql init DIR`: a project to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from pql.cli.common import note, say


def init(directory: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Make a project from the starter: config/, signals/, notifiers/, sql/."""
    from pql.config.starter import copy_starter

    files = copy_starter(directory)
    say(f"Made {len(files)} files in {directory}. Nothing is sent until you set delivery.mode in config/pql.yml.")
    note("Next:")
    note(f"  cd {directory}")
    note("  put your database's URL into .env (see .env.example), and your tables into sql/")
    note("  pql check")
    note("  pql run --dry-run")
