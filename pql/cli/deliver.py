"""`pql deliver`: send what stands in the outbox."""

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, say


def deliver(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Send the messages that are due, once."""
    with opened(project) as app:
        done = app.deliver()
        mode, paused = app.project.delivery.mode, app.store.paused()
    if as_json:
        print_json(done)
        return
    if mode == "off":
        say("Nothing is sent: delivery.mode is off in config/pql.yml.")
    elif paused:
        say(f"Nothing is sent: {paused.by} paused sending at {paused.at:%Y-%m-%d %H:%M} UTC; `pql resume` ends it.")
    else:
        say(
            f"Sent {done.sent}, to try again {done.retried}, given up {done.failed}, "
            f"no longer true {done.expired}, found sent already {done.reconciled}."
        )
