"""`pql customers`: who converted, and how their use goes."""

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, print_table


def customers(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List converted leads: plan, since when, use now against before, and who follows them."""
    from pql.cli.report import day, number

    with opened(project) as app:
        rows = app.store.customers().reset_index()
        fallback = app.project.definitions.customers.success_fallback
    if as_json:
        print_json(rows.astype(object).where(rows.notna(), None).to_dict("records"))
        return
    cells = [
        [
            row["lead_id"],
            row["name"],
            row["plan"],
            day(row["converted_at"]),
            number(row["use_before"]),
            number(row["use_now"]),
            row["success_owner_email"] or fallback,
        ]
        for row in rows.to_dict("records")
    ]
    columns = ["lead_id", "name", "plan", "customer since", "use then", "use now", "followed by"]
    print_table(columns, cells, empty="No customers yet.")
