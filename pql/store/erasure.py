"""Blanking a person in all that we keep."""

import re
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from pql.errors import StateError
from pql.store.records import Erased
from pql.store.tables import (
    decisions,
    deliveries,
    held,
    leads,
    mutes,
    occurrences,
    outbox,
    outcomes,
    qualifications,
    timers,
    validity,
)
from pql.store.values import dumps, loads

ERASED = "[erased]"
_JSON = {"attributes", "payload", "evidence", "known", "verdict_texts", "about"}
# By table: the texts in which a lead's person may stand. Reps are not erased: who decided
# what (recipients, holders, addresses) is kept.
_PLACES: tuple[tuple[sa.Table, tuple[str, ...]], ...] = (
    (leads, ("name", "search", "attributes", "verdict_texts")),
    (qualifications, ("evidence", "close_reason")),
    (outcomes, ("reason",)),
    (occurrences, ("user_id", "detail")),
    (decisions, ("words", "evidence")),
    (outbox, ("payload", "last_error")),
    (deliveries, ("error",)),
    (validity, ("known",)),
    (held, ("about",)),
    (timers, ("user_id", "about")),
    (mutes, ("reason",)),
)


def erase(connection: sa.Connection, email: str, also: Collection[str]) -> Erased:
    """Put `[erased]` for the email and the further texts, wherever they stand in what we keep.

    Raises:
        StateError: A text is so short that it would blank others.
    """
    texts = sorted({text.strip() for text in (email, *also) if text.strip()}, key=len, reverse=True)
    if "@" not in email or any(len(text) < 3 for text in texts):
        raise StateError("erase needs an email address, and further texts of at least 3 letters")
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in texts), re.IGNORECASE)
    return Erased(rows={place[0].name: _erase_in(connection, *place, texts, pattern) for place in _PLACES})


def _erase_in(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    texts: Sequence[str],
    pattern: re.Pattern[str],
) -> int:
    # A first sieve in the database, wide enough for every case and for JSON's escapes; the pattern decides.
    sieve = [table.c[name].icontains(part, autoescape=True) for name in names for part in _written(texts)]
    columns = list(dict.fromkeys([*table.primary_key.columns, *(table.c[name] for name in names)]))
    count = 0
    for row in connection.execute(sa.select(*columns).where(sa.or_(*sieve))).all():
        before = dict(row._mapping)  # noqa: SLF001 - the public name of a row's mapping begins so
        after = {name: _blank(name, before[name], pattern) for name in names}
        if any(after[name] != before[name] for name in names):
            mine = (column == before[column.name] for column in table.primary_key.columns)
            connection.execute(sa.update(table).where(*mine).values(after))
            count += 1
    return count


def _written(texts: Sequence[str]) -> set[str]:
    return {form for text in texts for form in (text, text.casefold(), dumps(text)[1:-1])}


def _blank(name: str, text: str, pattern: re.Pattern[str]) -> str:
    return dumps(_blank_in(loads(text), pattern)) if name in _JSON else pattern.sub(ERASED, text)


def _blank_in(value: Any, pattern: re.Pattern[str]) -> Any:
    match value:
        case str():
            return pattern.sub(ERASED, value)
        case list():
            return [_blank_in(item, pattern) for item in value]
        case dict():
            return {pattern.sub(ERASED, key): _blank_in(item, pattern) for key, item in value.items()}
        case _:
            return value
