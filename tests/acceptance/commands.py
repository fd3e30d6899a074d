"""`pql` in a process of its own, forked from one that has imported everything: to import it takes 2 seconds each time.

Run as a module it is that process: it reads an order a line, forks, and tells the exit code.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pql(*arguments: str, cwd: Path, environ: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """As `python -m pql` with these arguments in a folder, with more in its environment."""
    nursery = _nursery()
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / name for name in ("out", "err")]
        order = [["pql", *arguments], str(cwd), {**os.environ, **(environ or {})}, *map(str, said)]
        nursery.stdin.write(json.dumps(order) + "\n")
        nursery.stdin.flush()
        code = int(nursery.stdout.readline())
        return subprocess.CompletedProcess(list(arguments), code, *(one.read_text(encoding="utf-8") for one in said))


@cache
def _nursery() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.acceptance.commands"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return process


def _run(arguments: list[str], cwd: str, environ: dict[str, str], out: str, err: str) -> int:
    """The command's whole life; its exit code."""
    from pql.cli import main  # noqa: PLC0415 - imported before

    for number, file in enumerate((os.devnull, out, err)):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = arguments
    try:
        main()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        return 1
    return 0


def _serve() -> None:
    for name in ("pql.app", "pql.cli.main"):
        import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = _run(*json.loads(line))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
