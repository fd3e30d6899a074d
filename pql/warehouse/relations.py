"""The relations of a project as the source has them: which there are, with which columns, and as subqueries."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from pql.config.settings import SqlFile
from pql.domain.partials import Partial
from pql.errors import SourceMismatch
from pql.warehouse.engines import Column, Engine, Expr, Kind
from pql.warehouse.source import Source
from pql.warehouse.statements import escaped, render

# What each relation must have, and what the engine knows beside it. Any other column is an attribute.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "events": ("account_id", "user_id", "occurred_at", "event"),
    "accounts": ("account_id", "name", "created_at"),
    "users": ("user_id", "account_id"),
    "allowances": ("account_id", "meter", "allowed"),
    "subscriptions": ("account_id", "plan", "status", "started_at"),
    "touches": ("account_id", "occurred_at", "touch"),
    "answers": ("account_id", "question", "answer"),
    "deals": ("account_id", "status"),
    "reps": ("email", "name"),
}
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "events": ("event_id", "feature", "quantity", "properties", "ingested_at"),
    "accounts": ("domain", "plan", "owner_email", "success_owner_email"),
    "users": ("email", "name", "role", "created_at"),
    "allowances": ("period", "used"),
    "subscriptions": ("mrr", "ended_at", "trial_ends_at"),
    "touches": ("user_id", "touch_id", "properties"),
    "answers": ("user_id", "answered_at"),
    "deals": ("deal_id", "owner_email"),
    "reps": ("team", "time_zone", "slack_id", "active"),
}
NEEDED = ("events", "accounts")
PROPERTY = "properties."
IDS = frozenset({"account_id", "user_id"})
ROW_IDS = frozenset({"event_id", "touch_id"})

_NO_START: datetime | None = None
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation.

    Args:
        kinds: What each column holds, by its name in lower case.
        names: The column's name as the source spells it.
        types: Its type as SQL writes it.
    """

    name: str
    file: SqlFile
    kinds: Mapping[str, Kind]
    names: Mapping[str, str]
    types: Mapping[str, str]
    engine: Engine
    variables: Mapping[str, object]

    def has(self, column: str) -> bool:
        """Whether there is such a column, or the column that holds such a property."""
        return column in self.kinds or (column.startswith(PROPERTY) and "properties" in self.kinds)

    @property
    def exact(self) -> bool:
        """Whether `Engine.within` bounds its rows to the microsecond."""
        return self.engine.exact_instants and self.kinds.get("occurred_at") is Kind.INSTANT

    def has_all(self, partial: Partial) -> bool:
        """Whether it has all that a partial reads."""
        return self.lacks(partial) is None

    def lacks(self, partial: Partial) -> str | None:
        """The first column that a partial reads and the relation has not."""
        names = [*partial.where.columns, *([] if partial.of is None else [partial.of])]
        return next((name for name in names if not self.has(name)), None)

    def fingerprint(self, time_zone: str) -> str:
        """Changes when the relation's SQL, its variables or the meaning of its times do."""
        parts = [self.file.text, time_zone, self.engine.naive_zone.key, repr(sorted(self.variables.items()))]
        return hashlib.blake2s("\0".join(parts).encode(), digest_size=12).hexdigest()

    def rows(self, *, start: datetime | None = None, end: datetime = LATEST) -> "Rows":
        """The team's SELECT as a subquery.

        Args:
            start: No older rows are needed (None: all); the SELECT may leave them out, and need not.
            end: No newer rows are needed.
        """
        # A day more on both sides: a team may compare with a wall clock.
        margin = timedelta(days=1)
        sql = render(self.file, self.variables, start=None if start is None else start - margin, end=end + margin)
        columns: list[sa.ColumnClause[Any]] = [sa.column(quoted_name(name, quote=True)) for name in self.names.values()]
        # The line break ends a comment on the last line.
        subquery = sa.text(escaped(sql) + "\n").columns(*columns).subquery(f"pql_{self.name}")
        return Rows(self, subquery)


@dataclass(frozen=True, slots=True)
class Rows:
    """A relation's rows in a statement.

    Args:
        ready: What is worked out already, by `clean` name: ids, texts as they are compared, and `at_micros`.
    """

    relation: Relation
    subquery: Any
    ready: Mapping[str, Column] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """A column, or `properties.<key>`, as the source has it."""
        relation = self.relation
        if name in relation.kinds:
            return Column(self.subquery.c[relation.names[name]], relation.kinds[name])
        return relation.engine.in_json(self.column("properties"), name.removeprefix(PROPERTY))

    def clean(self, name: str) -> Column:
        """A column with our normalisation: ids are trimmed text, the quantity is a finite number."""
        if name in self.ready:
            return self.ready[name]
        engine, column = self.relation.engine, self.column(name)
        if name in ROW_IDS:
            # Not trimmed: these are many, machines make them, and they are only compared with each other.
            return Column(sa.func.nullif(engine.text(column), ""), Kind.TEXT)
        if name in IDS:
            return Column(engine.id_text(column), Kind.TEXT)
        if name == "quantity":
            return Column(engine.number(column), Kind.NUMBER)
        return column


def prepared(rows: Rows, folded: Iterable[str], where: Sequence[Expr]) -> Rows:
    """The rows with what statements ask of them more than once worked out beneath: ids, instants, folded texts.

    Args:
        folded: The columns and properties whose texts are compared.
        where: Which rows are wanted.
    """
    engine, relation = rows.relation.engine, rows.relation
    texts = {name: column for name in folded if (column := rows.clean(name)).kind in (Kind.TEXT, Kind.OTHER, Kind.JSON)}
    made: dict[str, Expr] = {f"pql_id_{name}": rows.clean(name).expr for name in sorted(IDS) if relation.has(name)}
    made |= {f"pql_folded_{number}": engine.folded(column) for number, column in enumerate(texts.values())}
    made["pql_at_micros"] = engine.micros(rows.column("occurred_at"))
    made |= {f"pql_text_{number}": column.expr for number, column in enumerate(texts.values())}
    select = sa.select(*rows.subquery.c, *(expr.label(name) for name, expr in made.items())).where(*where)
    beneath = engine.fenced(select).subquery(f"pql_{relation.name}_prepared")
    ready = {name: Column(beneath.c[f"pql_id_{name}"], Kind.TEXT) for name in sorted(IDS) if relation.has(name)}
    for number, (name, column) in enumerate(texts.items()):
        text = ready[name].expr if name in ready else beneath.c[f"pql_text_{number}"]
        ready[name] = Column(text, column.kind, beneath.c[f"pql_folded_{number}"])
    ready["at_micros"] = Column(beneath.c.pql_at_micros, Kind.WHOLE)
    return Rows(relation, beneath, ready)


class Relations:
    """All relations of a project; each is described once, when it is first asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[str, Relation] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._source.usage.relations

    def names(self) -> tuple[str, ...]:
        """The relations that the project has files for."""
        return tuple(name for name in REQUIRED if name in self)

    def get(self, name: str) -> Relation | None:
        """A relation; None where the project has no file for it.

        Raises:
            SourceMismatch: Its SQL is rejected, or a column that it must have is missing.
            SourceUnreachable: The source does not answer.
        """
        if name not in self:
            if name in NEEDED:
                raise SourceMismatch(f"sql/{name}.sql is missing; write a SELECT of {', '.join(REQUIRED[name])}")
            return None
        if name not in self._known:
            self._known[name] = self._describe(name)
        return self._known[name]

    def needed(self, name: str) -> Relation:
        """A relation that must be there."""
        relation = self.get(name)
        if relation is None:
            raise SourceMismatch(f"sql/{name}.sql is missing; write a SELECT of {', '.join(REQUIRED[name])}")
        return relation

    def _describe(self, name: str) -> Relation:
        usage = self._source.usage
        file = usage.relations[name]
        sql = render(file, usage.variables, start=_NO_START, end=LATEST)
        kinds = self._source.describe(sql, file.path)
        lower = {column.lower(): column for column in kinds}
        missing = [column for column in REQUIRED[name] if column not in lower]
        if missing:
            raise SourceMismatch(
                f"{file.path}:1: the relation '{name}' has no column '{missing[0]}'; it has "
                f"{', '.join(kinds)}: select one of them `AS {missing[0]}`"
            )
        known = {column: kinds[spelled].kind for column, spelled in lower.items()}
        types = {column: kinds[spelled].sql_type for column, spelled in lower.items()}
        return Relation(name, file, known, lower, types, self._source.engine, usage.variables)
