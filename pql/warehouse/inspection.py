"""Looking a source over before anything runs on it: what `pql check` says of the relations and statements."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pql.domain.conditions import Condition
from pql.domain.definitions import Definitions
from pql.domain.measures import Measure
from pql.domain.measures.function import Function
from pql.domain.partials import AttributeInput, Input, Level, PartialInput, StatementInput, UserCountInput
from pql.errors import SourceMismatch, SourceUnreachable
from pql.warehouse.engines import Kind
from pql.warehouse.filters import condition_sql
from pql.warehouse.inputs import statement_kinds
from pql.warehouse.members import KEYS
from pql.warehouse.relations import NEEDED, REQUIRED, Relation, Relations
from pql.warehouse.source import Source

_PLACE = re.compile(r"^(?P<path>[^:\s]+):(?P<line>\d+): (?P<message>.*)$", re.DOTALL)
_TIMES = ("occurred_at", "created_at", "started_at", "ended_at", "trial_ends_at", "answered_at")
_NO_TIMES = (Kind.TRUTH, Kind.NESTED, Kind.JSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about the source that a person should mend.

    Args:
        path: The file, from the project's folder.
        line: From 1.
        column: From 1.
        message: What is wrong.
        hint: What to do; may be empty.
        what: A word for machines: connection, relation, sql, column, type, as_of, filter.
    """

    path: str
    line: int = 1
    column: int = 1
    message: str
    hint: str = ""
    what: str


def inspect(source: Source, relations: Relations, definitions: Definitions) -> Sequence[Finding]:
    """Everything that can be said without reading a row, in the order of files."""
    try:
        source.connection()
    except SourceUnreachable as exc:
        return [Finding(path="config/pql.yml", message=str(exc), what="connection")]
    missing = [
        Finding(
            path=f"sql/{name}.sql",
            message=f"the relation '{name}' is missing",
            hint=f"write a SELECT of {', '.join(REQUIRED[name])}",
            what="relation",
        )
        for name in NEEDED
        if name not in relations
    ]
    found = [finding for name in relations.names() for finding in _relation(relations, name)]
    statements = [finding for file in sorted(source.usage.statements) for finding in _statement(source, file)]
    broken = {finding.path for finding in [*missing, *found, *statements]}
    return [*missing, *found, *statements, *_definitions(relations, definitions, source, broken)]


def _relation(relations: Relations, name: str) -> Iterable[Finding]:
    try:
        relation = relations.needed(name)
    except SourceMismatch as exc:
        yield _placed(exc, "sql" if "rejects" in str(exc) or "template" in str(exc) else "column")
        return
    for column in _TIMES:
        if relation.has(column) and relation.kinds[column] in _NO_TIMES:
            yield Finding(
                path=relation.file.path,
                message=f"'{column}' holds no time but {relation.kinds[column]}",
                hint="select a timestamp, ISO text, or a number of seconds since 1970",
                what="type",
            )


def _statement(source: Source, file: str) -> Iterable[Finding]:
    try:
        _, kinds = statement_kinds(source, file)
    except SourceMismatch as exc:
        yield _placed(exc, "as_of" if ":as_of" in str(exc) else "sql")
        return
    names = {column.lower() for column in kinds}
    if "value" not in names or not names & set(KEYS.values()):
        yield Finding(
            path=file,
            message=f"the SQL gives {', '.join(kinds)}",
            hint=f"select `value` and one of {', '.join(KEYS.values())}",
            what="column",
        )


def _placed(error: SourceMismatch, what: str) -> Finding:
    match = _PLACE.match(str(error))
    if match is None:
        path, _, message = str(error).partition(": ")
        return Finding(path=path, message=message, what=what)
    message, _, hint = match["message"].partition("; ")
    return Finding(path=match["path"], line=int(match["line"]), message=message, hint=hint, what=what)


def _definitions(relations: Relations, definitions: Definitions, source: Source, broken: set[str]) -> Iterable[Finding]:
    """What signals and moments ask of relations that cannot give it; a relation that is absent is no fault."""
    lack = _Lack(relations, source, broken)
    for signal in definitions.signals:
        for measure in _all_measures(signal.measure):
            level = measure.level or definitions.lead
            for wanted in measure.inputs().values():
                yield from lack.of_input(wanted, level, f"signals/{signal.name}.yml")
    for moment in definitions.moments:
        given = moment.pattern.event_filter
        names = [*moment.pattern.columns, *(given.columns if given else ())]
        for name in dict.fromkeys(names):
            yield from lack.of_column("events", name, f"signals/{moment.name}.yml")
        if moment.pattern.state == "allowances":
            yield from lack.of_column("allowances", "used", f"signals/{moment.name}.yml")
        if given is not None:
            yield from lack.of_filter("events", given.conditions, f"signals/{moment.name}.yml")


def _all_measures(measure: Measure) -> Iterable[Measure]:
    return measure.uses.values() if isinstance(measure, Function) else [measure]


class _Lack:
    """What a usable relation does not have."""

    def __init__(self, relations: Relations, source: Source, broken: set[str]) -> None:
        self._relations = relations
        self._source = source
        self._broken = broken
        self._said: set[tuple[str, str]] = set()

    def of_input(self, wanted: Input, level: Level, path: str) -> Iterable[Finding]:
        match wanted:
            case PartialInput(partial=partial):
                relation = partial.relation.value
                names = [*partial.where.columns, *([] if partial.of is None else [partial.of])]
                for name in names:
                    yield from self.of_column(relation, name, path)
                yield from self.of_filter(relation, partial.where.conditions, path)
            case UserCountInput(where=where):
                for name in where.columns:
                    yield from self.of_column("users", name, path)
            case AttributeInput(name=name) if level is not Level.USER and name not in _derived(self._relations):
                yield from self.of_column("accounts", name, path)
            case StatementInput(file=file) if file not in self._source.usage.statements:
                yield from self._once(path, file, f"there is no file '{file}'", "write the SELECT there", "relation")
            case _:
                return

    def of_column(self, relation: str, name: str, path: str) -> Iterable[Finding]:
        known = self._usable(relation)
        if known is not None and not known.has(name):
            message = f"the relation '{relation}' has no column '{name}'; it has {', '.join(known.kinds)}"
            hint = f"select it in {known.file.path}, or name another column"
            yield from self._once(path, f"{relation}.{name}", message, hint, "column")

    def of_filter(self, relation: str, conditions: Iterable[tuple[str, Condition]], path: str) -> Iterable[Finding]:
        known = self._usable(relation)
        for name, condition in conditions:
            if known is None or not known.has(name):
                continue
            try:
                condition_sql(known.engine, condition, known.rows().clean(name), name)
            except SourceMismatch as exc:
                message, _, hint = str(exc).partition("; ")
                yield from self._once(path, f"filter {name}", message, hint, "filter")

    def _usable(self, name: str) -> Relation | None:
        if name not in self._relations or f"sql/{name}.sql" in self._broken:
            return None
        return self._relations.get(name)

    def _once(self, path: str, key: str, message: str, hint: str, what: str) -> Iterable[Finding]:
        if (path, key) not in self._said:
            self._said.add((path, key))
            yield Finding(path=path, message=message, hint=hint, what=what)


def _derived(relations: Relations) -> set[str]:
    names = {"name", "domain", "plan", "owner_email", "success_owner_email", "created_at"}
    if "subscriptions" in relations:
        names |= {"status", "mrr", "in_trial", "trial_ends_at", "converted_at"}
    return names | ({"open_deal"} if "deals" in relations else set())
