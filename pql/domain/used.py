"""What of a lead, and of its users, the definitions ask for."""

from collections.abc import Iterable, Iterator

from pql.domain.definitions import Definitions
from pql.domain.icp import Of, Subject
from pql.domain.partials import AttributeInput
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
