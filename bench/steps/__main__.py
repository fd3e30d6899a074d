"""Run the step that is named."""

import atexit
import gc
import importlib
import json
import sys

from bench.steps import STEPS, beside, watch

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
    # As `pql` does: what modules make is not looked through for cycles.
    gc.disable()
    importlib.import_module(f"bench.steps.{module}")
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)
    told = STEPS[name](**json.loads(arguments))
    print(json.dumps({**(told or {}), "seconds": watch.seconds, "beside": beside.seconds}, default=str))


main()
