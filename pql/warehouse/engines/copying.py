"""Results of PostgreSQL by COPY, read as Arrow: no object of Python for each value."""

from collections.abc import Mapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import csv

# Of a result, as text; what is more goes to a file on its way.
MOST_BYTES = 64_000_000
_TYPES: Mapping[type[sa.types.TypeEngine[Any]], pa.DataType] = {
    sa.Text: pa.string(),
    sa.Integer: pa.int64(),
    sa.Boolean: pa.bool_(),
}


def arrow_types(statement: sa.Executable) -> Mapping[str, pa.DataType] | None:
    """The columns of a SELECT of texts, whole numbers and truths; None where there are others."""
    if not isinstance(statement, sa.SelectBase):
        return None
    types: dict[str, pa.DataType] = {}
    for column in statement.selected_columns:
        kinds = [arrow for kind, arrow in _TYPES.items() if isinstance(column.type, kind)]
        if not kinds or column.key is None or column.key in types:
            return None
        types[column.key] = kinds[0]
    return types


def copied(
    connection: sa.Connection,
    statement: sa.ClauseElement,
    parameters: Mapping[str, object],
    types: Mapping[str, pa.DataType],
) -> pa.Table:
    """All rows of a SELECT, whose columns are those of `arrow_types`."""
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params(dict(parameters), escape_names=False) or {}
    if not connection.in_transaction():
        connection.begin()  # else nobody would end the driver's own
    raw: Any = connection.connection.dbapi_connection
    dbapi: Any = connection.dialect.dbapi
    try:
        with raw.cursor() as cursor, SpooledTemporaryFile(MOST_BYTES) as written:
            with cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT csv)", values) as rows:
                written.writelines(rows)
            return _read_csv(written, types)
    except dbapi.Error as exc:
        raise _wrapped(exc, str(compiled), connection) from exc


def _read_csv(written: IO[bytes], types: Mapping[str, pa.DataType]) -> pa.Table:
    if not written.tell():
        return pa.schema(types).empty_table()
    written.seek(0)
    return csv.read_csv(
        written,
        read_options=csv.ReadOptions(column_names=list(types)),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        # What is in quotes is a text, even if it is empty.
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _wrapped(exc: Exception, statement: str, connection: sa.Connection) -> Exception:
    """A driver's error, as SQLAlchemy's connection would raise it."""
    dbapi: Any = connection.dialect.dbapi
    lost = bool(getattr(connection.connection.dbapi_connection, "closed", False))
    wrapped: Exception = sa.exc.DBAPIError.instance(
        statement, None, exc, dbapi.Error, connection_invalidated=lost, dialect=connection.dialect
    )
    return wrapped
