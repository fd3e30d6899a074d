"""Reading usage: a project's relations in, frames as of an instant out."""

from pql.warehouse.inspection import Finding
from pql.warehouse.quality import DataQuality, QualityFact
from pql.warehouse.rollup.refresh import Refreshed
from pql.warehouse.rollup.upkeep import ColumnStatus, RollupStatus, Verified
from pql.warehouse.source import Asked
from pql.warehouse.warehouse import Warehouse, by_user, open_warehouse

__all__ = [
    "Asked",
    "ColumnStatus",
    "DataQuality",
    "Finding",
    "QualityFact",
    "Refreshed",
    "RollupStatus",
    "Verified",
    "Warehouse",
    "by_user",
    "open_warehouse",
]
