"""The routing tree of config/routing.yml."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pql.config.shapes.base import Conditions, Email, Name, Shape, form, wrong
from pql.domain.rules import Branch, InTurn

SlackChannel = Annotated[str, form(r"#[^\s#]+|[CG][A-Z0-9]{6,}|", "a Slack channel, like '#sales' or its id")]


class RouteIn(Shape):
    """A node of the routing tree. A lead goes into the first that it matches, and on into the first of its `routes`.

    What a node does not say is as in the one above it.
    """

    route: Name = Field(description="The name; unique in the tree.")
    match: Conditions = Field(
        default={},
        description="Conditions on the lead's attributes, `fit`, `grade`, `tier`, `band`, `stage`, `plan`, on `signal` "
        "(any that fired) and on `moment` (what it is about); all must hold. None: every lead.",
    )
    reps: tuple[Email, ...] = Field(default=(), min_length=1, description="Whose turn it is, by address.")
    team: str = Field(default="", description="In place of `reps`: all active reps of this team.")
    turns: InTurn = Field(
        default=InTurn.ROUND_ROBIN,
        description="`round_robin`: each in turn; `first`: the first on the list who is there and has room.",
    )
    owner: bool | None = Field(default=None, description="The account's owner goes before them; as above by default.")
    slack_channel: SlackChannel = Field(default="", description="A team channel that is told too.")
    fallback: Email | None = Field(default=None, description="The rep who gets what none of them can take.")
    routes: "Routes" = Field(default=(), description="Tried in order; where none matches, what stands here holds.")

    def build(self) -> Branch:
        """The domain's value."""
        return Branch(
            name=self.route,
            match=self.match,
            reps=self.reps,
            team=self.team,
            turns=self.turns,
            owner=self.owner,
            slack_channel=self.slack_channel,
            fallback=self.fallback or "",
            branches=tuple(one.build() for one in self.routes),
        )


def _sound(routes: tuple[RouteIn, ...]) -> tuple[RouteIn, ...]:
    for number, one in enumerate(routes):
        if one.reps and one.team:
            raise wrong("C019", "a route has either 'reps' or a 'team'", at=(number, "team"))
        if not one.match and number < len(routes) - 1:
            message = f"'{routes[number + 1].route}' can never be reached: '{one.route}' takes every lead"
            raise wrong("C051", message, "write it last, or give it a 'match'", at=(number, "route"))
    return routes


Routes = Annotated[tuple[RouteIn, ...], AfterValidator(_sound)]
RouteIn.model_rebuild()
