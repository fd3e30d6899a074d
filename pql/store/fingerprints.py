"""The hashes of all entities of a kind in one piece, so that a run need not ask a million rows what they hold.

What stands here follows from the rows themselves, and is only believed as the last run of the job left it, about as
many rows as there are; else the rows are asked. See docs/decisions/135-fingerprints-in-one-piece.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pql.store import statements
from pql.store.records import Run
from pql.store.tables import fingerprints, runs

Column: TypeAlias = npt.NDArray[Any]
_IDS = "id"


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What is stored of some entities.

    Args:
        ids: A text each, none twice.
        columns: By name, one element an id.
    """

    ids: pa.Array
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, ids: pa.Array | Sequence[str]) -> npt.NDArray[np.int64]:
        """Where each of the ids stands; -1 for one that is not there."""
        wanted = ids if isinstance(ids, pa.Array) else pa.array(ids, type=pa.large_string())
        if wanted.equals(self.ids):
            return np.arange(len(wanted))
        found = pc.index_in(wanted, value_set=self.ids)
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)

    def names(self, places: npt.NDArray[np.int64]) -> list[str]:
        """The ids at these places."""
        texts: list[str] = self.ids.take(pa.array(places)).to_pylist()
        return texts

    def others(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The places that are not among these; -1 is none."""
        left = np.ones(len(self), dtype=bool)
        left[places[places >= 0]] = False
        return np.flatnonzero(left)

    def without(self, places: npt.NDArray[np.int64]) -> "Fingerprints":
        """All but those at these places; -1 is none."""
        kept = self.others(places)
        columns = {name: column[kept] for name, column in self.columns.items()}
        return Fingerprints(self.ids.take(pa.array(kept)), columns)

    def __add__(self, other: "Fingerprints") -> "Fingerprints":
        columns = {name: np.concatenate([column, other.columns[name]]) for name, column in self.columns.items()}
        return Fingerprints(pa.concat_arrays([self.ids, other.ids]), columns)


def of(ids: Sequence[str], **columns: Column) -> Fingerprints:
    """Fingerprints of lists."""
    return Fingerprints(pa.array(ids, type=pa.large_string()), columns)


def stored(
    connection: sa.Connection, kind: str, run: Run, rows: sa.Select[Any], types: Mapping[str, Any]
) -> Fingerprints:
    """What is stored, as the last run left it.

    Args:
        connection: Within the transaction of the run.
        kind: Under what name.
        run: The run that asks.
        rows: What gives the same from the rows: the id, then the columns.
        types: Of the columns, by their names.
    """
    count = connection.scalar(sa.select(sa.func.count()).select_from(rows.subquery()))
    kept = connection.execute(sa.select(fingerprints).where(fingerprints.c.kind == kind)).one_or_none()
    if kept is not None and kept.run_id == _last(connection, run):
        found = _read(kept.content)
        if len(found) == count and found.columns.keys() == types.keys():
            return found
    frame = statements.fetched(connection, rows, (object, *types.values()))
    return of(frame.iloc[:, 0].tolist(), **{name: frame[name].to_numpy() for name in types})


def keep(connection: sa.Connection, kind: str, run: Run, found: Fingerprints) -> None:
    """Keep what is stored from this run on."""
    row = {"kind": kind, "run_id": run.id, "content": _written(found)}
    statements.upsert(connection, fingerprints, [row], key=["kind"])


def forget(connection: sa.Connection, *kinds: str) -> None:
    """Let the next run ask the rows."""
    connection.execute(sa.delete(fingerprints).where(fingerprints.c.kind.in_(kinds)))


def _last(connection: sa.Connection, run: Run) -> str | None:
    """The last run of the job that is done."""
    done = sa.select(runs.c.id).where(runs.c.job == run.job, runs.c.status == "done")
    last: str | None = connection.scalar(done.order_by(runs.c.finished_at.desc(), runs.c.as_of.desc()).limit(1))
    return last


def _written(found: Fingerprints) -> bytes:
    table = pa.table({_IDS: found.ids, **{name: pa.array(column) for name, column in found.columns.items()}})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _read(content: bytes) -> Fingerprints:
    table = pa.ipc.open_stream(content).read_all().combine_chunks()
    columns = {name: table[name].to_numpy() for name in table.column_names if name != _IDS}
    ids = table[_IDS]
    return Fingerprints(ids.chunk(0) if ids.num_chunks else pa.array([], type=pa.large_string()), columns)
