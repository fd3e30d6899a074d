"""What waited is asked again before it is told: what is over by then is said, and not sent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pql.domain.definitions import Definitions
from pql.domain.messages import Subject
from pql.domain.moments import Moment
from pql.domain.used import relations_of_pattern
from pql.jobs.candidates import fell
from pql.jobs.looking import MARK, Mark
from pql.store import Store
from pql.store.records import HeldRecord
from pql.warehouse import Warehouse
from pql.warehouse.watching import Watching


def over_by_now(
    store: Store,
    warehouse: Warehouse | Watching,
    definitions: Definitions,
    held: Sequence[HeldRecord],
    *,
    as_of: datetime,
    blind: Collection[str] = (),
) -> frozenset[str]:
    """The keys of what was held, is due and is so no more: they got it done, came back, paid, or use it again.

    Args:
        store: For the use of customers at the last run.
        warehouse: The rows, or a look at them that is under way.
        definitions: As they are now.
        held: All that waits.
        as_of: The instant.
        blind: Relations that cannot be relied on; what reads them stays as it was found.
    """
    due = [record for record in held if record.due_at <= as_of]
    over = _recovered(store, definitions, [one for one in due if one.subject == Subject.USAGE_DROP])
    for moment in definitions.moments:
        own = [one for one in due if one.subject == Subject.MOMENT and one.topic == moment.name]
        if own and moment.pattern.ceases and not relations_of_pattern(moment.pattern) & {*blind}:
            warehouse = warehouse if isinstance(warehouse, Watching) else _watching(store, warehouse, as_of)
            over |= _ceased(warehouse, moment, own, as_of)
    return frozenset(over)


def _watching(store: Store, warehouse: Warehouse, as_of: datetime) -> Watching:
    mark = Mark.read(store.setting(MARK))
    return warehouse.watching(as_of=as_of, orphans=mark is not None and mark.orphans)


def _ceased(watching: Watching, moment: Moment, records: Sequence[HeldRecord], as_of: datetime) -> set[str]:
    found = pd.DataFrame([_occurrence(record) for record in records])
    pattern, leads = moment.pattern, sorted({record.lead_id for record in records})
    start = min(record.happened_at for record in records) - timedelta(seconds=pattern.asked_back.seconds)
    filtered = pattern.event_filter is not None
    rows = watching.rows(
        watching.rows_of([moment], leads, start=start, as_of=as_of)[moment.name] if filtered else watching.no_rows(),
        since=0,
        as_of=as_of,
        allowances=watching.allowances(leads) if pattern.state == "allowances" else None,
        subscriptions=watching.subscriptions(leads) if pattern.state == "subscriptions" else None,
    )
    still = pattern.still(found, rows)
    return {record.step_key for record, so in zip(records, still, strict=True) if not so}


def _occurrence(record: HeldRecord) -> Mapping[str, Any]:
    kept = record.about.get("occurrence")
    return {**(kept if isinstance(kept, dict) else {}), "lead_id": record.lead_id}


def _recovered(store: Store, definitions: Definitions, records: Sequence[HeldRecord]) -> set[str]:
    """The drops in use of customers who use it again, by what the last run measured."""
    if not records:
        return set()
    use = store.customers()["use_now"].dropna()
    before = pd.Series([_before(record) for record in records], dtype=float)
    now = pd.Series([use.get(record.lead_id, -1.0) for record in records], dtype=float)
    low = fell(definitions.customers, now, before)
    return {record.step_key for record, so in zip(records, low, strict=True) if not so}


def _before(record: HeldRecord) -> float:
    pair = record.about.get("use")
    return float(pair[1]) if isinstance(pair, list) and len(pair) == 2 else 0.0
