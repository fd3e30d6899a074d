"""The measure kinds. A new one is a file here, a line below, a test file and a page in docs/measures/."""

from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.allowance import Allowance
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import MISSING_WORDS, Measure, Missing, measured
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.function import Function
from pql.domain.measures.recency import Recency
from pql.domain.measures.share import Share
from pql.domain.measures.statement import Statement
from pql.domain.measures.time_to import TimeTo
from pql.domain.measures.total import Sum
from pql.domain.measures.trend import Trend

MEASURE_KINDS: dict[str, type[Measure]] = {
    "count": Count,
    "distinct": Distinct,
    "sum": Sum,
    "active_time": ActiveTime,
    "active_days": ActiveDays,
    "allowance": Allowance,
    "time_to": TimeTo,
    "trend": Trend,
    "recency": Recency,
    "share": Share,
    "attribute": Attribute,
    "sql": Statement,
    "python": Function,
}

__all__ = ["MEASURE_KINDS", "MISSING_WORDS", "Measure", "Missing", "measured"]
