"""What of a lead, of its users and of the relations the definitions ask for."""

from collections.abc import Iterable, Iterator

from pql.domain.definitions import Definitions
from pql.domain.icp import Of, Subject
from pql.domain.measures.base import Measure
from pql.domain.partials import AllowanceInput, AttributeInput, PartialInput
from pql.domain.patterns.base import Pattern
from pql.domain.rules import all_branches
from pql.domain.verdicts import needed


def used_attributes(definitions: Definitions) -> frozenset[str]:
    """The attributes of accounts that anything of the definitions depends on, by name."""
    return frozenset(_written(definitions)) | frozenset(_of_account(_subjects(definitions)))


def asks_users(definitions: Definitions) -> bool:
    """Whether fit or eligibility depends on attributes of users."""
    return any(subject.of is Of.USER for subject in _subjects(definitions))


def _written(definitions: Definitions) -> Iterator[str]:
    """Those that stand as plain names."""
    for signal in definitions.signals:
        yield from signal.only_if
    for moment in definitions.moments:
        yield from moment.only_if
    for _, when in definitions.stages.rules:
        yield from when
    for branch in all_branches(definitions.routing.branches):
        yield from branch.match
    for item in needed(definitions.signals):
        yield from (source.name for source in item.inputs().values() if isinstance(source, AttributeInput))


def _subjects(definitions: Definitions) -> Iterator[Subject]:
    """Those that are written like `user.role`."""
    icp = definitions.icp
    for criterion in icp.criteria:
        yield criterion.subject
        yield from map(Subject.parse, criterion.only_if)
    for when in (*(persona.when for persona in icp.personas), *(rule.when for rule in icp.exclusions)):
        yield from map(Subject.parse, when)
    if any(rule.free_mail for rule in icp.exclusions):
        yield Subject(of=Of.ACCOUNT, attribute="domain")


def _of_account(subjects: Iterable[Subject]) -> Iterator[str]:
    return (subject.attribute for subject in subjects if subject.of is Of.ACCOUNT)


def relations_of(measure: Measure) -> frozenset[str]:
    """The relations that a measure reads, beside what leads are made of. Of a team's own SQL nobody can tell."""
    found = set()
    for source in measure.inputs().values():
        match source:
            case PartialInput():
                found.add(source.partial.relation.value)
            case AllowanceInput():
                found.add("allowances")
            case _:
                pass
    return frozenset(found)


def relations_of_pattern(pattern: Pattern) -> frozenset[str]:
    """The relations that a moment's pattern reads."""
    own = {"allowance": "allowances", "trial_ends": "subscriptions"}.get(pattern.kind)
    return frozenset({own or "events"}) | (frozenset({"events"}) if pattern.event_filter is not None else frozenset())
