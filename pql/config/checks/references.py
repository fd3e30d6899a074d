"""References that lead nowhere: tiers, groups, reps, channels, files, stages, grades."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pql.config.parts import Entry, Parts
from pql.config.problems import Problem
from pql.config.shapes.base import Shape
from pql.config.shapes.people import RoutingFile
from pql.config.shapes.routing import RouteIn
from pql.config.translate import near
from pql.config.yaml import Document, Path
from pql.domain.conditions import Condition, fold
from pql.domain.measures.statement import Statement
from pql.domain.rules import BANDS, FIT_GRADES


@dataclass(frozen=True, slots=True)
class _Words:
    """What a reference may name, and what to say where it names something else."""

    code: str
    noun: str
    known: Sequence[str]


STAGE_FACTS = ("plan", "status", "in_trial", "mrr")


def tiers(parts: Parts) -> Iterator[Problem]:
    """Tiers in the matrix and in the bars that the list of tiers does not have."""
    if parts.scoring is None:
        return
    document, shape = parts.scoring.document, parts.scoring.shape
    words = _Words("C020", "tier", shape.tiers)
    for grade in FIT_GRADES:
        for number, tier in enumerate(document.get("matrix", grade)):
            yield from _known(document, ("matrix", grade, number), tier, words)
    for bar in ("enter", "leave"):
        tier = getattr(shape.qualification, bar).tier
        yield from _known(document, ("qualification", bar, "tier"), tier, words)


def groups(parts: Parts) -> Iterator[Problem]:
    """Groups of signals and of criteria that have no cap."""
    if parts.scoring:
        caps = parts.scoring.shape.group_caps
        for signal in parts.signals:
            hint = "config/scoring.yml lists group_caps"
            yield from _capped(signal.document, ("points", "group"), signal.shape.points.group, caps, hint)
    if parts.icp:
        for number, criterion in enumerate(parts.icp.shape.criteria):
            at = ("criteria", number, "group")
            caps = parts.icp.shape.fit.group_caps
            if criterion.group:
                yield from _capped(parts.icp.document, at, criterion.group, caps, "give it one in fit.group_caps")


def _capped(document: Document, at: Path, group: str, caps: Mapping[str, float], hint: str) -> Iterator[Problem]:
    if group not in caps:
        yield document.problem(at, "C021", f"the group '{group}' has no cap", near(group, caps) or hint)


def reps(parts: Parts) -> Iterator[Problem]:
    """Routes, stand-ins and fallbacks that name nobody; not asked where the reps come from a relation."""
    if parts.routing is None or "reps" in parts.relations:
        return
    document, shape = parts.routing.document, parts.routing.shape
    known = {rep.email.casefold(): rep for rep in shape.reps}
    for at, email in _named_reps(shape):
        if email.casefold() not in known:
            hint = near(email, [rep.email for rep in shape.reps]) or "list it under reps"
            yield document.problem(at, "C022", f"'{email}' is none of the reps", hint)
        elif at[-1] == "fallback" and not known[email.casefold()].active:
            yield document.problem(at, "C022", f"the fallback '{email}' is not active")
    teams = list(dict.fromkeys(rep.team for rep in shape.reps if rep.team))
    for at, route in _routes(shape.routes):
        if route.team:
            yield from _known(document, (*at, "team"), route.team, _Words("C033", "team", teams))


def _named_reps(shape: RoutingFile) -> Iterator[tuple[Path, str]]:
    yield ("fallback",), shape.fallback
    for number, rep in enumerate(shape.reps):
        if rep.stand_in:
            yield ("reps", number, "stand_in"), rep.stand_in
    for at, route in _routes(shape.routes):
        yield from (((*at, "reps", place), email) for place, email in enumerate(route.reps))
        if route.fallback:
            yield (*at, "fallback"), route.fallback


def _routes(routes: Sequence[RouteIn], above: Path = ()) -> Iterator[tuple[Path, RouteIn]]:
    """Every node of the tree and where it stands."""
    for number, route in enumerate(routes):
        at: Path = (*above, "routes", number)
        yield at, route
        yield from _routes(route.routes, at)


def route_names(parts: Parts) -> Iterator[Problem]:
    """Two routes of one name, wherever in the tree: turns are counted by it."""
    if parts.routing is None:
        return
    seen: set[str] = set()
    for at, route in _routes(parts.routing.shape.routes):
        if route.route in seen:
            message = f"there are two routes '{route.route}'"
            yield parts.routing.document.problem((*at, "route"), "C040", message, "names are unique")
        seen.add(route.route)


def channels(parts: Parts) -> Iterator[Problem]:
    """Channels that messages would go to and that are not set up; asked only where something is sent."""
    if parts.pql is None or parts.routing is None or parts.pql.shape.delivery.mode == "off":
        return
    delivery = parts.pql.shape.delivery
    for urgency, names in parts.routing.shape.channels:
        for number, name in enumerate(names):
            yield from _set_up(parts, parts.routing, ("channels", urgency, number), str(name))
    for name in delivery.operator.build():
        yield from _set_up(parts, parts.pql, ("delivery", "operator", name), name)
    if delivery.mode == "redirect":
        used = {str(name) for _, names in parts.routing.shape.channels for name in names}
        for name in sorted(used - set(delivery.redirect.build())):
            message = f"the channel '{name}' has no address to redirect to"
            yield parts.pql.document.problem(("delivery", "redirect"), "C031", message, f"write {name}: ...")


def _set_up(parts: Parts, entry: Entry[Shape], at: Path, name: str) -> Iterator[Problem]:
    if name in parts.channels:
        return
    message = f"the channel '{name}' is not set up"
    hint = f"notifiers/{name}/channel.yml"
    yield entry.document.problem(at, "C023", message, f"{hint} needs variables" if name in parts.unset else hint)


def statements(parts: Parts) -> Iterator[Problem]:
    """`sql` measures whose file is not there."""
    for document, at, measure in parts.measures():
        if isinstance(measure, Statement) and measure.file not in parts.statements:
            hint = near(measure.file, parts.statements) or "such files lie in sql/measures/"
            yield document.problem((*at, "file"), "C024", f"there is no file '{measure.file}'", hint)


def conditions(parts: Parts) -> Iterator[Problem]:
    """Stages, fit grades, grades, bands and tiers in conditions that nothing can have."""
    for signal in parts.signals:
        yield from _lead(parts, signal.document, ("only_if",), signal.shape.only_if)
    for moment in parts.moments:
        yield from _lead(parts, moment.document, ("only_if",), moment.shape.only_if)
        yield from _standing(parts, moment.document, ("only_if",), moment.shape.only_if)
        if "signals" in moment.shape.only_if:
            words = _Words("C038", "signal", [signal.shape.signal for signal in parts.signals])
            at: Path = ("only_if", "signals")
            yield from _values(moment.document, at, moment.shape.only_if["signals"], words)
    if parts.icp:
        for number, exclusion in enumerate(parts.icp.shape.exclusions):
            yield from _lead(parts, parts.icp.document, ("exclusions", number, "when"), exclusion.when)
    if parts.routing:
        for at, route in _routes(parts.routing.shape.routes):
            yield from _matched(parts, parts.routing.document, (*at, "match"), route.match)


def _matched(parts: Parts, document: Document, at: Path, match: Mapping[str, Condition]) -> Iterator[Problem]:
    yield from _lead(parts, document, at, match)
    yield from _standing(parts, document, at, match)
    names = {
        "signal": [entry.shape.signal for entry in parts.signals],
        "moment": [entry.shape.moment for entry in parts.moments],
    }
    for noun, known in names.items():
        if noun in match:
            yield from _values(document, (*at, noun), match[noun], _Words("C034", noun, known))


def _lead(parts: Parts, document: Document, at: Path, when: Mapping[str, Condition]) -> Iterator[Problem]:
    if parts.stages and "stage" in when:
        rules = parts.stages.shape
        known = [*(rule.stage for rule in rules.stages), rules.otherwise]
        yield from _values(document, (*at, "stage"), when["stage"], _Words("C029", "stage", known))


def _standing(parts: Parts, document: Document, at: Path, when: Mapping[str, Condition]) -> Iterator[Problem]:
    grades = [f"{fit}{band}" for fit in FIT_GRADES for band in BANDS]
    known = {
        "fit": _Words("C030", "fit grade", FIT_GRADES),
        "grade": _Words("C030", "grade", grades),
        "band": _Words("C030", "band", [str(band) for band in BANDS]),
    }
    if parts.scoring:
        known["tier"] = _Words("C020", "tier", parts.scoring.shape.tiers)
    for name, words in known.items():
        if name in when:
            yield from _values(document, (*at, name), when[name], words)


def _values(document: Document, at: Path, condition: Condition, words: _Words) -> Iterator[Problem]:
    """The values that a condition names and that nothing can have, each at its place."""
    for place, value in _named(document.get(*at), at):
        if _names(condition, value):
            yield from _known(document, place, str(value), words)


def _named(written: object, at: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(written, Mapping):
        for operator in ("equals", "not", "in", "not_in"):
            if operator in written:
                yield from _named(written[operator], (*at, operator))
    elif isinstance(written, list):
        yield from (((*at, number), value) for number, value in enumerate(written))
    else:
        yield at, written


def _names(condition: Condition, value: object) -> bool:
    among = (*(condition.among or ()), *(condition.not_among or ()), condition.equals, condition.not_equals)
    return value in among


def _known(document: Document, at: Path, name: str, words: _Words) -> Iterator[Problem]:
    if fold(name) not in {fold(word) for word in words.known}:
        hint = near(name, words.known) or f"known are {', '.join(words.known)}"
        yield document.problem(at, words.code, f"there is no {words.noun} '{name}'", hint)


def stages(parts: Parts) -> Iterator[Problem]:
    """Stage rules over facts that there are not, and customer stages that no rule gives."""
    if parts.stages is None:
        return
    document, shape = parts.stages.document, parts.stages.shape
    for number, rule in enumerate(shape.stages):
        for fact in rule.when:
            if fact not in STAGE_FACTS:
                hint = near(fact, STAGE_FACTS) or f"known are {', '.join(STAGE_FACTS)}"
                rule_at = ("stages", number, "when", fact)
                yield document.problem(rule_at, "C011", f"unknown key '{fact}'", hint, key=True)
    known = [*(rule.stage for rule in shape.stages), shape.otherwise]
    for number, name in enumerate(shape.customer):
        at: Path = ("customer", number) if "customer" in document.data else ()
        yield from _known(document, at, name, _Words("C029", "stage", known))


CHECKS: Sequence[Callable[[Parts], Iterator[Problem]]] = (
    tiers,
    groups,
    reps,
    route_names,
    channels,
    statements,
    conditions,
    stages,
)
