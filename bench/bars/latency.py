"""Latency: from the watch's tick to Slack's acceptance, by a real `pql serve`, with 10 million events in PostgreSQL."""

import json
import sys
from typing import Any

from bench.bars.setting import Place, Setting, placed
from bench.harness import Measured, python
from bench.latency import REPS, percentile
from bench.rivals import postgres
from bench.worlds import World

SIZES = {"small": (500_000, 2_000, 16_000, 3), "full": (10_000_000, 10_000, 80_000, 20)}
FRESH, MOMENTS, SLACK_TAKES = 1_000, 20, 0.2
MOST_SECONDS = 10.0


def run(setting: Setting) -> None:
    """One service; the minutes are the repeats."""
    events, accounts, users, ticks = SIZES[setting.scale]
    world = World(kind="skewed", events=events, accounts=accounts, users=users, days=120, landings=1)
    with placed(setting, world) as place, postgres.server(setting.folder) as url:
        _step("bench.latency", "shift", file=str(place.file))
        setting.say("loading it into PostgreSQL")
        place.run("postgres_load", url=url)
        _step("bench.watching", "index", url=url)
        setting.say(f"latency: {ticks} minutes of service")
        sizes = {"ticks": ticks, "fresh": FRESH, "moments": MOMENTS, "takes": SLACK_TAKES}
        done = _step("bench.latency", "minutes", file=str(place.file), folder=str(place.folder), url=url, **sizes)
        tell(place, done.result)


def tell(place: Place, found: dict[str, Any]) -> None:
    """The percentile that is promised, and the figures around it."""
    report = place.setting.report
    if not found["tick"]:
        raise SystemExit("nothing was told")
    what = "p95 of the seconds from the tick to Slack's acceptance"
    report.ratio(
        ("latency", what, place.name), [percentile(found["tick"], 0.95)], [1.0], at_most=True, floor=MOST_SECONDS
    )
    told = f"{len(found['tick'])} of {found['landed']} that landed, at {found['ticks']} ticks, to {REPS} reps"
    report.figure("latency", place.name, "moments told at once", told)
    report.figure("latency", place.name, "decided of the others", json.dumps(found["others"]))
    names = {
        "tick": "from the tick to Slack's acceptance",
        "landing": "from landing to Slack's acceptance",
        "commit": "from the tick to the message in the outbox",
        "looks": "a look that told something, from its begin to its end",
    }
    for key, words in names.items():
        report.figure("latency", place.name, words, spread(found[key]))


def spread(seconds: list[float]) -> str:
    """The median, the percentile and the greatest."""
    return f"p50 {percentile(seconds, 0.5):.1f} s, p95 {percentile(seconds, 0.95):.1f} s, max {max(seconds):.1f} s"


def _step(module: str, name: str, **arguments: object) -> Measured:
    return python([sys.executable, "-m", module, name, json.dumps(arguments)])
