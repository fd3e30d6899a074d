"""The benchmark's own worlds and rivals: deterministic, and of one mind with the program about every number."""

import pickle
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from bench import state
from bench.compare import NumbersDiffer, same
from bench.frames import made, widened
from bench.harness import Row, Spread, step
from bench.projects import project_over
from bench.rivals.frames import Frames, Plain
from bench.rivals.raw import VARIANTS, Raw
from bench.signals import TWELVE, plan
from bench.worlds import LANDED_UNTIL, World, build_duckdb, connected, land
from pql.config import load
from pql.config.starter import starter_folder
from pql.warehouse import open_warehouse


def measured(folder: Path, world: World, *, landed: int) -> pd.DataFrame:
    warehouse = open_warehouse(project_over(folder, f"duckdb:///{folder / 'world.duckdb'}", home="none"))
    frame = warehouse.measures(plan(), [world.end_of(landed)])
    warehouse.close()
    return frame.droplevel("as_of")


def test_all_rivals_give_the_programs_numbers_before_and_after_a_day_lands(tmp_path: Path) -> None:
    world, file = World(events=30_000, accounts=120, users=600, days=62, landings=1), tmp_path / "world.duckdb"
    build_duckdb(world, file)
    frames = Frames(file, tmp_path)
    frames.build(range(world.first_day - 3, LANDED_UNTIL), at_once=33)
    for landed in (0, 1):
        as_of = world.end_of(landed)
        if landed:
            land(file, 0)
            frames.increment(as_of)
        ours = measured(tmp_path, world, landed=landed)
        raw = Raw(file, tmp_path)
        raw.remember(world.end_of(0) if landed else None)
        theirs = {variant: raw.evaluate(as_of, variant) for variant in VARIANTS}
        raw.close()
        plain = Plain(file, tmp_path)
        plain.increment(as_of)
        theirs |= {"pandas": plain.evaluate(as_of), "pandas with its own rollup": frames.evaluate(as_of)}
        for who, numbers in theirs.items():
            assert same(ours, numbers, list(TWELVE), who) == world.accounts * len(TWELVE)


def test_equal_seeds_make_equal_worlds_and_others_differ(tmp_path: Path) -> None:
    def made(seed: int) -> list[tuple[object, ...]]:
        world = World(events=5_000, accounts=50, users=200, days=10, landings=1, seed=seed)
        build_duckdb(world, tmp_path / "world.duckdb")
        with duckdb.connect(str(tmp_path / "world.duckdb")) as connection:
            return connection.execute("SELECT account_id, epoch_us(occurred_at), event FROM events").fetchall()

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_a_skewed_world_arrives_in_order_with_some_of_it_late(tmp_path: Path) -> None:
    world = World(events=50_000, accounts=100, users=500, days=20, late=0.05)
    build_duckdb(world, tmp_path / "world.duckdb")
    with connected(tmp_path / "world.duckdb", calendar=False) as connection:
        arrived = connection.execute("SELECT epoch_us(ingested_at) FROM events ORDER BY rowid").fetchall()
        late = connection.execute("SELECT count(*) FROM events WHERE ingested_at > occurred_at + INTERVAL 1 DAY")
        share = late.fetchall()[0][0] / len(arrived)
    assert arrived == sorted(arrived)
    assert 0.03 < share < 0.07


def test_a_number_that_differs_fails_the_benchmark_and_says_whose() -> None:
    ours = pd.DataFrame({"volume": [1.0, 2.0]}, index=["a", "b"])
    with pytest.raises(NumbersDiffer, match="volume differs for 1 of 2 leads \\(b: "):
        same(ours, ours.assign(volume=[1.0, 3.0]), ["volume"], "rival")
    with pytest.raises(NumbersDiffer, match="1 leads are in one"):
        same(ours, ours.iloc[:1], ["volume"], "rival")


@pytest.mark.parametrize(
    ("ratio", "met"), [(0.7, "target"), (1.0, "floor"), (1.2, "no")], ids=["target", "floor", "neither"]
)
def test_a_row_says_which_bar_its_median_reaches(ratio: float, met: str) -> None:
    spread = Spread.of([ratio, ratio / 2, ratio * 2])
    assert Row(bar="1", what="", world="", ratio=spread, at_most=True, floor=1.1, target=0.8).met == met


def test_the_states_benchmark_runs_the_main_job_on_its_frames(tmp_path: Path) -> None:
    definitions = widened(load(starter_folder(), {})).definitions
    file = tmp_path / "frames.pickle"
    file.write_bytes(pickle.dumps(made(definitions, 300, as_of=state.FIRST)))
    first, few, most = state.measure("sqlite", file)
    assert first.written == 300
    assert first.decisions > 0
    assert 3 <= few.written < most.written < 300


def test_each_step_is_a_process_with_what_its_contender_needs(tmp_path: Path) -> None:
    world, file = World(events=5_000, accounts=50, users=200, days=10), str(tmp_path / "world.duckdb")
    as_of = world.end_of(0).isoformat()
    assert step("world", parameters=world.as_json(), file=file).result["events"] > 4_000
    project = {"folder": str(tmp_path), "url": f"duckdb:///{file}"}
    outs = {name: str(tmp_path / f"{name}.parquet") for name in ("pql", "levels", "pandas")}
    measured = [
        step("increment", project=project, as_of=as_of, out=outs["pql"]),
        step("scan", file=file, folder=str(tmp_path)),
        step("pandas_plain", file=file, folder=str(tmp_path), as_of=as_of, out=outs["pandas"]),
    ]
    assert all(0 < one.seconds < one.wall and one.megabytes > 1 for one in measured)
    step("raw_state", file=file, folder=str(tmp_path))
    step("raw_query", file=file, folder=str(tmp_path), as_of=as_of, variant="levels", out=outs["levels"])
    for rival in ("levels", "pandas"):
        told = step("compare", ours=outs["pql"], theirs=outs[rival], what=rival).result
        assert told["compared"] == world.accounts * len(TWELVE)
