"""What pandas does, and the numbers that dbt left."""

from datetime import datetime
from pathlib import Path

from bench.rivals.frames import Frames, Plain
from bench.steps import Told, keep, step, watch
from bench.worlds import CALENDAR


@step
def dbt_numbers(*, folder: str, out: str) -> Told:
    """The numbers that dbt left in its database, for `compare`."""
    import duckdb  # noqa: PLC0415 - other steps do without it

    with duckdb.connect(f"{folder}/dbt.duckdb", read_only=True) as connection, watch:
        keep(connection.execute("SELECT * FROM signals").df().set_index("account_id"), out)
    return None


@step
def pandas_build(*, file: str, folder: str, first_day: int, as_of: str) -> Told:
    """The daily aggregates of all of a history."""
    with watch:
        newest = CALENDAR.last_day_before(datetime.fromisoformat(as_of))
        Frames(Path(file), Path(folder)).build(range(first_day, newest + 1))
    return None


@step
def pandas_increment(*, file: str, folder: str, as_of: str, out: str | None = None) -> Told:
    """The newest days rolled up, and the twelve numbers."""
    return _with_pandas(Frames, file, folder, as_of, out)


@step
def pandas_plain(*, file: str, folder: str, as_of: str, out: str | None = None) -> Told:
    """The twelve numbers from the events themselves."""
    return _with_pandas(Plain, file, folder, as_of, out)


def _with_pandas(kind: type[Frames], file: str, folder: str, as_of: str, out: str | None) -> Told:
    at = datetime.fromisoformat(as_of)
    with watch:
        frames = kind(Path(file), Path(folder))
        frames.increment(at)
        frame = frames.evaluate(at)
    keep(frame, out)
    return {"accounts": len(frame)}
