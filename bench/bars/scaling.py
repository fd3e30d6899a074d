"""The figures behind docs/scaling.md: three sizes of one kind of world, and what grows with what."""

from bench.bars.setting import Place, Setting, placed, seconds, text
from bench.harness import Measured, Spread, step
from bench.worlds import World

SIZES = {"small": (200_000, 500_000, 1_000_000), "full": (5_000_000, 20_000_000, 50_000_000)}
EVENTS_AN_ACCOUNT, USERS_AN_ACCOUNT = 2_500, 8


def run(setting: Setting) -> None:
    """Worlds whose accounts grow with their events, over 120 days."""
    for kind in setting.kinds:
        for events in SIZES[setting.scale]:
            accounts = max(events // EVENTS_AN_ACCOUNT, 200)
            world = World(
                kind=kind,
                events=events,
                accounts=accounts,
                users=accounts * USERS_AN_ACCOUNT,
                days=120,
                landings=setting.repeats,
            )
            with placed(setting, world) as place:
                measure(place)


def measure(place: Place) -> None:
    """What a model counts (account-days, user-days), and what the rollup and the runs make of it."""
    setting, begun = place.setting, text(place.world.end_of(0))
    counted = step("day_counts", file=str(place.file))
    built = place.own("refresh", as_of=begun)
    runs: dict[str, list[Measured]] = {"bare scan": [], "refresh of one day": [], "evaluation": []}
    for landed in range(1, setting.repeats + 1):
        setting.say(f"scaling, {place.name}: day {landed}")
        as_of = text(place.world.end_of(landed))
        step("landing", file=str(place.file), number=landed - 1)
        runs["bare scan"].append(place.run("scan"))
        runs["refresh of one day"].append(place.own("refresh", as_of=as_of))
        runs["evaluation"].append(place.own("evaluate", as_of=as_of))
    tell(place, counted, built, runs)


def tell(place: Place, counted: Measured, built: Measured, runs: dict[str, list[Measured]]) -> None:
    """The rows of the model, the rollup's own, and the times."""
    report, name = place.setting.report, place.name
    for what in ("events", "account_days", "user_days", "account_feature_days"):
        report.figure("scaling", name, what.replace("_", " "), _whole(counted.result[what]))
    for table, rows in built.result.get("rows", {}).items():
        report.figure("scaling", name, f"rows of {table}", _whole(rows))
    if size := built.result.get("bytes"):
        report.figure("scaling", name, "rollup's bytes", _whole(size))
        report.figure("scaling", name, "bytes an event", f"{size / counted.result['events']:.2f}")
    scan = Spread.of(seconds(runs["bare scan"])).median
    for what, measured in {"first build": [built], **runs}.items():
        report.timing("scaling", name, what, measured)
        if what == "bare scan":
            continue
        row = ("scaling", f"{what} / bare scan", name)
        report.ratio(row, seconds(measured), [scan] * len(measured), at_most=True)


def _whole(number: object) -> str:
    return f"{int(str(number)):,}"
