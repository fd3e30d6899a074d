"""The command line: one file a command. Results go to stdout, progress and errors to stderr.

Exit codes: 0 fine, 1 problems were found or something failed, 2 wrong usage.
"""

import sys

from pql.cli.main import app
from pql.errors import PqlError


def main() -> None:
    """Run the command that was asked for; a known error becomes one plain line."""
    try:
        app()
    except PqlError as exc:
        sys.stderr.write(f"{exc}\n")
        sys.exit(1)


__all__ = ["main"]
