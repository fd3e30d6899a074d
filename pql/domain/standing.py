"""Why a lead does not qualify, or has not yet: how far it is from the bar, in words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pql.domain.conditions import say_scalar
from pql.domain.rules import QualificationRule


def standing_words(
    rule: QualificationRule,
    tiers: Sequence[str],
    *,
    eligible: bool,
    ineligible_why: str,
    behaviour: float,
    tier: str,
    above_since: datetime | None = None,
    cooldown_until: datetime | None = None,
    as_of: datetime,
) -> str:
    """What keeps a lead without an open episode from opening one, the first reason first; "" where nothing does.

    Args:
        rule: The bars.
        tiers: From best to worst.
        eligible, ineligible_why, behaviour, tier: Where the lead stands.
        above_since: Since when it has met the enter bar at every run; None: it does not.
        cooldown_until: After its last episode.
        as_of: The instant of all this.
    """
    if not eligible:
        return f"it is not eligible: {ineligible_why or 'no reason was kept'}"
    if short := _short(rule, tiers, behaviour, tier):
        return f"it is below the bar: {short}"
    if cooldown_until is not None and as_of < cooldown_until:
        return f"it cools down after its last episode, until {cooldown_until:%Y-%m-%d %H:%M} UTC"
    if cooldown_until is not None:
        return "it has not been below the leave bar since its last episode"
    opens = None if above_since is None else above_since + timedelta(seconds=rule.enter_for.seconds)
    if opens is not None and as_of < opens:
        return f"it has met the bar since {above_since:%Y-%m-%d %H:%M} UTC, and opens after {rule.enter_for} of that"
    return ""


def _short(rule: QualificationRule, tiers: Sequence[str], behaviour: float, tier: str) -> str:
    """By how much a lead misses the enter bar."""
    bar, parts = rule.enter, []
    if behaviour < bar.behaviour:
        missing = say_scalar(round(bar.behaviour - behaviour, 1))
        parts.append(
            f"{say_scalar(round(behaviour, 1))} points of behaviour, {missing} short of {say_scalar(bar.behaviour)}"
        )
    if tier not in tiers or tiers.index(tier) > tiers.index(bar.tier):
        parts.append(f"tier {tier or 'unknown'}, and {bar.tier} is needed")
    return "; ".join(parts)
