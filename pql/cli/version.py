"""`pql version`: which program this is."""

from pql import __version__
from pql.cli.common import say


def version() -> None:
    """Print the version."""
    say(f"pql {__version__}")
