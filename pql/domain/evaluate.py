"""The evaluation of all leads at one instant: one pure call from frames to frames."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd

from pql.domain.definitions import Definitions
from pql.domain.evaluation import Evaluation
from pql.domain.fit import Profile, eligibility, fit
from pql.domain.free_mail import FREE_MAIL_DOMAINS
from pql.domain.scoring import score
from pql.domain.stages import stages
from pql.domain.verdicts import Comparison, compare, verdicts_of


def evaluate(
    definitions: Definitions,
    leads: pd.DataFrame,
    users: pd.DataFrame,
    answers: pd.DataFrame,
    measured: pd.DataFrame,
    *,
    as_of: datetime,
    cuts: Mapping[str, Sequence[float]] | None = None,
    free_mail: frozenset[str] = FREE_MAIL_DOMAINS,
) -> Evaluation:
    """All that is known of every lead at `as_of`. Explaining one lead is the same call on frames of one row.

    Args:
        definitions: What the team defined.
        leads: Index `lead_id`, unique; attributes as known at `as_of`. The column `stage` is put in here.
        users: `user_id`, `lead_id` and attributes.
        answers: `lead_id`, `question`, `answer`.
        measured: One instant of `Plan.finish` for `needed(definitions.signals)`, index `lead_id`.
        as_of: The instant of `measured`.
        cuts: The cut points of percentile signals, where they were computed before over all leads.
        free_mail: The domains of free-mail providers, in lower case.
    """
    staged = leads.assign(stage=stages(definitions.stages, leads))
    profile = Profile(staged, users, answers)
    eligible = eligibility(definitions.icp, profile, free_mail=free_mail)
    rows = measured if measured.index.equals(staged.index) else measured.reindex(staged.index)
    compared = compare(definitions.signals, rows, eligible["eligible"].to_numpy(dtype=bool), cuts=cuts)
    return evaluation_of(definitions, profile, staged, eligible, rows, compared, as_of=as_of)


def evaluation_of(
    definitions: Definitions,
    profile: Profile,
    leads: pd.DataFrame,
    eligible: pd.DataFrame,
    measured: pd.DataFrame,
    compared: Comparison,
    *,
    as_of: datetime,
) -> Evaluation:
    """What is known of some leads, once it is known who is eligible and what values are compared with.

    Args:
        definitions: What the team defined.
        profile: Of these leads.
        leads: With their stage.
        eligible: As `eligibility` gives it.
        measured: As for `evaluate`, with the rows of `leads`.
        compared: Taken over all leads.
        as_of: The instant of `measured`.
    """
    verdicts = verdicts_of(
        definitions.signals,
        measured,
        profile.leads,
        as_of=as_of,
        scoring=definitions.scoring,
        cuts=compared.cuts,
    )
    fitted = fit(definitions.icp, profile)
    return Evaluation(
        as_of=as_of,
        leads=leads,
        verdicts=verdicts,
        fit=pd.concat([fitted, eligible.filter(regex=r"^exclusion\.")], axis=1),
        scores=score(definitions.scoring, verdicts, fitted, eligible),
        norms=compared.norms,
        cuts=compared.cuts,
    )
