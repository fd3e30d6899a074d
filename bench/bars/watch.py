"""The watch: one look with 10 million events in the table and 1,000 fresh ones, on DuckDB and on PostgreSQL."""

import json
import sys
from typing import Any

from bench.bars.on_postgresql import project
from bench.bars.setting import Place, Setting, placed, text
from bench.harness import Measured, python
from bench.rivals import postgres
from bench.worlds import World

SIZES = {"small": (500_000, 2_000, 16_000), "full": (10_000_000, 10_000, 80_000)}
FRESH, MOST_SECONDS = 1_000, 2.0


def run(setting: Setting) -> None:
    """The skewed world: in the even one nobody is stuck and nobody is silent."""
    events, accounts, users = SIZES[setting.scale]
    world = World(kind="skewed", events=events, accounts=accounts, users=users, days=120, landings=1)
    with placed(setting, world) as place:
        with postgres.server(setting.folder) as url:
            setting.say("loading it into PostgreSQL")
            place.run("postgres_load", url=url)
            _step("index", url=url)
            measure(place, "PostgreSQL", project(place, url, "local"), url=url)
        measure(place, "DuckDB", place.project)


def measure(place: Place, engine: str, over: dict[str, Any], *, url: str = "") -> None:
    """Each repeat lands fresh rows, and looks a minute later."""
    setting, begun = place.setting, place.world.end_of(0)
    setting.say(f"watch, {engine}: the first run, and {setting.repeats} looks")
    given = {"file": str(place.file), "as_of": text(begun), "rows": FRESH, "repeats": setting.repeats, "url": url}
    whole = _step("looks", project=over, **given)
    for told in whole.result["told"]:
        setting.say(f"watch, {engine}: {told}")
    world, looks = f"{place.name}, {engine}", [float(one) for one in whole.result["looks"]]
    row = ("watch", f"seconds of a look with {FRESH:,} fresh events", world)
    setting.report.ratio(row, looks, [1.0] * len(looks), at_most=True, floor=MOST_SECONDS)
    setting.report.figure(
        "watch", world, "the first look, which sets a timer for everybody", f"{whole.result['first']:.1f} s"
    )


def _step(name: str, **arguments: object) -> Measured:
    return python([sys.executable, "-m", "bench.watching", name, json.dumps(arguments)])
