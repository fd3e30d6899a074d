"""Bar 1: the evaluation of 12 signals over the rollup, against the bare scan and the best query over raw events."""

from bench.bars.setting import Place, Setting, placed, seconds, text
from bench.harness import Measured
from bench.worlds import World

VARIANTS = ("fused", "classes", "levels")
SIZES = {"small": (1_000_000, 2_000, 16_000), "full": (50_000_000, 20_000, 160_000)}


def run(setting: Setting) -> None:
    """Both worlds, 120 days."""
    events, accounts, users = SIZES[setting.scale]
    for kind in setting.kinds:
        world = World(kind=kind, events=events, accounts=accounts, users=users, days=120)
        with placed(setting, world) as place:
            measure(place)


def measure(place: Place) -> None:
    """Build the rollup, find the best rival, and repeat."""
    report, as_of = place.setting.report, text(place.world.end_of(0))
    place.run("raw_state")
    built = place.own("refresh", as_of=as_of)
    place.own("evaluate", as_of=as_of, out=place.out("pql"))
    best = best_variant(place, as_of)
    scans: list[Measured] = []
    raws: list[Measured] = []
    ours: list[Measured] = []
    for repeat in range(place.setting.repeats):
        place.setting.say(f"bar 1, {place.name}: repeat {repeat + 1}")
        scans.append(place.run("scan"))
        raws.append(place.run("raw_query", as_of=as_of, variant=best))
        ours.append(place.own("evaluate", as_of=as_of))
    row = ("1", "evaluation / bare scan", place.name)
    report.ratio(row, seconds(ours), seconds(scans), at_most=True, floor=1.1, target=0.8)
    row = ("1", f"best raw query ({best}) / evaluation", place.name)
    report.ratio(row, seconds(raws), seconds(ours), at_most=False, floor=7, target=10)
    named = {"bare scan": scans, f"best raw query ({best})": raws, "evaluation": ours, "first build": [built]}
    for what, measured in named.items():
        report.timing("1", place.name, what, measured)
    show_rollup(place, built)


def best_variant(place: Place, as_of: str) -> str:
    """The fastest of the hand-written queries, each run twice; all give the program's numbers."""
    taken: dict[str, float] = {}
    for variant in VARIANTS:
        runs = [place.run("raw_query", as_of=as_of, variant=variant, out=place.out(variant)) for _ in range(2)]
        taken[variant] = min(seconds(runs))
    place.compare(*VARIANTS, what=place.name)
    return min(taken, key=lambda variant: taken[variant])


def show_rollup(place: Place, built: Measured) -> None:
    """How large the rollup is."""
    report = place.setting.report
    for table, rows in built.result.get("rows", {}).items():
        report.figure("1", place.name, f"rows of {table}", f"{rows:,}")
    report.figure("1", place.name, "rollup's file", f"{built.result.get('bytes', 0) / 1e6:,.0f} MB")
