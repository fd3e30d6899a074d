"""`pql notifications`: what was written, to whom, and what became of it."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, print_table


def notifications(
    project: ProjectFolder = HERE,
    lead: Annotated[str | None, typer.Option(help="Only of this lead id.")] = None,
    rep: Annotated[str | None, typer.Option(help="Only to this rep's email.")] = None,
    status: Annotated[str | None, typer.Option(help="waiting, sent, failed, expired or shadow.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List messages, the newest first."""
    with opened(project) as app:
        rows = app.store.notifications(lead_id=lead, recipient=rep, status=status, limit=limit)
    if as_json:
        print_json(rows)
        return
    cells = [
        [
            f"{row.created_at:%Y-%m-%d %H:%M}",
            row.subject,
            row.lead_id,
            row.recipient,
            row.channel,
            row.status,
            row.reference or row.last_error,
        ]
        for row in rows
    ]
    columns = ["written (UTC)", "about", "lead", "to", "by", "status", "where"]
    print_table(columns, cells, empty="No messages yet.")
