"""Who may tell what: a step is told by the one run that adds it first, in the transaction that writes its messages."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.errors import RunConflict
from pql.store import statements
from pql.store.records import DecisionRecord, OutboxRecord, Run
from pql.store.tables import told_steps
from pql.store.values import chunks, clean


def claim(
    connection: sa.Connection, run: Run, messages: Sequence[OutboxRecord], decided: Sequence[DecisionRecord]
) -> tuple[list[OutboxRecord], list[DecisionRecord]]:
    """What of a run's messages and decisions no other run has told meanwhile.

    Raises:
        RunConflict: A message tells of several things, and another run told some of them: nothing is written.
    """
    wanted = {step for message in messages for step in message.all_steps}
    wanted |= {record.step_key for record in decided if record.outcome == "sent"}
    ours = _claimed(connection, run, wanted)
    for message in messages:
        foreign = [step for step in message.all_steps if step not in ours]
        if 0 < len(foreign) < len(message.all_steps):
            raise RunConflict(
                f"another run told '{foreign[0]}' while run {run.id} was gathering it with others: run it again"
            )
    told = [message for message in messages if message.step_key in ours]
    return told, [record for record in decided if record.outcome != "sent" or record.step_key in ours]


def _claimed(connection: sa.Connection, run: Run, steps: Collection[str]) -> set[str]:
    """Those of the steps that nobody told before; of two runs at once the second waits for the first."""
    rows = [{"step_key": clean(step), "run_id": run.id, "at": to_micros(run.as_of)} for step in sorted(steps)]
    statements.insert_new(connection, told_steps, rows)
    ours: set[str] = set()
    for chunk in chunks([row["step_key"] for row in rows], 2_000):
        own = sa.select(told_steps.c.step_key).where(told_steps.c.run_id == run.id, told_steps.c.step_key.in_(chunk))
        ours |= set(connection.scalars(own))
    return {step for step in steps if clean(step) in ours}
