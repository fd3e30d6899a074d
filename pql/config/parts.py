"""A project as it was read, before it is known to be sound: what the checks look at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Generic, TypeVar

from pql.config.files import Files
from pql.config.settings import SqlFile
from pql.config.shapes.base import Shape
from pql.config.shapes.channels import ChannelFile
from pql.config.shapes.icp import IcpFile
from pql.config.shapes.people import CustomersFile, RoutingFile, StagesFile
from pql.config.shapes.project import ProjectFile
from pql.config.shapes.scoring import ScoringFile
from pql.config.shapes.signal import MomentFile, SignalFile
from pql.config.yaml import Document, Path
from pql.domain.conditions import Where
from pql.domain.measures import Measure
from pql.domain.measures.function import Function
from pql.domain.patterns import Pattern

AnyShape_co = TypeVar("AnyShape_co", bound=Shape, covariant=True)


@dataclass(frozen=True, slots=True)
class Entry(Generic[AnyShape_co]):
    """A file that could be read as its shape."""

    document: Document
    shape: AnyShape_co


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that could be read; None and absent entries have problems of their own.

    Args:
        channels: The channels that are set up, by name.
        unset: The channels whose file needs variables that are not set.
        relations: sql/<relation>.sql by relation.
        statements: sql/measures/*.sql by path.
    """

    files: Files
    pql: Entry[ProjectFile] | None
    icp: Entry[IcpFile] | None
    scoring: Entry[ScoringFile] | None
    stages: Entry[StagesFile] | None
    routing: Entry[RoutingFile] | None
    customers: Entry[CustomersFile] | None
    signals: Sequence[Entry[SignalFile]]
    moments: Sequence[Entry[MomentFile]]
    channels: Mapping[str, Entry[ChannelFile]] = field(default_factory=dict)
    unset: Sequence[str] = ()
    relations: Mapping[str, SqlFile] = field(default_factory=dict)
    statements: Mapping[str, SqlFile] = field(default_factory=dict)

    def measures(self) -> Iterator[tuple[Document, Path, Measure]]:
        """Every measure that is written, with its place; those that a `python` measure uses among them."""
        for signal in self.signals:
            yield from _with_used(signal.document, ("measure",), signal.shape.measure)
        if self.scoring:
            for number, champion in enumerate(self.scoring.shape.champions.measures):
                at = ("champions", "measures", number, "measure")
                yield from _with_used(self.scoring.document, at, champion.measure)
        if self.customers:
            yield from _with_used(self.customers.document, ("use",), self.customers.shape.use)


def _with_used(document: Document, at: Path, measure: Measure) -> Iterator[tuple[Document, Path, Measure]]:
    yield document, at, measure
    if isinstance(measure, Function):
        for name, used in measure.uses.items():
            yield from _with_used(document, (*at, "uses", name), used)


def filters(of: Measure | Pattern) -> Iterator[tuple[Path, Where]]:
    """The filters over rows that a measure or pattern has, with their place below it."""
    for each in fields(of):
        value = getattr(of, each.name)
        if isinstance(value, Where):
            yield (each.name,), value
        elif isinstance(value, tuple):
            yield from (((each.name, number), part) for number, part in enumerate(value) if isinstance(part, Where))
