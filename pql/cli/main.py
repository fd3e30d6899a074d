"""The list of commands. Each is imported for its signature only; its work is imported when it runs."""

import typer

from pql.cli import (
    check,
    customers,
    deliver,
    demo,
    digest,
    doctor,
    explain,
    init,
    leads,
    migrate,
    mutes,
    notifications,
    outcomes,
    pause,
    reps,
    rollup,
    routes,
    run,
    serve,
    sources,
    version,
    watch,
    why,
)

app = typer.Typer(
    name="pql",
    help="Find product-qualified leads in your usage tables, and tell the right rep.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

COMMANDS = (
    init.init,
    check.check,
    doctor.doctor,
    demo.demo,
    run.run,
    watch.watch,
    deliver.deliver,
    digest.digest,
    digest.remind,
    serve.serve,
    explain.explain,
    why.why,
    sources.sources,
    leads.leads,
    customers.customers,
    notifications.notifications,
    outcomes.claim,
    outcomes.snooze,
    outcomes.reject,
    outcomes.won,
    outcomes.lost,
    mutes.mute,
    mutes.mutes,
    mutes.unmute,
    pause.pause,
    pause.resume,
    reps.reps,
    reps.absent,
    reps.back,
    migrate.migrate,
    version.version,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(rollup.rollup, name="rollup")
app.add_typer(routes.routes, name="routes")
