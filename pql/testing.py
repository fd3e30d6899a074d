"""Fakes that we ship: for the project's own tests, and for those of teams that build on it."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta

from pql.domain.messages import Alert, Outgoing, Receipt, Rendered
from pql.notify.alerts import with_alert


class RecordingChannel:
    """A channel that keeps what it is given, and fails as it is told to.

    Args:
        name: The channel's name.
        script: What each try does, in order: None takes the message, an error is raised. After the script, all is
            taken.
    """

    def __init__(self, name: str = "file", script: Iterable[Exception | None] = ()) -> None:
        self.name = name
        self.taken: list[Outgoing] = []
        self.tries: list[Outgoing] = []
        self._script = iter(script)

    def render(self, alert: Alert) -> Rendered:
        """The alert's own fields."""
        return with_alert(self.name, alert, {**asdict(alert), "as_of": alert.as_of.isoformat()})

    def send(self, outgoing: Outgoing) -> Receipt:
        """Keep the message, or fail as the script says."""
        self.tries.append(outgoing)
        if (error := next(self._script, None)) is not None:
            raise error
        self.taken.append(outgoing)
        return Receipt(reference=f"{self.name}:{len(self.taken)}")


class SteppingClock:
    """A clock that stands still until it is moved, and moves while somebody waits."""

    def __init__(self, start: datetime) -> None:
        self.now = start
        self.waited: list[float] = []

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.waited.append(seconds)
        self.now += timedelta(seconds=seconds)
