"""Run the step that is named."""

import importlib
import json
import sys

from bench.steps import STEPS, beside, watch
from pql.jobs.collecting import loading

# The module of each step, by how its name begins; all others are the program's.
MODULES = {
    "postgres_": "postgres",
    "pandas_": "frames",
    "dbt_": "frames",
    "raw_": "queries",
    "scan": "queries",
    **dict.fromkeys(("world", "parquet_world", "landing", "day_counts", "compare"), "worlds"),
}


def main() -> None:
    """Run the step that is named."""
    name, arguments = sys.argv[1:]
    module = next((where for begins, where in MODULES.items() if name.startswith(begins)), "program")
    with loading():
        importlib.import_module(f"bench.steps.{module}")
    told = STEPS[name](**json.loads(arguments))
    print(json.dumps({**(told or {}), "seconds": watch.seconds, "beside": beside.seconds}, default=str))


main()
