"""signals/<name>.yml: a signal, or a moment."""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pql.config.shapes.base import Conditions, Name, Number, Ratio, Shape, Text, positive, wrong
from pql.config.shapes.measures import MeasureIn, PatternIn
from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.moments import Moment, Urgency
from pql.domain.signals import Band, Percentile, Points, Scale, Signal


class ScaleIn(Shape):
    """Strength grows in a straight line from 0 at `from` to 1 at `to`; `from` above `to` rewards small values."""

    low: Number = Field(alias="from", description="The value of strength 0.")
    high: Number = Field(alias="to", description="The value of strength 1.")

    @model_validator(mode="after")
    def _has_a_slope(self) -> "ScaleIn":
        if self.low == self.high:
            raise wrong("C052", f"the scale begins and ends at {self.low:g}", "'from' and 'to' must differ", at=("to",))
        return self


class BandIn(Shape):
    """From this value on, this strength."""

    at_least: Number = Field(description="The least value of the band.")
    strength: Ratio = Field(description="The strength, 0 to 1.")


class PercentileIn(Shape):
    """Strength grows from 0 at the `from`th to 1 at the `to`th percentile among eligible leads; no use counts as 0."""

    low: Annotated[float, Field(ge=0, le=100)] = Field(alias="from", description="The percentile of strength 0.")
    high: Annotated[float, Field(ge=0, le=100)] = Field(alias="to", description="The percentile of strength 1.")

    @model_validator(mode="after")
    def _has_a_slope(self) -> "PercentileIn":
        if self.low >= self.high:
            raise wrong("C052", f"the percentiles run from {self.low:g} to {self.high:g}", "'from' must be below 'to'")
        return self


def _ascending(bands: tuple[BandIn, ...]) -> tuple[BandIn, ...]:
    for number, (band, following) in enumerate(pairwise(bands), start=1):
        if band.at_least >= following.at_least:
            message = f"the band at {following.at_least:g} does not lie above the one at {band.at_least:g}"
            raise wrong("C053", message, "write bands from the smallest up", at=(number, "at_least"))
    return bands


class PointsIn(Shape):
    """What a fired signal is worth: `worth` x strength x decay, under the caps of its group and of the total."""

    worth: Number = Field(description="Points at full strength; below 0 for a signal that speaks against.")
    scale: ScaleIn | None = Field(default=None, description="Strength in a straight line between two values.")
    bands: Annotated[tuple[BandIn, ...], AfterValidator(_ascending)] = Field(
        default=(), description="Strength in steps."
    )
    percentile: PercentileIn | None = Field(default=None, description="Strength by rank among the eligible leads.")
    half_life: Annotated[Duration, positive("a half-life")] | None = Field(
        default=None, description="The points halve every so long, from the latest row that counted."
    )
    lifespan: Annotated[Duration, positive("a lifespan")] | None = Field(
        default=None, description="The points fall in a straight line to 0 over so long."
    )
    per_occurrence: bool = Field(
        default=False, description="Every row counts, each with its own age; only with the kind `count`."
    )
    group: Name = Field(default="product", description="Signals of a group share the cap that scoring.yml gives it.")

    @model_validator(mode="after")
    def _one_way(self) -> "PointsIn":
        ways = [key for key in ("scale", "bands", "percentile") if getattr(self, key)]
        if len(ways) > 1:
            raise wrong("C019", f"'{ways[0]}' and '{ways[1]}' both set the strength", "keep one", at=(ways[1],))
        if self.half_life and self.lifespan:
            raise wrong("C019", "'half_life' and 'lifespan' both set the decay", "keep one", at=("lifespan",))
        return self

    def build(self) -> Points:
        """The domain's value."""
        return Points(
            worth=self.worth,
            scale=Scale(low=self.scale.low, high=self.scale.high) if self.scale else None,
            bands=tuple(Band(at_least=band.at_least, strength=band.strength) for band in self.bands),
            percentile=Percentile(low=self.percentile.low, high=self.percentile.high) if self.percentile else None,
            half_life=self.half_life,
            lifespan=self.lifespan,
            per_occurrence=self.per_occurrence,
            group=self.group,
        )


class SignalFile(Shape):
    """A signal: a measure, a condition under which it fires, and points."""

    signal: Name = Field(description="The name; the same as the file's.")
    title: Text = Field(description="A short name for people, shown in messages.")
    why: Text = Field(description="Why the team believes that it shows intent.")
    owner: str = Field(default="", description="Who looks after the definition.")
    measure: MeasureIn = Field(description="What is measured; its `kind` says how.")
    only_if: Conditions = Field(
        default={},
        description="Conditions on the lead's attributes, `plan` and `stage`; where they fail, not evaluated.",
    )
    fires: Condition = Field(description="The condition on the measured value.")
    points: PointsIn = Field(description="What it is worth when it fires.")
    evidence: str = Field(
        default="",
        description="A Jinja template of one line for messages; sees `value`, `words`, `norm`, `latest`, `latest_at`, "
        "`lead` and `title`. By default the measure's own words.",
    )
    play: str = Field(
        default="",
        description="A Jinja template with `lead`: what would help a lead for which this signal speaks loudest.",
    )

    def build(self) -> Signal:
        """The domain's value."""
        return Signal(
            name=self.signal,
            title=self.title,
            why=self.why,
            owner=self.owner,
            measure=self.measure,
            only_if=self.only_if,
            fires=self.fires,
            points=self.points.build(),
            evidence=self.evidence,
            play=self.play,
        )


class MomentFile(Shape):
    """A moment: a pattern in what has just happened. It adds no points; it is about timing."""

    moment: Name = Field(description="The name; the same as the file's.")
    title: Text = Field(description="A short name for people, shown in messages.")
    why: Text = Field(description="Why this is a good moment to speak.")
    owner: str = Field(default="", description="Who looks after the definition.")
    pattern: PatternIn = Field(description="What must have happened; its `kind` says how, `times` by default.")
    only_if: Conditions = Field(
        default={},
        description="Conditions on the lead's attributes and on `fit`, `grade`, `tier`, `band`, `stage`, `plan` and "
        "`signals`: `signals: [breadth, seats]` holds where one of these has fired.",
    )
    urgency: Urgency = Field(default=Urgency.TODAY, description="How soon a rep should hear of it.")
    cooldown: Duration = Field(
        default=Duration.of_days(7), description="The same moment of the same lead is not told again for so long."
    )
    play: Text = Field(
        description="A Jinja template: what would help this person; sees `lead`, `user`, `latest`, `count`, `detail`."
    )

    def build(self) -> Moment:
        """The domain's value."""
        return Moment(
            name=self.moment,
            title=self.title,
            why=self.why,
            owner=self.owner,
            pattern=self.pattern,
            only_if=self.only_if,
            urgency=self.urgency,
            cooldown=self.cooldown,
            play=self.play,
        )
