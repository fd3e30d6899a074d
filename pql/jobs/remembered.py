"""Where leads stand, from what the last run remembered: nothing is measured anew."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from pql.domain.definitions import Definitions
from pql.domain.evaluation import Evaluation, Outcome, Verdicts
from pql.store import Store
from pql.store.records import LeadRecord, RunRecord, StoredVerdict
from pql.store.values import micros

_NUMBERS = ("strength", "decay", "points", "counted")
_OWN = ("name", "domain", "stage", "plan", "owner_email", "success_owner_email")


def remembered_evaluation(
    store: Store, definitions: Definitions, lead_ids: Collection[str], *, as_of: datetime
) -> Evaluation:
    """The evaluation of these leads as the last run left it, in the frames of a fresh one.

    Args:
        store: What is remembered.
        definitions: A signal that the last run did not know is not evaluated.
        lead_ids: Those that no run has seen, or the last one saw no more, are left out.
        as_of: The instant at which it is used; the numbers are those of the last run.
    """
    records = [record for record in store.lead_records(lead_ids) if not record.gone]
    index = pd.Index([record.lead_id for record in records], name="lead_id", dtype="str")
    run = last_run(store)
    return Evaluation(
        as_of=as_of,
        leads=_leads(records, index),
        verdicts=_verdicts(records, [signal.name for signal in definitions.signals], index),
        fit=_fit(records, definitions, index),
        scores=_scores(records, index),
        norms=_norms(run),
        cuts={} if run is None else run.cuts,
    )


def last_run(store: Store) -> RunRecord | None:
    """The last run of the main job that was committed."""
    as_of = store.last_as_of("run")
    runs = store.runs(job="run", limit=50) if as_of is not None else []
    return next((run for run in runs if run.as_of == as_of and run.status == "done"), None)


def _leads(records: Sequence[LeadRecord], index: "pd.Index[str]") -> pd.DataFrame:
    frame = pd.DataFrame([dict(record.attributes) for record in records], index=index)
    for name in _OWN:
        texts = [getattr(record, name) or None for record in records]
        frame[name] = pd.Series(texts, index=index, dtype="str")
    created = [micros(record.created_at) for record in records]
    return frame.assign(created_at=pd.Series(created, index=index, dtype="float64"))


def _verdicts(records: Sequence[LeadRecord], names: Sequence[str], index: "pd.Index[str]") -> Verdicts:
    of_lead = [{verdict.signal: verdict for verdict in record.verdicts} for record in records]
    columns = {name: [verdicts.get(name, _unknown(name)) for verdicts in of_lead] for name in names}

    def framed(part: str, dtype: Any) -> pd.DataFrame:
        cells = {name: [getattr(verdict, part) for verdict in column] for name, column in columns.items()}
        return pd.DataFrame(cells, index=index, dtype=dtype)

    latest = {name: [micros(verdict.latest_at) for verdict in column] for name, column in columns.items()}
    return Verdicts(
        values=framed("value", object).infer_objects(),
        missing=framed("missing", np.int8),
        gated=framed("gated", bool),
        outcomes=framed("outcome", np.int8),
        latest_at=pd.DataFrame(latest, index=index, dtype=float),
        **{f"{part}s" if part in {"strength", "decay"} else part: framed(part, float) for part in _NUMBERS},
    )


def _unknown(signal: str) -> StoredVerdict:
    return StoredVerdict(
        signal=signal,
        outcome=Outcome.NOT_EVALUATED,
        value=None,
        missing=0,
        gated=False,
        strength=0.0,
        decay=0.0,
        points=0.0,
        counted=0.0,
        latest_at=None,
    )


def _fit(records: Sequence[LeadRecord], definitions: Definitions, index: "pd.Index[str]") -> pd.DataFrame:
    whole = {name: [getattr(record, name) for record in records] for name in ("fit", "coverage", "fit_grade")}
    parts = {
        f"criterion.{criterion.name}": [record.fit_parts.get(f"criterion.{criterion.name}") for record in records]
        for criterion in definitions.icp.criteria
    }
    points = pd.DataFrame(parts, index=index, dtype=float)
    return pd.DataFrame(whole, index=index).join(points)


def _scores(records: Sequence[LeadRecord], index: "pd.Index[str]") -> pd.DataFrame:
    names = ("eligible", "ineligible_why", "behaviour", "band", "fit_grade", "grade", "tier")
    return pd.DataFrame({name: [getattr(record, name) for record in records] for name in names}, index=index)


def _norms(run: RunRecord | None) -> pd.DataFrame:
    columns = ["median", "p75", "p90", "n"]
    kept: Mapping[str, Mapping[str, float | None]] = {} if run is None else run.norms
    return pd.DataFrame.from_dict({name: dict(norms) for name, norms in kept.items()}, orient="index", columns=columns)
