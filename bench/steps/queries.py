"""What the hand-written queries do, on DuckDB."""

from datetime import datetime
from pathlib import Path

from bench.rivals.raw import Raw
from bench.steps import Told, keep, step, watch


@step
def scan(*, file: str, folder: str) -> Told:
    """The bare scan."""
    with watch:
        raw = Raw(Path(file), Path(folder))
        frame = raw.scan()
        raw.close()
    return {"accounts": len(frame)}


@step
def raw_state(*, file: str, folder: str) -> Told:
    """Make the state of first-ever facts."""
    with watch:
        raw = Raw(Path(file), Path(folder))
        raw.remember()
        raw.close()
    return None


@step
def raw_query(
    *, file: str, folder: str, as_of: str, variant: str, since: str | None = None, out: str | None = None
) -> Told:
    """The best query over raw events, and before it the upkeep of its state."""
    with watch:
        raw = Raw(Path(file), Path(folder))
        if since:
            raw.remember(datetime.fromisoformat(since))
        frame = raw.evaluate(datetime.fromisoformat(as_of), variant)
        raw.close()
    keep(frame, out)
    return {"accounts": len(frame)}
