"""`pql serve`: all jobs on their schedules, until SIGTERM."""

from typing import Annotated

import typer

from pql.cli.common import HERE, ProjectFolder, note, opened

JsonLog = Annotated[bool, typer.Option("--json-log", help="Write the log as JSON, one object a line.")]


def serve(project: ProjectFolder = HERE, json_log: JsonLog = False) -> None:
    """Run the schedule until SIGTERM or Ctrl-C; what is being done is finished first."""
    import signal
    import threading

    from pql.cli.logs import log_to_stderr

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log_to_stderr(as_json=json_log)
    with opened(project) as app:
        if app.project.delivery.mode == "off":
            note("delivery.mode is off: everything is decided and shown, nothing is sent.")
        app.serve(stop)
