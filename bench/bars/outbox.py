"""Outbox: messages a second against a channel that answers at once, with 1 and 4 workers, on both databases."""

from statistics import median

from bench import outbox
from bench.bars.setting import Setting

MESSAGES = {"small": 10_000, "full": 100_000}
FLOOR = 1_000  # a second, on PostgreSQL with 4 workers


def run(setting: Setting) -> None:
    """Each database and number of workers; each in a process of its own."""
    messages, repeats = MESSAGES[setting.scale], min(setting.repeats, 3)
    for database in ("sqlite", "postgresql"):
        for workers in (1, 4):
            setting.say(f"outbox, {database}, {workers} workers: {messages:,} messages")
            rows = [outbox.row(database, workers, messages) for _ in range(repeats)]
            row = ("outbox", "messages a second", f"{database}, {workers} workers")
            floor = FLOOR if (database, workers) == ("postgresql", 4) else None
            setting.report.ratio(row, [one.rate for one in rows], [1.0] * repeats, at_most=False, floor=floor)
            cpu = median(one.cpu_seconds / one.messages for one in rows) * 1e6
            setting.report.figure("outbox", row[2], "CPU of our process", f"{cpu:.0f} microseconds a message")
