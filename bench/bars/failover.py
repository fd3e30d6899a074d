"""Failover: a leader is killed, with the leases as they are delivered, and another process of `pql serve` leads."""

import json
import sys

from bench.bars.setting import Setting, placed
from bench.harness import python
from bench.rivals import postgres
from bench.worlds import World

KILLS = {"small": 1, "full": 5}
MOST_SECONDS = 30.0


def run(setting: Setting) -> None:
    """A small world: what is measured is who leads, and not how long a run takes."""
    world = World(kind="skewed", events=100_000, accounts=500, users=2_000, days=60)
    with placed(setting, world) as place, postgres.server(setting.folder) as url:
        shifted = [sys.executable, "-m", "bench.latency", "shift", json.dumps({"file": str(place.file)})]
        python(shifted)
        place.run("postgres_load", url=url)
        setting.say("failover: the leader is killed")
        given = {"folder": str(place.folder), "url": url, "times": KILLS[setting.scale]}
        found = python([sys.executable, "-m", "bench.failover", "kills", json.dumps(given)]).result
        report, times = setting.report, len(found["led"])
        what = "seconds from the leader's death until another leads"
        report.ratio(("failover", what, place.name), found["led"], [1.0] * times, at_most=True, floor=MOST_SECONDS)
        what = "seconds until the new leader has run the main job, its rollup built anew"
        report.ratio(("failover", what, place.name), found["ran"], [1.0] * times, at_most=True)
        report.figure("failover", place.name, "messages doubled in Slack", str(found["doubled"]))
