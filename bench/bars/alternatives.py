"""Bar 3: an incremental run against what a user would pick instead: dbt's incremental models, and plain pandas."""

from bench.bars.setting import Place, Setting, placed, seconds, text
from bench.harness import Measured, step
from bench.rivals import dbt
from bench.worlds import World

SIZES = {"small": (1_000_000, 2_000, 16_000), "full": (50_000_000, 20_000, 160_000)}
# The floor and the target; pandas with a rollup of its own is a rival that was not asked for.
BARS = {"dbt": (4.0, 5.0), "pandas": (10.0, 20.0), "pandas with its own rollup": (None, None)}


def run(setting: Setting) -> None:
    """Both worlds, 120 days."""
    events, accounts, users = SIZES[setting.scale]
    for kind in setting.kinds:
        world = World(kind=kind, events=events, accounts=accounts, users=users, days=120, landings=setting.repeats)
        with placed(setting, world) as place:
            measure(place)


def measure(place: Place) -> None:
    """First builds of all three, then each repeat lands one more day and runs all three."""
    setting, report, world = place.setting, place.setting.report, place.world
    begun = world.end_of(0)
    first = {
        "dbt": dbt.run(world, place.file, place.folder, begun),
        "pandas with its own rollup": place.run("pandas_build", first_day=world.first_day - 3, as_of=text(begun)),
        "pql": place.own("refresh", as_of=text(begun)),
    }
    runs: dict[str, list[Measured]] = {who: [] for who in (*BARS, "pql")}
    for landed in range(1, setting.repeats + 1):
        setting.say(f"bar 3, {place.name}: day {landed}")
        as_of = text(world.end_of(landed))
        step("landing", file=str(place.file), number=landed - 1)
        runs["pql"].append(place.own("increment", as_of=as_of, out=place.out("pql")))
        runs["dbt"].append(dbt.run(world, place.file, place.folder, world.end_of(landed)))
        runs["pandas"].append(place.run("pandas_plain", as_of=as_of, out=place.out("plain")))
        rolled = place.run("pandas_increment", as_of=as_of, out=place.out("pandas"))
        runs["pandas with its own rollup"].append(rolled)
        place_numbers(place)
        place.compare("dbt", "plain", "pandas", what=f"{place.name}, day {landed}")
    for rival, (floor, target) in BARS.items():
        judge(place, rival, runs[rival], runs["pql"], floor, target)
    for who, measured in runs.items():
        report.timing("3", place.name, f"{who}, one day", measured)
        if who in first:
            report.timing("3", place.name, f"{who}, first build", [first[who]])


def place_numbers(place: Place) -> None:
    """Take dbt's numbers out of its database."""

    step("dbt_numbers", folder=str(place.folder), out=place.out("dbt"))


def judge(
    place: Place, rival: str, theirs: list[Measured], ours: list[Measured], floor: float | None, target: float | None
) -> None:
    """The rows of one rival: with and without the start of the process, and memory."""
    report = place.setting.report
    report.ratio(
        ("3", f"{rival} / pql, one day", place.name),
        seconds(theirs),
        seconds(ours),
        at_most=False,
        floor=floor,
        target=target,
    )
    report.ratio(
        ("3", f"{rival} / pql, one day, with the process's start", place.name),
        [one.wall for one in theirs],
        [one.wall for one in ours],
        at_most=False,
        floor=floor,
        target=target,
    )
    memory = [[one.megabytes for one in runs] for runs in (theirs, ours)]
    report.ratio(("3", f"{rival} / pql, peak memory", place.name), *memory, at_most=False)
