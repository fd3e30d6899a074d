"""Bar 6: on PostgreSQL, evaluation and a changed day against 12 separate pruned queries."""

from dataclasses import replace
from typing import Any

from bench.bars.setting import Place, Setting, placed, seconds, text
from bench.harness import Measured, step
from bench.rivals import postgres
from bench.worlds import World

SIZES = {"small": (500_000, 2_000, 16_000), "full": (10_000_000, 10_000, 80_000)}
HOMES = ("local", "source")
DAYS = tuple(f"a changed day, {home}" for home in HOMES)
EVALUATIONS = tuple(f"evaluation, {home}" for home in HOMES)


def run(setting: Setting) -> None:
    """Both worlds, 120 days."""
    events, accounts, users = SIZES[setting.scale]
    for kind in setting.kinds:
        world = World(kind=kind, events=events, accounts=accounts, users=users, days=120, landings=setting.repeats)
        with placed(setting, world) as place, postgres.server(setting.folder) as url:
            setting.say("loading it into PostgreSQL")
            place.run("postgres_load", url=url)
            measure(place, url)


def measure(place: Place, url: str) -> None:
    """Build the rollups in both homes; each repeat lands a day, and runs the twelve queries and the program."""
    setting, begun = place.setting, text(place.world.end_of(0))
    projects = {home: project(place, url, home) for home in HOMES}
    builds = {home: step("refresh", project=one, as_of=begun) for home, one in projects.items()}
    runs: dict[str, list[Measured]] = {name: [] for name in ("scan", "twelve", *DAYS, *EVALUATIONS)}
    for landed in range(1, setting.repeats + 1):
        setting.say(f"bar 6, {place.name}: day {landed}")
        as_of = text(place.world.end_of(landed))
        place.run("postgres_land", url=url, number=landed - 1)
        runs["scan"].append(step("postgres_scan", url=url))
        runs["twelve"].append(step("postgres_twelve", url=url, as_of=as_of, out=place.out("twelve")))
        for home, one in projects.items():
            runs[f"a changed day, {home}"].append(step("increment", project=one, as_of=as_of))
            runs[f"evaluation, {home}"].append(step("evaluate", project=one, as_of=as_of, out=place.out("pql")))
            place.compare("twelve", what=f"{place.name}, day {landed}, rollup {home}")
    judge(place, runs)
    runs |= {f"first build, {home}": [built] for home, built in builds.items()}
    for name, measured in runs.items():
        setting.report.timing("6", place.name, name, measured)


def judge(place: Place, runs: dict[str, list[Measured]]) -> None:
    """The twelve queries against each."""
    twelve = seconds(runs["twelve"])
    for floor, names in ((10.0, EVALUATIONS), (8.0, DAYS)):
        for name in names:
            row = ("6", f"12 queries / {name}", place.name)
            place.setting.report.ratio(row, twelve, seconds(runs[name]), at_most=False, floor=floor)


def project(place: Place, url: str, home: str) -> dict[str, Any]:
    """The program's project over PostgreSQL; each home keeps its files apart."""
    folder = place.folder / home
    folder.mkdir(exist_ok=True)
    own = replace(place, folder=folder, more={"home": home}).project
    return {**own, "url": url.replace("postgresql://", "postgresql+psycopg://", 1)}
