"""Bar 5: the first build over 100 million events in Parquet: its peak memory, and whether it goes on after a kill."""

import shutil

from bench.bars.setting import Place, Setting, describe, emptied, text
from bench.harness import Measured, cut_short, step
from bench.worlds import World

SIZES = {"small": (2_000_000, 4_000, 32_000), "full": (100_000_000, 40_000, 320_000)}
FILES = {"events": "events/*/*.parquet", "accounts": "accounts.parquet", "users": "users.parquet"}
GIGABYTES = 1.5


def run(setting: Setting) -> None:
    """Both worlds, 120 days, a folder a UTC day."""
    events, accounts, users = SIZES[setting.scale]
    for kind in setting.kinds:
        world = World(kind=kind, events=events, accounts=accounts, users=users, days=120)
        with emptied(setting) as folder:
            place = Place(setting=setting, world=world, folder=folder, more={"files": FILES})
            setting.say(f"making {world.words()} in Parquet")
            describe(place, step("parquet_world", parameters=world.as_json(), folder=str(folder)))
            measure(place)


def measure(place: Place) -> None:
    """Build, time after time from nothing; then build, kill it on its way, and build on."""
    report, as_of = place.setting.report, text(place.world.end_of(0))
    place.run("raw_state")
    scanned = place.run("scan")
    builds: list[Measured] = []
    for repeat in range(place.setting.repeats):
        place.setting.say(f"bar 5, {place.name}: build {repeat + 1}")
        forget(place)
        builds.append(place.own("refresh", as_of=as_of))
    place.own("evaluate", as_of=as_of, out=place.out("pql"))
    place.run("raw_query", as_of=as_of, variant="levels", out=place.out("raw"))
    place.compare("raw", what=place.name)
    gigabytes = [one.megabytes / 1000 for one in builds]
    row = ("5", "first build, peak memory in GB", place.name)
    report.ratio(row, gigabytes, [1.0] * len(builds), at_most=True, floor=GIGABYTES)
    row = ("5", "first build / bare scan", place.name)
    report.ratio(row, [one.seconds for one in builds], [scanned.seconds] * len(builds), at_most=True)
    report.timing("5", place.name, "first build", builds)
    report.timing("5", place.name, "bare scan", [scanned])
    go_on(place, builds)


def go_on(place: Place, builds: list[Measured]) -> None:
    """Kill a build on its way; the next takes up what was there, and the numbers are the same."""
    as_of, whole = text(place.world.end_of(0)), min(one.wall for one in builds)
    forget(place)
    killed = cut_short("refresh", whole * 0.4, project=place.project, as_of=as_of)
    rest = place.own("refresh", as_of=as_of)
    place.own("evaluate", as_of=as_of, out=place.out("resumed"))
    place.compare("resumed", what=f"{place.name}, after a kill")
    report = place.setting.report
    report.figure("5", place.name, "killed on its way", "yes" if killed else "no, it had ended")
    left = f"{sum(rest.result['rolled'])} of {sum(builds[0].result['rolled'])}"
    report.figure("5", place.name, "days that were left to build after the kill", left)
    row = ("5", "what is left after a kill on its way / first build", place.name)
    report.ratio(row, [rest.seconds], [min(one.seconds for one in builds)], at_most=True, floor=0.75)
    report.timing("5", place.name, "the build after the kill", [rest])


def forget(place: Place) -> None:
    """Take the rollup away."""
    shutil.rmtree(place.folder / "var", ignore_errors=True)
