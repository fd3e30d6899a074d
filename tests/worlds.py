"""A small demo company in a project folder, for tests of the whole program."""

from collections.abc import Mapping
from pathlib import Path

from pql.app import App, open_app
from pql.config.settings import DeliverySettings
from pql.config.starter import copy_starter
from pql.demo import UNTIL, generate

TO_FILES = DeliverySettings(mode="redirect", redirect={"file": "test"})
ACCOUNTS, DAYS = 260, 45


def make_world(folder: Path) -> Path:
    """The starter project over a small world that ends at `UNTIL`."""
    copy_starter(folder)
    (folder / "data").mkdir(exist_ok=True)
    generate(folder / "data" / "usage.duckdb", seed=11, accounts=ACCOUNTS, days=DAYS, until=UNTIL)
    return folder


class World:
    """A project folder and a clock that tests set.

    Args:
        folder: The project.
        delivery: In place of the project's own.
    """

    def __init__(self, folder: Path, *, delivery: DeliverySettings | None = TO_FILES) -> None:
        self.folder = folder
        self.now = UNTIL
        self._delivery = delivery

    def open(self, environ: Mapping[str, str] | None = None) -> App:
        """The application; the caller closes it."""
        return open_app(self.folder, environ or {}, delivery=self._delivery, clock=lambda: self.now)
