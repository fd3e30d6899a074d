"""Bar 2: one more day of events, from landing to stored decisions; and whether it stays flat while history grows."""

import statistics

from bench.bars.evaluation import best_variant
from bench.bars.setting import Kind, Place, Setting, placed, seconds, text
from bench.harness import Measured, step
from bench.worlds import World

# Events a day, accounts, users; the histories in days.
SIZES = {"small": (10_000, 2_000, 8_000), "full": (140_000, 100_000, 400_000)}
HISTORIES = (30, 120, 360)


def run(setting: Setting) -> None:
    """Histories of several lengths with equal days."""
    for kind in setting.kinds:
        jobs = {days: one_history(setting, kind, days) for days in HISTORIES}
        for days in HISTORIES[1:]:
            row = ("2", f"a day after {days} days / after {HISTORIES[0]}", kind)
            shortest = statistics.median(jobs[HISTORIES[0]])
            floor = 1.3 if days == HISTORIES[-1] else None
            setting.report.ratio(row, jobs[days], [shortest] * len(jobs[days]), at_most=True, floor=floor)


def one_history(setting: Setting, kind: Kind, days: int) -> list[float]:
    """Measure the days that land on one history; returns the seconds of the main job."""
    a_day, accounts, users = SIZES[setting.scale]
    world = World(kind=kind, events=a_day * days, accounts=accounts, users=users, days=days, landings=setting.repeats)
    with placed(setting, world) as place:
        return measure(place, judged=days == HISTORIES[-1])


def measure(place: Place, *, judged: bool) -> list[float]:
    """Each repeat lands one more day."""
    setting, report, world = place.setting, place.setting.report, place.world
    begun = text(world.end_of(0))
    place.run("raw_state")
    first = place.own("job", as_of=begun)
    place.own("evaluate", as_of=begun, out=place.out("pql"))
    best = best_variant(place, begun)
    scans: list[Measured] = []
    raws: list[Measured] = []
    jobs: list[Measured] = []
    for landed in range(1, setting.repeats + 1):
        setting.say(f"bar 2, {place.name}: day {landed}")
        as_of, before = text(world.end_of(landed)), text(world.end_of(landed - 1))
        step("landing", file=str(place.file), number=landed - 1)
        scans.append(place.run("scan"))
        raws.append(place.run("raw_query", as_of=as_of, variant=best, since=before, out=place.out("raw")))
        jobs.append(place.own("job", as_of=as_of))
        place.own("evaluate", as_of=as_of, out=place.out("pql"))
        place.compare("raw", what=f"{place.name}, day {landed}")
    row = ("2", "one day, landing to decisions / bare scan", place.name)
    report.ratio(row, seconds(jobs), seconds(scans), at_most=True, floor=3.0 if judged else None)
    row = ("2", f"best raw query ({best}) / one day", place.name)
    report.ratio(row, seconds(raws), seconds(jobs), at_most=False, floor=5.0 if judged else None)
    named = {"bare scan": scans, f"best raw query ({best})": raws, "one day": jobs, "first run": [first]}
    for what, measured in named.items():
        report.timing("2", place.name, what, measured)
    return seconds(jobs)
