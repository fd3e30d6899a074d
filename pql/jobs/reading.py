"""What a run reads from the usage tables, once: frames for the pure functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from pql.config.settings import Project
from pql.domain.calendar import to_micros
from pql.domain.definitions import Definitions
from pql.domain.evaluate import evaluate
from pql.domain.evaluation import Evaluation
from pql.domain.plan import Plan, PlanItem
from pql.domain.used import asks_users
from pql.domain.verdicts import needed
from pql.warehouse import DataQuality, Refreshed, Warehouse, by_user

Progress = Callable[[str, int, int], None]


def silent(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The usage as of an instant.

    Args:
        leads: As `Warehouse.leads`.
        users: As `Warehouse.users`, of all leads; of none where fit does not ask for users.
        answers: As `Warehouse.answers`.
        allowances: As `Warehouse.allowances`.
        measured: One instant of `Plan.finish`, index `lead_id`.
        quality: What the source's rows are like.
        rolled: What the refresh of the rollup did; empty without one.
    """

    as_of: datetime
    leads: pd.DataFrame
    users: pd.DataFrame
    answers: pd.DataFrame
    allowances: pd.DataFrame
    measured: pd.DataFrame
    quality: DataQuality
    rolled: Sequence[Refreshed] = ()

    def notes(self) -> tuple[str, ...]:
        """What people should know of the refresh, in sentences."""
        return tuple(note for report in self.rolled for note in report.notes)


def plan_of(definitions: Definitions) -> Plan:
    """The measures of all signals."""
    return Plan(lead=definitions.lead, items=needed(definitions.signals))


def use_plan(definitions: Definitions) -> Plan:
    """The measure by which the use of customers is followed."""
    return Plan(lead=definitions.lead, items=(PlanItem(name="use", measure=definitions.customers.use),))


def champions_plan(definitions: Definitions) -> Plan:
    """What tells the users of a lead apart, for `Warehouse.user_measures`."""
    used = definitions.scoring.champions.measures
    return Plan(lead=definitions.lead, items=tuple(PlanItem(name=one.name, measure=one.measure) for one in used))


def rolled_plans(definitions: Definitions) -> list[Plan]:
    """All plans that a run measures: what the rollup must hold."""
    return [plan_of(definitions), use_plan(definitions), by_user(champions_plan(definitions))]


def read(
    warehouse: Warehouse,
    definitions: Definitions,
    *,
    as_of: datetime,
    progress: Progress = silent,
    keep_on: Callable[[], bool] = lambda: True,
    beside: Sequence[Plan] = (),
) -> Reading:
    """Read everything that an evaluation at `as_of` needs.

    Args:
        warehouse: The usage tables; their rollup is brought up to `as_of` first.
        definitions: What is evaluated.
        as_of: The instant.
        progress: Is told of each step.
        keep_on: Asked whether there is time to fill in more of the past of new definitions.
        beside: What will be measured beside the definitions' own plans.
    """
    steps = 4
    plans = [*rolled_plans(definitions), *beside]
    rolled = warehouse.refresh(plans, as_of=as_of, progress=progress, keep_on=keep_on)
    progress("Reading accounts and users", 0, steps)
    leads = warehouse.leads(as_of=as_of)
    lead_ids = leads.index.to_numpy(dtype=object).tolist()  # one by one, texts of pandas are slow
    users = warehouse.users(lead_ids) if asks_users(definitions) else pd.DataFrame(columns=["user_id", "lead_id"])
    answers = warehouse.answers(as_of=as_of)
    progress("Measuring usage", 1, steps)
    measured = warehouse.measures(plan_of(definitions), [as_of], lead_ids)
    progress("Looking at the quality of the rows", 3, steps)
    quality = warehouse.quality(as_of=as_of)
    progress("Read", steps, steps)
    return Reading(
        as_of=as_of,
        leads=leads,
        users=users,
        answers=answers,
        allowances=warehouse.allowances(),
        measured=measured.droplevel("as_of"),
        quality=quality,
        rolled=rolled,
    )


def read_lead(warehouse: Warehouse, definitions: Definitions, lead_id: str, *, as_of: datetime) -> Reading:
    """Read what the evaluation of one lead needs: the same frames, of one row."""
    leads = warehouse.leads(as_of=as_of)
    measured = warehouse.measures(plan_of(definitions), [as_of], [lead_id])
    answers = warehouse.answers(as_of=as_of)
    return Reading(
        as_of=as_of,
        leads=leads.loc[[lead_id]],
        users=warehouse.users([lead_id]),
        answers=answers[answers["lead_id"] == lead_id],
        allowances=warehouse.allowances(),
        measured=measured.droplevel("as_of"),
        quality=DataQuality(),
    )


def evaluated(project: Project, reading: Reading, *, cuts: Mapping[str, Sequence[float]] | None = None) -> Evaluation:
    """The evaluation of a reading.

    Args:
        project: For its definitions.
        reading: The frames.
        cuts: The cut points of percentile signals; None: from the reading's own leads.
    """
    return evaluate(
        project.definitions,
        reading.leads,
        reading.users,
        reading.answers,
        reading.measured,
        as_of=reading.as_of,
        cuts=cuts,
    )


def customer_use(
    warehouse: Warehouse, definitions: Definitions, lead_ids: Sequence[str], *, instants: Mapping[str, datetime]
) -> pd.DataFrame:
    """The use of customers at several instants at once, by the measure of `customers.use`.

    Args:
        warehouse: The usage tables.
        definitions: For the measure.
        lead_ids: The customers.
        instants: The instants by the name of their column.

    Returns:
        Index `lead_id`; one float column an instant, NaN where not evaluated.
    """
    if not lead_ids:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in instants})
    used = warehouse.measures(use_plan(definitions), sorted({*instants.values()}), lead_ids)["use"]
    return pd.DataFrame({name: used.xs(to_micros(instant)) for name, instant in instants.items()})
