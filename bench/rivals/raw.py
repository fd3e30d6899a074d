"""The best queries over raw events that we can write by hand, in DuckDB; first-ever facts are kept in a state table."""

from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

from bench.rivals.bounds import bounds
from bench.worlds import CALENDAR, QUERIES

VARIANTS = ("fused", "classes", "levels")


class Raw:
    """A connection to a world, and a state file of our own beside it.

    Args:
        world: The database with `events` and `accounts`; where it is not there, they are Parquet beside it.
        folder: Where `raw_state.duckdb` is kept.
    """

    def __init__(self, world: Path, folder: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        # The order in which rows stand is of no use here, and keeping it costs.
        self._connection.execute("SET preserve_insertion_order = false")
        self._connection.execute(f"ATTACH '{folder / 'raw_state.duckdb'}' AS state")
        if world.exists():
            self._connection.execute(f"ATTACH '{world}' AS world (READ_ONLY)")
            self._connection.execute("USE world")
            return
        for name, files in {"events": "events/*/*.parquet", "accounts": "accounts.parquet"}.items():
            view = f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder / files}')"
            self._connection.execute(view)

    def scan(self) -> pd.DataFrame:
        """The bare scan: how many events each account has."""
        return self._connection.execute(text("scan")).df()

    def remember(self, since: datetime | None = None) -> None:
        """Bring the state up to date with what arrived since; None: with all."""
        if since is None:
            self._connection.execute(
                "CREATE OR REPLACE TABLE state.first_seen AS SELECT account_id, min(occurred_at) AS first_at "
                "FROM events WHERE event = 'integration_connected' GROUP BY account_id"
            )
            self._connection.execute("ALTER TABLE state.first_seen ADD PRIMARY KEY (account_id)")
            return
        self._connection.execute(
            "INSERT INTO state.first_seen SELECT account_id, min(occurred_at) FROM events "
            "WHERE ingested_at >= $since AND event = 'integration_connected' GROUP BY account_id "
            "ON CONFLICT DO UPDATE SET first_at = least(first_at, excluded.first_at)",
            {"since": since},
        )

    def evaluate(self, as_of: datetime, variant: str) -> pd.DataFrame:
        """The twelve numbers of every account, by one of `VARIANTS`."""
        query = text(f"raw_{variant}")
        bound = {name: value for name, value in bounds(CALENDAR, as_of).items() if f"${name}" in query}
        return self._connection.execute(query, bound).df().set_index("account_id").sort_index()

    def close(self) -> None:
        """Close both files."""
        self._connection.close()


def text(name: str) -> str:
    """The text of a query."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
