"""`python -m bench`: all benchmarks, or those named, and one report."""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import main_job
from bench.bars import (
    alternatives,
    evaluation,
    failover,
    first_build,
    instants,
    latency,
    on_postgresql,
    on_spark,
    one_day,
    outbox,
    scaling,
    state,
    watch,
)
from bench.bars.setting import Setting

BARS: Mapping[str, Callable[[Setting], None]] = {
    "1": evaluation.run,
    "2": one_day.run,
    "3": alternatives.run,
    "4": state.run,
    "5": first_build.run,
    "6": on_postgresql.run,
    "7": on_spark.run,
    "instants": instants.run,
    "scaling": scaling.run,
    "outbox": outbox.run,
    "watch": watch.run,
    "latency": latency.run,
    "failover": failover.run,
}


def main() -> None:
    """Read the arguments, run the bars, print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Ratios within one run; see docs/benchmarks.md."
    )
    parser.add_argument("--bars", default=",".join([*BARS]), help=f"of {', '.join([*BARS])}, main")
    parser.add_argument("--scale", choices=("small", "full"), default="small")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--worlds", default="skewed,even", help="skewed, even, or both")
    parser.add_argument("--folder", type=Path, help="where worlds are made; by default the machine's temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    wanted = arguments.bars.split(",")
    if unknown := [bar for bar in wanted if bar not in {*BARS, "main"}]:
        parser.error(f"no bar is called {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix="pql-bench-", dir=arguments.folder) as folder:
        setting = Setting(
            scale=arguments.scale,
            repeats=arguments.repeats,
            kinds=tuple(kind for kind in ("skewed", "even") if kind in arguments.worlds.split(",")),
            folder=Path(folder),
        )
        for bar in wanted:
            if bar in BARS:
                BARS[bar](setting)
    if setting.report.rows:
        print(setting.report.markdown())
    if arguments.json:
        arguments.json.write_text(setting.report.as_json(), encoding="utf-8")
    if "main" in wanted:
        main_job.report(10_000_000 if arguments.scale == "full" else 1_000_000, arguments.repeats)


if __name__ == "__main__":
    main()
