"""The project that measures a world: relations as they come, 12 signals, and a plain way of scoring and routing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bench.signals import days, signals
from pql.config import load
from pql.config.settings import (
    DeliverySettings,
    FileSettings,
    Notifiers,
    Project,
    RollupSettings,
    Schedules,
    SqlFile,
    StateSettings,
    UsageSettings,
)
from pql.domain.conditions import Condition, Where
from pql.domain.definitions import Definitions
from pql.domain.icp import Criterion, Exclusion, FitBand, Icp, Subject
from pql.domain.measures.active_days import ActiveDays
from pql.domain.partials import Level
from pql.domain.rules import (
    Bar,
    Branch,
    Channel,
    Customers,
    QualificationRule,
    Rep,
    Routing,
    Scoring,
    Stages,
)

ZONE = "Europe/Berlin"
ROLLUP_FILE = "var/rollup.duckdb"
EVENTS = "SELECT account_id, user_id, occurred_at, event, feature, quantity, ingested_at FROM events "
PRUNED = "WHERE occurred_at >= {{ start }} AND occurred_at < {{ end }}"
# Parquet folders are named by the UTC day on which events occurred.
FOLDERS = PRUNED + " AND day >= CAST({{ start }} AS DATE) AND day <= CAST({{ end }} AS DATE)"
TIERS = ("hot", "warm", "nurture", "none")
REPS = ("ada", "ben", "cem", "dee", "eve", "fay")


def project_over(
    folder: Path,
    url: str,
    *,
    files: Mapping[str, str] | None = None,
    number: int = 12,
    home: Literal["local", "source", "none"] = "local",
) -> Project:
    """A project over a world.

    Args:
        folder: Where the rollup and the state live, below `var/`.
        url: Of the world.
        files: Views over Parquet, for a world of files.
        number: How many signals, at most 25.
        home: Where the rollup lives: `local`, `source`, or `none`.
    """
    events = EVENTS + (FOLDERS if files else PRUNED)
    texts = {"events": events, "accounts": "SELECT * FROM accounts", "users": "SELECT * FROM users"}
    (folder / "var").mkdir(parents=True, exist_ok=True)
    usage = UsageSettings(
        url=url,
        folder=folder,
        files=files or {},
        relations={name: SqlFile(path=f"sql/{name}.sql", text=text) for name, text in texts.items()},
        rollup=None if home == "none" else RollupSettings(home=home, path=ROLLUP_FILE),
    )
    return Project(
        folder=folder,
        name="Bench",
        definitions=definitions(number),
        usage=usage,
        state=StateSettings(url="sqlite:///var/state.db"),
        delivery=DeliverySettings(),
        notifiers=notifiers(folder),
        schedules=Schedules(),
    )


def notifiers(folder: Path) -> Notifiers:
    """Messages as files, by the templates of the starter."""
    templates = load(Path(__file__).parents[1], {}).notifiers.templates
    return Notifiers(file=FileSettings(folder=folder / "var" / "outbox"), templates=templates)


def definitions(number: int) -> Definitions:
    """So many signals, and plain rules around them."""
    return Definitions(
        lead=Level.ACCOUNT,
        time_zone=ZONE,
        signals=signals(number),
        moments=(),
        icp=_icp(),
        scoring=_scoring(),
        qualification=QualificationRule(
            enter=Bar(tier="hot", behaviour=60), leave=Bar(tier="warm", behaviour=40), keep_for=days(3)
        ),
        stages=Stages(rules=(("customer", {"status": Condition.parse("active")}),), otherwise="free"),
        routing=_routing(),
        customers=Customers(
            check_ins=(),
            use=ActiveDays(window=days(14), where=Where()),
            drop=0.5,
            success_fallback="ada@bench.test",
        ),
        content_hash=f"bench-{number}",
    )


def _icp() -> Icp:
    size = (
        FitBand(when=Condition.parse({"between": [50, 500]}), points=40),
        FitBand(when=Condition.parse({"at_least": 20}), points=20),
    )
    industry = (FitBand(when=Condition.parse(["software", "fintech"]), points=30),)
    return Icp(
        criteria=(
            Criterion(name="size", title="Size", subject=Subject.parse("employees"), bands=size),
            Criterion(name="industry", title="Industry", subject=Subject.parse("industry"), bands=industry),
        ),
        grades={"A": 60, "B": 40, "C": 20},
        exclusions=(Exclusion(name="staff", why="Our own people", when={"domain": Condition.parse("bench.test")}),),
    )


def _scoring() -> Scoring:
    return Scoring(
        group_caps={"product": 100.0},
        total_cap=100.0,
        bands={1: 70, 2: 50, 3: 25},
        tiers=TIERS,
        matrix={
            "A": ("hot", "hot", "warm", "nurture"),
            "B": ("hot", "warm", "nurture", "none"),
            "C": ("warm", "nurture", "none", "none"),
            "D": ("nurture", "none", "none", "none"),
            "?": ("warm", "nurture", "none", "none"),
        },
    )


def _routing() -> Routing:
    reps = tuple(Rep(email=f"{name}@bench.test", name=name.title(), time_zone=ZONE) for name in REPS)
    americas = Branch(
        name="americas",
        match={"country": Condition.parse(["US", "BR"])},
        reps=tuple(rep.email for rep in reps[:3]),
    )
    return Routing(
        reps=reps,
        branches=(americas,),
        fallback=reps[0].email,
        channels={"now": (Channel.FILE,), "today": (Channel.FILE,), "digest": (Channel.FILE,)},
        max_per_rep_a_day=20,
    )
