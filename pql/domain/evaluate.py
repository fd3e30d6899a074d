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
from pql.domain.verdicts import judge


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
    judgement = judge(
        definitions.signals,
        measured,
        profile.leads,
        eligible["eligible"],
        as_of=as_of,
        scoring=definitions.scoring,
        cuts=cuts,
    )
    fitted = fit(definitions.icp, profile)
    return Evaluation(
        as_of=as_of,
        leads=staged,
        verdicts=judgement.verdicts,
        fit=pd.concat([fitted, eligible.filter(regex=r"^exclusion\.")], axis=1),
        scores=score(definitions.scoring, judgement.verdicts, fitted, eligible),
        norms=judgement.norms,
        cuts=judgement.cuts,
    )
