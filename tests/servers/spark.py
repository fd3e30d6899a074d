"""A real standalone cluster of Spark on loopback: a master and its workers, processes of this machine."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 60.0


@contextmanager
def cluster(workers: int = 2, *, cores: int = 1, memory: str = "1g") -> Iterator[str]:
    """Start a master and workers; all are stopped by their process ids at the end, also after an error.

    Args:
        workers: How many.
        cores: Of each worker.
        memory: Of each worker, as Spark writes it; an executor takes 3/4 of it.

    Yields:
        A URL for `usage.url`, `spark://127.0.0.1:<port>/?...`; further settings are added with `&`.

    Raises:
        TimeoutError: A process does not come up within a minute; its log is in the message.
    """
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="pql-spark-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            log = folder / "master.log"
            processes.append(_start(log, "master.Master", "--host", "127.0.0.1", "--port", "0"))
            master = _said(log, r"Starting Spark master at (spark://\S+)")
            for number in range(workers):
                log = folder / f"worker-{number}.log"
                where = ("--host", "127.0.0.1", "--work-dir", str(folder / f"worker-{number}"))
                processes.append(_start(log, "worker.Worker", *where, "-c", str(cores), "-m", memory, master))
            for number in range(workers):
                _said(folder / f"worker-{number}.log", r"(Successfully registered) with master")
            yield f"{master}/?{_settings(workers * cores, memory)}"
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait(timeout=_PATIENCE_SECONDS)


def _settings(cores: int, memory: str) -> str:
    """The driver is this process, on loopback as well; a stage has as many partitions as there are cores, twice."""
    megabytes = int(memory.removesuffix("g")) * 1024 if memory.endswith("g") else int(memory.removesuffix("m"))
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": f"{megabytes * 3 // 4}m",
        "spark.sql.shuffle.partitions": str(2 * cores),
    }
    return "&".join(f"{name}={value}" for name, value in settings.items())


def _start(log: Path, what: str, *arguments: str) -> subprocess.Popen[bytes]:
    import pyspark  # noqa: PLC0415 (comes with an extra)

    home = Path(str(pyspark.__file__)).parent
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{what}", "--webui-port", "0", *arguments]
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    with log.open("wb") as file:
        # The script becomes the Java process, so the id is that of the server.
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)


def _said(log: Path, pattern: str) -> str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found[1]
        time.sleep(0.1)
    raise TimeoutError(f"Spark did not come up: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
