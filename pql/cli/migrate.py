"""`pql migrate`: bring the state database to this program's shape."""

from pql.cli.common import HERE, ProjectFolder, environment, say
from pql.jobs.collecting import loading


def migrate(project: ProjectFolder = HERE) -> None:
    """Bring the state database to the shape that this version expects."""
    with loading():
        from pql.app import migrate_state

    steps = migrate_state(project, environment(project))
    for step in steps:
        say(f"Done: {step}")
    if not steps:
        say("The state database is up to date.")
