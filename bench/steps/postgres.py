"""What the hand-written queries do, on PostgreSQL."""

from datetime import datetime
from pathlib import Path

from bench.rivals import postgres
from bench.steps import Told, keep, step, watch


@step
def postgres_load(*, file: str, url: str, folder: str) -> Told:
    """Load a world."""
    with watch:
        return {"events": postgres.load(Path(file), url, Path(folder))}


@step
def postgres_land(*, file: str, url: str, folder: str, number: int) -> Told:
    """Let one more day land."""
    with watch:
        return {"events": postgres.land(Path(file), url, Path(folder), number)}


@step
def postgres_scan(*, url: str) -> Told:
    """The bare scan."""
    with watch:
        return {"accounts": postgres.scan(url)}


@step
def postgres_twelve(*, url: str, as_of: str, out: str | None = None) -> Told:
    """Twelve queries."""
    with watch:
        frame = postgres.twelve(url, datetime.fromisoformat(as_of))
    keep(frame, out)
    return {"accounts": len(frame)}
