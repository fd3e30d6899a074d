"""All that a run found, before it is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from pql.domain.evaluation import Evaluation
from pql.domain.overview import Overview
from pql.domain.qualification import Transitions
from pql.domain.signals import Signal
from pql.jobs.candidates import Case
from pql.jobs.compose import Briefing
from pql.jobs.customers import Followed
from pql.jobs.reading import Reading
from pql.jobs.rule_change import NOTHING_CHANGED, ByChange
from pql.jobs.telling import Messages, Telling
from pql.store.records import EpisodeClosed, LeadHashes


@dataclass(frozen=True, kw_only=True)
class Thought:
    """What one run read, found and decided.

    Args:
        overview: The standing of all leads.
        hashes: What tells all leads from what is stored of them, part by part.
        detail: The whole evaluation of the leads that something is decided of.
        converted: Live episodes that a conversion ends.
        baseline: It is the first run ever.
        live: How many episodes are live after it.
        blind: The signals that were not evaluated, since their source cannot be relied on.
        ruled: What is so only because the definitions changed.
    """

    reading: Reading
    overview: Overview
    hashes: Sequence[LeadHashes]
    detail: Evaluation
    transitions: Transitions
    followed: Followed
    cases: Sequence[Case]
    telling: Telling
    briefing: Briefing
    messages: Messages
    converted: Sequence[EpisodeClosed]
    baseline: bool
    live: int
    blind: Sequence[Signal] = ()
    ruled: ByChange = NOTHING_CHANGED
