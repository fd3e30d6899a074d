"""Everything a team defines, as one value."""

from dataclasses import dataclass

from pql.domain.icp import Icp
from pql.domain.moments import Moment
from pql.domain.partials import Level
from pql.domain.rules import Customers, QualificationRule, Routing, Scoring, Stages
from pql.domain.signals import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """The checked content of signals/ and config/ that decides what is found.

    Args:
        content_hash: SHA-256 (hex) of the definitions' canonical content: equal content, equal hash.
        sources: The text of each file by its path in the project, for the record of what a run used.
    """

    lead: Level
    time_zone: str
    signals: tuple[Signal, ...]
    moments: tuple[Moment, ...]
    icp: Icp
    scoring: Scoring
    qualification: QualificationRule
    stages: Stages
    routing: Routing
    customers: Customers
    content_hash: str
    sources: tuple[tuple[str, str], ...] = ()
