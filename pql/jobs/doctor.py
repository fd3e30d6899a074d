"""Look at everything that a project needs before anyone relies on it: databases, channels, addresses, templates."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from pql.config.settings import Notifiers, Project
from pql.domain.health import Examined, failed, ok, warning
from pql.domain.messages import Alert, Outgoing, Subject
from pql.domain.rules import Channel as ChannelName
from pql.errors import ConfigError, DeliveryError, PqlError, StateError
from pql.jobs.staff import Listed, is_zone, listed_reps, with_reps
from pql.notify import Channel
from pql.notify.examining import examine_channels
from pql.notify.failing import failing
from pql.store import is_new, open_store
from pql.warehouse import open_warehouse

_SLACK = ChannelName.SLACK
_NAMES = {"slack": "Slack", "email": "Email", "webhook": "Webhook", "file": "File"}


def examine(
    project: Project, channels: Mapping[str, Channel], now: datetime, *, send: bool = False
) -> Iterator[Examined]:
    """One thing after another; a failure of one stops no other.

    Args:
        project: The project, whose files are sound.
        channels: Those that are set up.
        now: The present instant.
        send: Also send one test message a channel, to the operator's address or the one of mode redirect.
    """
    listed: list[Mapping[str, object]] = []
    yield from _usage(project, listed)
    yield from _reps(project, listed)
    project = with_reps(project, listed)
    yield _state(project)
    yield from _delivery(project, channels)
    yield from examine_channels(
        project.notifiers, now, slack_channels=_slack_channels(project), people=_people(project)
    )
    if send:
        for name, channel in channels.items():
            yield _test_message(project, name, channel, now)


def _usage(project: Project, listed: list[Mapping[str, object]]) -> Iterator[Examined]:
    """`listed` gets the reps that `sql/reps.sql` lists."""
    warehouse = open_warehouse(project)
    try:
        found = warehouse.inspect()
        writes = warehouse.may_write()
        listed += [] if found else listed_reps(warehouse)
    except PqlError as exc:
        yield failed("Usage database", str(exc), "see docs/connect.md")
        return
    finally:
        warehouse.close()
    if found:
        words = f"it answers, but {len(found)} things in sql/ do not fit: {found[0].path}: {found[0].message}"
        yield failed("Usage database", words, "`pql check` tells all")
    else:
        yield ok("Usage database", "it answers, and has what sql/ asks for")
    if writes:
        cure = "give PQL a user that may only read (docs/connect.md)"
        yield warning("Usage database: rights", "our user could change your tables; PQL never does", cure)
    elif writes is False:
        yield ok("Usage database: rights", "we may only read")


def _reps(project: Project, listed: Listed) -> Iterator[Examined]:
    """What is wrong with the reps of the relation; nothing without it."""
    if not listed:
        return
    strange = sorted(str(row["email"]) for row in listed if not _is_address(str(row["email"])))
    if strange:
        cure = "give the column email of sql/reps.sql one address a row"
        yield failed("Reps", f"of sql/reps.sql these are no addresses: {', '.join(strange[:3])}", cure)
    zones = sorted({str(row["time_zone"]) for row in listed if not is_zone(str(row["time_zone"]))})
    if zones:
        cure = f"give names like Europe/Berlin; until then {project.definitions.time_zone} is taken"
        yield warning("Reps", f"of sql/reps.sql these are no time zones: {', '.join(zones[:3])}", cure)
    if not strange and not zones:
        active = sum(bool(row["active"]) for row in listed)
        yield ok("Reps", f"{len(listed):,} in sql/reps.sql, {active:,} of them active")


def _is_address(text: str) -> bool:
    name, at, host = text.strip().partition("@")
    return bool(name and at and "." in host) and " " not in text


def _state(project: Project) -> Examined:
    what = "State database"
    try:
        if is_new(project.state, project.folder):
            return warning(what, "it has no tables yet", "the first `pql run` makes them, or `pql migrate`")
        open_store(project.state, project.folder).close()
    except StateError as exc:
        return failed(what, str(exc), "see docs/state.md")
    return ok(what, "it answers, and has the tables of this version")


def _delivery(project: Project, channels: Mapping[str, Channel]) -> Iterator[Examined]:
    delivery = project.delivery
    if delivery.mode == "off":
        cure = "once you have seen what would be sent, set delivery.mode: redirect, then on, in config/pql.yml"
        yield warning("Delivery", "it is off: everything is decided, nothing is sent", cure)
    elif delivery.mode == "redirect":
        to = ", ".join(f"{name} to {address}" for name, address in delivery.redirect.items() if "://" not in address)
        yield warning("Delivery", f"everything is redirected: {to}", "set delivery.mode: on, in config/pql.yml")
    else:
        yield ok("Delivery", "it is on")
    if any(name in channels for name in delivery.operator):
        yield ok("Operator", "is told when something is wrong")
    else:
        cure = "set delivery.operator in config/pql.yml to an address of a channel that is set up"
        yield warning("Operator", "nobody is told when something is wrong", cure)


def _slack_channels(project: Project) -> list[str]:
    named = [*_named(project.definitions.routing, "slack_channel")]
    addresses = (project.delivery.operator.get("slack", ""), project.delivery.redirect.get("slack", ""))
    named += [address for address in addresses if address and "@" not in address]
    return list(dict.fromkeys(named))


def _named(rules: object, key: str) -> Iterator[str]:
    """What stands under a name, wherever it is in the rules."""
    if is_dataclass(rules):
        for each in fields(rules):
            value = getattr(rules, each.name)
            if each.name == key and value:
                yield str(value)
            yield from _named(value, key)
    elif isinstance(rules, tuple | list):
        for part in rules:
            yield from _named(part, key)


def _people(project: Project) -> list[str]:
    """Those who are told in Slack."""
    reps = project.definitions.routing.reps
    return [one.slack_id or one.email for one in reps if one.active and (not one.channels or _SLACK in one.channels)]


def _test_message(project: Project, name: str, channel: Channel, now: datetime) -> Examined:
    what = f"{_NAMES.get(name, name)}: test message"
    address = (
        project.delivery.operator.get(name) or project.delivery.redirect.get(name) or _own(project.notifiers, name)
    )
    if not address:
        cure = f"set delivery.operator.{name} in config/pql.yml"
        return warning(what, "not sent: nobody is named to get it", cure)
    try:
        payload = channel.render(_test_alert(project, now)).payload
        delivery_id = str(uuid5(NAMESPACE_URL, f"pql:doctor:{name}:{now.isoformat()}"))
        channel.send(Outgoing(delivery_id=delivery_id, channel=name, address=address, payload=payload))
    except DeliveryError as error:
        return failing(what, error)
    except ConfigError as exc:
        return failed(what, str(exc), "`pql check` tells all")
    return ok(what, "taken" if "://" in address else f"taken for {address}")


def _own(notifiers: Notifiers, name: str) -> str:
    """Where a channel has an address of its own."""
    return "doctor" if name == "file" or (name == "webhook" and notifiers.webhook) else ""


def _test_alert(project: Project, now: datetime) -> Alert:
    return Alert(
        subject=Subject.OPERATOR,
        lead_id="",
        lead_name="",
        title="A test message from PQL",
        why_now="If you read this, this channel works.",
        as_of=now,
        time_zone=project.definitions.time_zone,
        decided="Sent because somebody ran `pql doctor --send`.",
    )
