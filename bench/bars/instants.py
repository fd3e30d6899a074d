"""Many instants at once: 180 daily ones in one evaluation, against as many evaluations of one."""

from bench.bars.setting import Place, Setting, placed, seconds, text
from bench.harness import Measured
from bench.worlds import World

SIZES = {"small": (500_000, 1_000, 8_000), "full": (10_000_000, 5_000, 40_000)}
INSTANTS = 180
# So many are evaluated one by one; the rest cost the same.
SAMPLE = 12


def run(setting: Setting) -> None:
    """The skewed world, 270 days, so that the first instant has a past."""
    events, accounts, users = SIZES[setting.scale]
    world = World(kind="skewed", events=events, accounts=accounts, users=users, days=270)
    with placed(setting, world) as place:
        measure(place)


def measure(place: Place) -> None:
    """Both ways, repeat by repeat; the numbers of the sample are compared."""
    report, as_of = place.setting.report, text(place.world.end_of(0))
    place.own("refresh", as_of=as_of)
    at_once: list[Measured] = []
    singly: list[Measured] = []
    for repeat in range(place.setting.repeats):
        place.setting.say(f"instants, {place.name}: repeat {repeat + 1}")
        at_once.append(place.own("instants", as_of=as_of, number=INSTANTS, out=place.out("pql")))
        singly.append(place.own("instants", as_of=as_of, number=INSTANTS, only=SAMPLE, out=place.out("singly")))
    place.compare("singly", what=f"{place.name}, instants")
    row = ("instants", f"{INSTANTS} evaluations of one instant / one of {INSTANTS}", place.name)
    each = [one * INSTANTS / SAMPLE for one in seconds(singly)]
    report.ratio(row, each, seconds(at_once), at_most=False)
    report.timing("instants", place.name, f"{INSTANTS} daily instants at once", at_once)
    report.timing("instants", place.name, f"{SAMPLE} of them, one by one", singly)
