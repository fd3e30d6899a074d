"""Two runs of the main job over a project: the first ever, and a later one, each with its delivery."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pql.app import App, open_app
from pql.jobs.deliver import Delivered
from pql.jobs.detect import RunReport
from pql.store.records import Notification


class Clock:
    """Tells the instant that a test sets."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class History:
    """What the two runs came to; the application stands at the instant of the later one."""

    app: App
    first: RunReport
    first_delivered: Delivered
    later: RunReport
    later_delivered: Delivered

    def messages(self) -> list[Notification]:
        """All that was ever written."""
        return self.app.store.notifications(limit=100_000)

    def lead_times(self) -> dict[str, int | None]:
        """The converted episodes of the first run: the microseconds to the conversion, by lead."""
        episodes = [episode for lead_id in self.first.opened for episode in self.app.store.episodes(lead_id)]
        return {episode.lead_id: episode.lead_time_micros for episode in episodes if episode.status == "converted"}


@contextmanager
def two_runs(folder: Path, environ: Mapping[str, str], first_at: datetime, later_at: datetime) -> Iterator[History]:
    """Run a project twice, deliver after each run, and close it after the block."""
    clock = Clock(first_at)
    app = open_app(folder, environ, clock=clock)
    try:
        first, first_delivered = app.run(), app.deliver()
        clock.at = later_at
        yield History(app, first, first_delivered, app.run(), app.deliver())
    finally:
        app.close()
