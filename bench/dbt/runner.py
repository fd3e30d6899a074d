"""Run the dbt project as of an instant, in dbt's own environment: `runner.py JSON`; prints `seconds` of the run.

The project is parsed before the measurement begins, so that its seconds are the run's alone.
"""

import json
import os
import sys
import time
from pathlib import Path

import duckdb
from dbt.cli.main import dbtRunner  # type: ignore[import-not-found]  # it lives in an environment of its own

HERE = Path(__file__).parent


def main() -> None:
    """Set the clock, parse and run."""
    settings = json.loads(sys.argv[1])
    folder = Path(settings["folder"])
    paths = {"BENCH_TARGET": folder / "dbt.duckdb", "BENCH_CLOCK": folder / "clock.parquet"}
    os.environ |= {name: str(path) for name, path in paths.items()} | {"BENCH_WORLD": settings["world"]}
    clock = ", ".join(f"{int(value)} AS {name}" for name, value in settings["clock"].items())
    duckdb.sql(f"COPY (SELECT {clock}) TO '{paths['BENCH_CLOCK']}' (FORMAT parquet)")
    common = ["--project-dir", str(HERE), "--profiles-dir", str(HERE), "--vars", json.dumps(settings["vars"])]
    common += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    parsed = dbtRunner().invoke(["--quiet", "parse", *common])
    began = time.perf_counter()
    ran = dbtRunner(manifest=parsed.result).invoke(["--quiet", "run", *common])
    seconds = time.perf_counter() - began
    if not ran.success:
        raise SystemExit(f"dbt failed: {ran.exception or [str(one.message) for one in ran.result.results]}")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
