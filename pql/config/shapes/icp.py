"""config/icp.yml: the ideal customer profile."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from pql.config.shapes.base import Conditions, Name, NotNegative, Ratio, Shape, Text, unique, wrong
from pql.domain.conditions import OPERATORS, Condition
from pql.domain.icp import Criterion, Exclusion, FitBand, Icp, Of, Persona, Subject

_SCHEMAS = Condition.__get_pydantic_json_schema__(None, None)["anyOf"][-1]["properties"]


def _operator(name: str) -> Any:
    return Field(
        default=None, alias=name, description=f"As in a condition: `{name}`.", json_schema_extra=_SCHEMAS[name]
    )


class GradesIn(Shape):
    """The least fit points for A, B and C; below C's it is D."""

    a: NotNegative = Field(alias="A", description="The least fit points for A.")
    b: NotNegative = Field(alias="B", description="The least fit points for B.")
    c: NotNegative = Field(alias="C", description="The least fit points for C; below them it is D.")

    @model_validator(mode="after")
    def _descending(self) -> "GradesIn":
        for better, worse in (("A", "B"), ("B", "C")):
            if getattr(self, better.lower()) <= getattr(self, worse.lower()):
                message = f"grade {better} needs no more points than grade {worse}"
                raise wrong("C053", message, "A above B above C", at=(better,))
        return self


class FitIn(Shape):
    """How fit points become a grade."""

    grades: GradesIn = Field(description="The least fit points for A, B and C.")
    min_coverage: Ratio = Field(
        default=0.0,
        description="With a smaller part of the criteria's points known, the grade is `?` (insufficient data).",
    )
    group_caps: dict[Name, NotNegative] = Field(
        default={}, description="The most points that a group of criteria gives."
    )


class FitBandIn(Shape):
    """So many points for a value that meets the condition; the first band that does counts."""

    when: Condition = Field(description="The condition on the attribute.")
    points: NotNegative = Field(description="The points for it.")


def _subject(text: str) -> str:
    prefix, dot, attribute = text.partition(".")
    if (dot and (prefix not in set(Of) or not attribute)) or not text.strip():
        raise wrong("C018", f"'{text}' is no attribute", "like employees, user.role or answer.budget")
    return text


class CriterionIn(Shape):
    """One thing that makes a good customer: `bands`, or one condition (its operators) and `points`."""

    criterion: Name = Field(description="The name; unique.")
    title: Text = Field(description="A short name for people, shown in messages.")
    of: Annotated[str, AfterValidator(_subject)] = Field(
        description="The attribute: `employees` (of the account), `user.role` or `answer.budget`."
    )
    group: str = Field(default="", description="Criteria of a group share the cap that `fit.group_caps` gives it.")
    only_if: Conditions = Field(
        default={}, description="Conditions on other attributes; where they fail the criterion does not count at all."
    )
    bands: tuple[FitBandIn, ...] = Field(default=(), description="Points by condition; the first that holds counts.")
    points: NotNegative | None = Field(default=None, description="The points, where the condition is written here.")
    equals: Any = _operator("equals")
    not_: Any = _operator("not")
    in_: Any = _operator("in")
    not_in: Any = _operator("not_in")
    at_least: Any = _operator("at_least")
    at_most: Any = _operator("at_most")
    above: Any = _operator("above")
    below: Any = _operator("below")
    between: Any = _operator("between")
    exists: Any = _operator("exists")
    words: Any = _operator("words")
    matches: Any = _operator("matches")

    @model_validator(mode="after")
    def _one_way(self) -> "CriterionIn":
        operators = self._operators()
        if self.bands and (operators or self.points is not None):
            other = next(iter(operators), "points")
            raise wrong("C019", f"'bands' and '{other}' do not go together", "keep one", at=(other,))
        if not self.bands and not operators:
            message = f"the criterion '{self.criterion}' has no condition"
            raise wrong("C012", message, f"'bands', or one of {', '.join(OPERATORS)} with 'points'")
        if not self.bands and self.points is None:
            raise wrong("C012", "the key 'points' is missing", "how many points the condition gives")
        self._condition()
        return self

    def _operators(self) -> dict[str, Any]:
        given = {name: name if name in type(self).model_fields else f"{name}_" for name in OPERATORS}
        return {name: getattr(self, field) for name, field in given.items() if field in self.model_fields_set}

    def _condition(self) -> Condition | None:
        operators = self._operators()
        for name, value in operators.items():
            try:
                Condition.parse({name: value})
            except ValueError as exc:
                raise wrong("C015", str(exc), at=(name,)) from exc
        try:
            return Condition.parse(operators) if operators else None
        except ValueError as exc:
            raise wrong("C015", str(exc), at=(next(iter(operators)),)) from exc

    def build(self) -> Criterion:
        """The domain's value."""
        bands = tuple(FitBand(when=band.when, points=band.points) for band in self.bands)
        if (condition := self._condition()) is not None:
            bands = (FitBand(when=condition, points=self.points or 0.0),)
        return Criterion(
            name=self.criterion,
            title=self.title,
            subject=Subject.parse(self.of),
            bands=bands,
            only_if=self.only_if,
            group=self.group,
        )


class PersonaIn(Shape):
    """A negative persona: who looks like a customer and is none."""

    persona: Name = Field(description="The name; unique.")
    why: Text = Field(description="The reason, shown to people.")
    when: Conditions = Field(min_length=1, description="Conditions by attribute; all must hold.")
    points: NotNegative = Field(default=0.0, description="Taken off the fit; a positive number.")
    disqualifies: bool = Field(default=False, description="The lead is not eligible at all, with `why` as the reason.")

    @model_validator(mode="after")
    def _does_something(self) -> "PersonaIn":
        if self.disqualifies == bool(self.points):
            message = f"the persona '{self.persona}' needs either 'points' or 'disqualifies: true'"
            raise wrong("C019", message, "one of the two")
        return self


class ExclusionIn(Shape):
    """Who is no lead at all, before any score."""

    exclusion: Name = Field(description="The name; unique.")
    why: Text = Field(description="The reason, shown to people.")
    when: Conditions = Field(default={}, description="Conditions by attribute; all must hold.")
    free_mail: bool = Field(default=False, description="The lead's domain is one of a free-mail provider.")

    @model_validator(mode="after")
    def _does_something(self) -> "ExclusionIn":
        if not self.when and not self.free_mail:
            raise wrong("C012", f"the exclusion '{self.exclusion}' excludes nobody", "'when' or 'free_mail: true'")
        return self


class IcpFile(Shape):
    """The ideal customer profile: what makes a good customer, who only looks like one, and who is no lead."""

    fit: FitIn = Field(description="How fit points become a grade.")
    criteria: Annotated[
        tuple[CriterionIn, ...], unique("criteria", "criterion", lambda entry: str(entry.criterion))
    ] = Field(min_length=1, description="What makes a good customer.")
    personas: Annotated[tuple[PersonaIn, ...], unique("personas", "persona", lambda entry: str(entry.persona))] = Field(
        default=(), description="Negative personas: they take points off, or disqualify."
    )
    exclusions: Annotated[
        tuple[ExclusionIn, ...], unique("exclusions", "exclusion", lambda entry: str(entry.exclusion))
    ] = Field(default=(), description="Who is no lead at all, with the reason.")
    free_mail_domains: tuple[Text, ...] = Field(
        default=(), description="Added to the built-in list of free-mail providers."
    )

    def build(self) -> Icp:
        """The domain's value."""
        return Icp(
            criteria=tuple(entry.build() for entry in self.criteria),
            grades={"A": self.fit.grades.a, "B": self.fit.grades.b, "C": self.fit.grades.c},
            group_caps=self.fit.group_caps,
            min_coverage=self.fit.min_coverage,
            personas=tuple(
                Persona(name=one.persona, why=one.why, when=one.when, points=one.points, disqualifies=one.disqualifies)
                for one in self.personas
            ),
            exclusions=tuple(
                Exclusion(name=one.exclusion, why=one.why, when=one.when, free_mail=one.free_mail)
                for one in self.exclusions
            ),
            free_mail_domains=self.free_mail_domains,
        )
