"""The moment patterns that there are. A new one is a file here, a line below, a test file and a page in docs/."""

from pql.domain.patterns.allowance import AllowanceReached
from pql.domain.patterns.base import OCCURRENCE_COLUMNS, Pattern, PatternRows
from pql.domain.patterns.first import First
from pql.domain.patterns.returned import Returned
from pql.domain.patterns.sequence import Sequence
from pql.domain.patterns.silence import Silence
from pql.domain.patterns.stuck import Stuck
from pql.domain.patterns.times import Times
from pql.domain.patterns.trial_ends import TrialEnds
from pql.domain.patterns.without import Without

PATTERN_KINDS: dict[str, type[Pattern]] = {
    "times": Times,
    "first": First,
    "stuck": Stuck,
    "sequence": Sequence,
    "allowance": AllowanceReached,
    "without": Without,
    "silence": Silence,
    "returned": Returned,
    "trial_ends": TrialEnds,
}

__all__ = ["OCCURRENCE_COLUMNS", "PATTERN_KINDS", "Pattern", "PatternRows"]
