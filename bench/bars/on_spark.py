"""Bar 7: the rollup filled by a Spark cluster of two workers against one of one worker, and equal numbers.

A real standalone cluster on loopback: a master and its workers are processes of this machine, with one core each.
What is measured is the first build: Spark counts the days, DuckDB keeps them.
"""

import importlib.util

from bench.bars.setting import Place, Setting, describe, emptied, text
from bench.harness import Measured, step
from bench.worlds import World

SIZES = {"small": (300_000, 500, 4_000), "full": (5_000_000, 5_000, 40_000)}
FILES = {"events": "events/*/*.parquet", "accounts": "accounts.parquet", "users": "users.parquet"}
SPARK_FILES = {"events": "events", "accounts": "accounts.parquet", "users": "users.parquet"}


def run(setting: Setting) -> None:
    """The skewed world, 60 days, in Parquet."""
    if importlib.util.find_spec("pyspark") is None:
        setting.say("bar 7 is left out: it needs pip install -e '.[spark]', and Java 17")
        return
    events, accounts, users = SIZES[setting.scale]
    world = World(kind="skewed", events=events, accounts=accounts, users=users, days=60)
    with emptied(setting) as folder:
        place = Place(setting=setting, world=world, folder=folder, more={"files": FILES})
        setting.say(f"making {world.words()} in Parquet")
        describe(place, step("parquet_world", parameters=world.as_json(), folder=str(folder)))
        measure(place)


def measure(place: Place) -> None:
    """DuckDB's own numbers, then those of each cluster, each into a rollup of its own."""
    report, as_of = place.setting.report, text(place.world.end_of(0))
    place.own("refresh", as_of=as_of)
    place.own("evaluate", as_of=as_of, out=place.out("pql"))
    taken: dict[int, list[Measured]] = {1: [], 2: []}
    for repeat in range(min(place.setting.repeats, 3)):
        for workers, runs in taken.items():
            place.setting.say(f"bar 7, {place.name}: {workers} workers, build {repeat + 1}")
            runs.append(place.own("on_spark", as_of=as_of, workers=workers, files=SPARK_FILES, out=place.out("spark")))
            place.compare("spark", what=f"{place.name}, Spark with {workers} workers")
    row = ("7", "build with one worker / with two", place.name)
    report.ratio(row, *([one.seconds for one in taken[workers]] for workers in (1, 2)), at_most=False)
    for workers, runs in taken.items():
        report.timing("7", place.name, f"first build on Spark, workers: {workers}", runs)
