"""`pql demo`: the main job over a made-up company, in a project folder of its own."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pql.cli.common import environment, note, say
from pql.jobs.collecting import loading

if TYPE_CHECKING:
    from pql.jobs.reading import Progress

DAYS = 4
AFTERNOON = timedelta(hours=9)  # before midnight in UTC


def demo(
    directory: Annotated[Path, typer.Argument(help="Where the demo project is made; made anew each time.")] = Path(
        "var/demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes another company.")] = 7,
    accounts: Annotated[int, typer.Option(min=50, help="How many accounts.")] = 3_400,
) -> None:
    """Make up a company, run the main job over its last days, and show what a rep would get."""
    from pql.cli.progress import bars
    from pql.config.starter import copy_starter
    from pql.demo import generate

    clear(directory)
    copy_starter(directory)
    with bars() as progress:
        truth = generate(
            directory / "data" / "usage.duckdb",
            seed=seed,
            accounts=accounts,
            progress=lambda done, total: progress("Making up a company", done, total),
        )
        note(
            f"{truth.accounts:,} accounts, {truth.users:,} users, {truth.events:,} events until {truth.until:%Y-%m-%d}"
        )
        best = replay(directory, truth.until, progress)
    note("Try next:")
    for command in ("leads --qualified", f"explain {best}", "notifications", "customers", "check"):
        note(f"  {program()} {command} -C {directory}")


def program() -> str:
    """How this program is called from here: `pql` where the shell finds it, else the path that was used."""
    import shutil
    import sys

    return "pql" if shutil.which("pql") else sys.argv[0]


def clear(directory: Path) -> None:
    """Remove the demo project that an earlier demo made, and nothing else.

    Raises:
        typer.BadParameter: The folder holds something that no demo made.
    """
    import shutil

    if not directory.exists() or not any(directory.iterdir()):
        return
    if not (directory / "data" / "truth.json").exists():
        raise typer.BadParameter(f"{directory} holds files that no demo made; give another folder")
    shutil.rmtree(directory)


def replay(directory: Path, until: datetime, progress: "Progress") -> str:
    """Run the main job at the end of each of the last days, deliver to files, and show what came of it.

    Returns:
        The id of the best lead; "LEAD" if there is none.
    """
    with loading():
        from pql.app import open_app
    from pql.cli.report import show_replay
    from pql.config.settings import DeliverySettings

    instant = until
    # The world ended at `until`, whatever the clock on the wall says: messages are written and sent in its time.
    app = open_app(
        directory,
        environment(directory),
        delivery=DeliverySettings(mode="redirect", redirect={"file": "demo"}),
        clock=lambda: instant,
    )
    try:
        reports, sent = [], 0
        # In the afternoon of Europe and the morning of America: at night most reps have their quiet time.
        instants = [until - timedelta(days=days_ago) - AFTERNOON for days_ago in range(DAYS, -1, -1)] + [until]
        for number, instant in enumerate(instants):  # noqa: B007 - it is what the clock tells
            reports.append(app.run())
            sent += app.deliver().sent
            progress("Running day by day", number + 1, len(instants))
        best = app.store.leads_table(live=True, limit=10)
        show_replay(reports, best)
        folder = app.project.notifiers.file.folder if app.project.notifiers.file else directory
        say(f"\n{sent:,} messages, as they would show in Slack and in a mail client: {folder}/index.html")
        return str(best.index[0]) if len(best) else "LEAD"
    finally:
        app.close()
