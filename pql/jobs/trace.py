"""What the log says of a run, so that a message can be followed: run, decision (`step_key`), delivery."""

import logging

from pql.store.records import Committed, Run, RunResults

log = logging.getLogger(__name__)


def trace(run: Run, results: RunResults, committed: Committed) -> None:
    """Tell of a run that was committed: each decision, each message, and the run itself. No texts and no addresses."""
    ids = {"run_id": run.id, "job": run.job, "as_of": run.as_of.isoformat()}
    for decision in results.decisions:
        log.log(
            logging.INFO if decision.outcome == "sent" else logging.DEBUG,
            "Decided: %s, %s",
            decision.outcome,
            decision.why,
            extra=ids
            | {"action": "decided", "lead_id": decision.lead_id, "step_key": decision.step_key}
            | {"outcome": decision.outcome, "why": decision.why, "channel": str(decision.channel)},
        )
    for record in results.outbox:
        log.info(
            "Put a message into the outbox",
            extra=ids
            | {"action": "message_enqueued", "lead_id": record.lead_id, "step_key": record.step_key}
            | {"delivery_id": record.delivery_id, "channel": record.channel, "shadow": record.shadow},
        )
    counts = {"decisions": committed.decisions, "enqueued": committed.enqueued, "opened": committed.opened}
    fence = run.fence.number if run.fence else 0
    log.info("Committed a run", extra=ids | counts | {"action": "run_committed", "fence": fence})
