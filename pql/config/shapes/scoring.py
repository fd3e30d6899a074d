"""config/scoring.yml: how points become a band, a tier and a qualification."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pql.config.shapes.base import Name, NotNegative, Number, Positive, Shape, unique, wrong
from pql.config.shapes.measures import MeasureIn
from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.rules import Bar, ChampionMeasure, Champions, QualificationRule, Scoring

Tiers4 = tuple[Name, Name, Name, Name]


class BandsIn(Shape):
    """The least behaviour score of bands 1, 2 and 3; below 3's it is band 4."""

    one: Number = Field(alias="1", description="The least score of band 1.")
    two: Number = Field(alias="2", description="The least score of band 2.")
    three: Number = Field(alias="3", description="The least score of band 3; below it is band 4.")

    @model_validator(mode="after")
    def _descending(self) -> "BandsIn":
        for better, worse, high, low in (("1", "2", self.one, self.two), ("2", "3", self.two, self.three)):
            if high <= low:
                message = f"band {better} begins at {high:g}, not above band {worse} ({low:g})"
                raise wrong("C053", message, "1 above 2 above 3", at=(better,))
        return self


class MatrixIn(Shape):
    """For each fit grade, the tiers of bands 1 to 4."""

    a: Tiers4 = Field(alias="A", description="The tiers of A1, A2, A3 and A4.")
    b: Tiers4 = Field(alias="B", description="The tiers of B1, B2, B3 and B4.")
    c: Tiers4 = Field(alias="C", description="The tiers of C1, C2, C3 and C4.")
    d: Tiers4 = Field(alias="D", description="The tiers of D1, D2, D3 and D4.")
    unknown: Tiers4 = Field(alias="?", description="The tiers where too little is known of the fit.")


class BarIn(Shape):
    """What a lead must meet."""

    tier: Name = Field(description="A tier at least this good.")
    behaviour: NotNegative = Field(default=0.0, description="A behaviour score of at least this.")

    def build(self) -> Bar:
        """The domain's value."""
        return Bar(tier=self.tier, behaviour=self.behaviour)


class QualificationIn(Shape):
    """When an episode opens and when it ends; the gap between the bars keeps it from flapping."""

    enter: BarIn = Field(description="The bar to open an episode.")
    leave: BarIn = Field(description="The lower bar; below it for `keep_for`, the episode expires.")
    enter_for: Duration = Field(
        default=Duration(0), description="How long the bar must be met before an episode opens."
    )
    keep_for: Duration = Field(
        default=Duration.of_days(3), description="How long below `leave` before the episode expires."
    )
    cooldown: Duration = Field(default=Duration.of_days(30), description="After an episode, no new one for so long.")
    expires_after: Duration = Field(
        default=Duration.of_days(45), description="An episode that nobody claimed ends after so long."
    )

    def build(self) -> QualificationRule:
        """The domain's value."""
        return QualificationRule(
            enter=self.enter.build(),
            leave=self.leave.build(),
            enter_for=self.enter_for,
            keep_for=self.keep_for,
            cooldown=self.cooldown,
            expires_after=self.expires_after,
        )


class ChampionMeasureIn(Shape):
    """A measure of a user, relative to the lead's greatest, times its weight."""

    name: Name = Field(description="The name; unique among the champions' measures.")
    weight: Positive = Field(description="How much it counts.")
    measure: MeasureIn = Field(description="What is measured of each user; as in a signal.")


class RoleIn(Shape):
    """Points for a role; the first entry that holds counts."""

    when: Condition = Field(description="The condition on the user's `role`.")
    points: Number = Field(description="The points for it.")


class ChampionsIn(Shape):
    """Whom to talk to: how the users of a lead are ranked."""

    measures: Annotated[tuple[ChampionMeasureIn, ...], unique("measures", "name", lambda entry: str(entry.name))] = (
        Field(default=(), description="What shows that a user carries the product.")
    )
    roles: tuple[RoleIn, ...] = Field(default=(), description="Points by the user's role.")
    shown: Annotated[int, Field(ge=0, le=10)] = Field(default=3, description="How many a message names.")

    def build(self) -> Champions:
        """The domain's value."""
        return Champions(
            measures=tuple(
                ChampionMeasure(name=one.name, measure=one.measure, weight=one.weight) for one in self.measures
            ),
            roles=tuple((one.when, one.points) for one in self.roles),
            shown=self.shown,
        )


def _distinct(tiers: tuple[str, ...]) -> tuple[str, ...]:
    for number, tier in enumerate(tiers):
        if tier in tiers[:number]:
            raise wrong("C040", f"there are two tiers '{tier}'", "names are unique", at=(number,))
    return tiers


class ScoringFile(Shape):
    """How points become a behaviour score, a band, a tier and a qualification."""

    group_caps: dict[Name, NotNegative] = Field(description="The most points that a group of signals gives.")
    total_cap: Positive = Field(description="The most points in all; the score is never below 0.")
    bands: BandsIn = Field(description="The least score of bands 1, 2 and 3.")
    tiers: Annotated[tuple[Name, ...], AfterValidator(_distinct)] = Field(
        min_length=1, description="The tiers, from best to worst."
    )
    matrix: MatrixIn = Field(description="For each fit grade, the tiers of bands 1 to 4.")
    qualification: QualificationIn = Field(description="When an episode opens and when it ends.")
    champions: ChampionsIn = Field(default=ChampionsIn(), description="Whom to talk to.")

    def build(self) -> Scoring:
        """The domain's value, but for the qualification."""
        matrix = self.matrix
        return Scoring(
            group_caps=self.group_caps,
            total_cap=self.total_cap,
            bands={1: self.bands.one, 2: self.bands.two, 3: self.bands.three},
            matrix={"A": matrix.a, "B": matrix.b, "C": matrix.c, "D": matrix.d, "?": matrix.unknown},
            tiers=self.tiers,
            champions=self.champions.build(),
        )
