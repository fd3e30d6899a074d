"""Evidence, plays and links: each is rendered against a full sample, and one in which nothing is known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import TemplateSyntaxError

from pql.config.parts import Parts
from pql.config.problems import Problem
from pql.config.templates import TEXTS
from pql.config.yaml import Document, Path
from pql.domain.measures import Measure
from pql.domain.measures.attribute import Attribute

_AT = datetime(2026, 1, 31, 13, 5, tzinfo=UTC)


class _Facts(dict[str, Any]):
    """A lead's facts: attributes of a team's own have any name."""

    def __init__(self, otherwise: object, **known: object) -> None:
        super().__init__(known)
        self._otherwise = otherwise

    def __missing__(self, _key: str) -> object:
        return self._otherwise


def _lead(otherwise: object) -> Mapping[str, object]:
    known = {"id": "acc_1", "name": "Acme Corp", "domain": "acme.test", "plan": "free", "stage": "trial"}
    standing = {"fit": "A", "grade": "A1", "tier": "hot", "band": 1, "behaviour": 78.0}
    if otherwise is None:
        known |= {"domain": None, "plan": None}  # type: ignore[dict-item]
    return _Facts(otherwise, **known, **standing, attributes=_Facts(otherwise))


# An attribute may be text or a number: it is enough that a template renders with one of them.
_FULL, _BARE = (_lead("text"), _lead(12.0)), (_lead(None),)


def evidence(parts: Parts) -> Iterator[Problem]:
    """The evidence and the play of signals."""
    for signal in parts.signals:
        shape = signal.shape
        for value in _values(shape.measure):
            names = {"value": value, "words": "6 features in 14 days", "norm": 2.0, "latest": "Dashboards"}
            names |= {"latest_at": _AT, "title": shape.title}
            bare = names | {"norm": None, "latest": None, "latest_at": None}
            samples = [[names | {"lead": lead} for lead in _FULL], [bare | {"lead": lead} for lead in _FULL]]
            found = list(_rendered(signal.document, ("evidence",), shape.evidence, samples))
            if not found:
                break
        yield from found
        plays = [[{"lead": lead, "user": None} for lead in leads] for leads in (_FULL, _BARE)]
        yield from _rendered(signal.document, ("play",), shape.play, plays)


def _values(measure: Measure) -> Sequence[object]:
    return ("text", 6.0, True) if isinstance(measure, Attribute) else (6.0,)


def plays(parts: Parts) -> Iterator[Problem]:
    """The plays of moments."""
    user = {"name": "Dana Whitfield", "email": "dana@acme.test", "role": "VP Product"}
    latest = {"feature": "Dashboards", "at": _AT, "event": "paywall_viewed"}
    names = {"user": user, "latest": latest, "count": 3, "detail": "3 times within 1 hour"}
    bare = names | {"user": None, "detail": ""}
    samples = [[names | {"lead": lead} for lead in _FULL], [bare | {"lead": lead} for lead in _FULL]]
    for moment in parts.moments:
        yield from _rendered(moment.document, ("play",), moment.shape.play, samples)


def links(parts: Parts) -> Iterator[Problem]:
    """The URLs of links."""
    if parts.pql:
        samples = [[{"lead": lead} for lead in leads] for leads in (_FULL, _BARE)]
        for label, url in parts.pql.shape.links.items():
            yield from _rendered(parts.pql.document, ("links", label), url, samples)


def _rendered(
    document: Document, at: Path, template: str, samples: Sequence[Sequence[Mapping[str, object]]]
) -> Iterator[Problem]:
    """What hinders a template: of each sample, one variant must render."""
    try:
        compiled = TEXTS.from_string(template)
    except TemplateSyntaxError as exc:
        yield document.problem(at, "C060", f"the template '{at[-1]}' cannot be read: {exc.message}")
        return
    for number, variants in enumerate(samples):
        faults = [fault for names in variants if (fault := _fault(compiled, names))]
        if len(faults) == len(variants):
            known = sorted(variants[0])
            bare = [name for name in known if variants[0][name] is None]
            hint = f"it may be that nothing is known: {', '.join(bare)}" if number and bare else ""
            hint = hint or f"it sees {', '.join(known)}"
            yield document.problem(at, "C061", f"the template '{at[-1]}' does not render: {faults[0]}", hint)
            return


def _fault(compiled: Any, names: Mapping[str, object]) -> str:
    try:
        compiled.render(names)
    # A template is the team's code: whatever it raises is told as its fault.
    except Exception as exc:  # noqa: BLE001
        return str(exc) or type(exc).__name__
    return ""


CHECKS: Sequence[Callable[[Parts], Iterator[Problem]]] = (evidence, plays, links)
