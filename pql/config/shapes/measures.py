"""Measures and patterns: the domain's own dataclasses, told apart by `kind`; only `python` is written differently."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union

from pydantic import AfterValidator, Discriminator, Field, Tag

from pql.config.shapes.base import Name, Shape, Text
from pql.domain.measures import MEASURE_KINDS, Measure
from pql.domain.measures.function import Function
from pql.domain.partials import Level, Take
from pql.domain.patterns import PATTERN_KINDS, Pattern


class PythonMeasure(Shape):
    """A team's own Python, over measures that it names.

    The function gets a frame with one row a lead and one float column for each name in `uses` (NaN: no value), and
    returns a Series of numbers with the same index.
    """

    kind: Literal["python"] = "python"
    call: Text = Field(description="`file.py:function`; the file lies in the `signals/` folder.")
    uses: dict[Name, "MeasureIn"] = Field(min_length=1, description="The measures that the function needs, by name.")
    unit: str = Field(default="", description="What the number counts, in messages.")
    level: Level | None = Field(default=None, description="Whom it is taken for; the project's lead by default.")
    take: Take = Field(default=Take.MAX, description="With a level below the lead: how the numbers become one.")

    def build(self) -> Function:
        """The measure; its function is not loaded yet."""
        return Function(call=self.call, uses=self.uses, unit=self.unit, level=self.level, take=self.take)


def kind_of(default: str | None = None) -> Callable[[Any], str | None]:
    """How the kind is read from what is written; text, so that an unknown one can be named."""

    def read(written: Any) -> str | None:
        if not isinstance(written, dict):
            return getattr(written, "kind", None)
        kind = written.get("kind", default)
        return None if kind is None else str(kind)

    return read


def _built(shape: PythonMeasure) -> Function:
    return shape.build()


def _either(kinds: Mapping[str, Any]) -> Any:
    return Union[tuple(Annotated[kind, Tag(name)] for name, kind in kinds.items())]  # noqa: UP007  # as many as there are


if TYPE_CHECKING:
    MeasureIn: TypeAlias = Measure
    PatternIn: TypeAlias = Pattern
else:
    _measures = {**MEASURE_KINDS, "python": Annotated[PythonMeasure, AfterValidator(_built)]}
    MeasureIn = Annotated[
        _either(_measures),
        Discriminator(kind_of()),
    ]
    PatternIn = Annotated[
        _either(PATTERN_KINDS),
        Discriminator(kind_of("times")),
    ]
    PythonMeasure.model_rebuild()
