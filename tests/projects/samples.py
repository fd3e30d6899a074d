"""Small files of the same shapes as the data in ../shared/data, dirt included; seeded, so the same every time."""

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd

_TEXTS = ("userId", "page", "auth", "method", "level", "location", "userAgent", "lastName", "firstName", "gender")
_LOG = {
    **dict.fromkeys(("ts", "sessionId", "status", "itemInSession", "registration"), "Int64"),
    **dict.fromkeys((*_TEXTS, "artist", "song"), "str"),
    "length": "float64",
}
_BEGIN = datetime(2018, 10, 1, tzinfo=UTC)
_DAYS = 61
_PAGES = ("NextSong",) * 30 + ("Home", "Home", "Help", "About", "Settings", "Save Settings", "Upgrade", "Error")
_PLACES = (
    "New York-Newark-Jersey City, NY-NJ-PA",
    "Los Angeles-Long Beach-Anaheim, CA",
    "Boston-Cambridge-Newton, MA-NH",
    "Austin-Round Rock, TX",
    "Nowhere",  # no region
    None,
)
_AGENTS = (
    '"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_4) AppleWebKit/537.77.4 (KHTML, like Gecko)"',
    "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:31.0) Gecko/20100101 Firefox/31.0",
    '"Mozilla/5.0 (iPhone; CPU iPhone OS 7_1_2 like Mac OS X) AppleWebKit/537.51.2"',
    "Mozilla/5.0 (X11; Linux x86_64; rv:31.0) Gecko/20100101 Firefox/31.0",
)
_NAMES = ("Zoë", "Amélie", "Søren", "محمد", "O'Neill", "李", "Test")
_ARTISTS = ("NA", "null", "Björk", "!!!", "007", *(f"Artist {number}" for number in range(40)))

# Instants that the tests ask about: rows lie on them and a second before, so that a wrong side shows.
EDGES = (
    datetime(2018, 10, 20, 16, 0, tzinfo=UTC),
    datetime(2018, 11, 4, 4, 0, tzinfo=UTC),  # midnight in New York, before the night of 25 hours
    datetime(2018, 11, 18, 5, 0, tzinfo=UTC),  # midnight in New York, after it
)


def eventsim(path: Path, *, users: int = 60, seed: int = 1) -> Path:
    """A log of a music service as one Parquet file: guests, errors, changes of level, rows before registration."""
    rng = random.Random(seed)
    rows = [row for number in range(users) for row in _listener(rng, number)]
    rows += [_guest(rng) for _ in range(200)]
    rng.shuffle(rows)
    pd.DataFrame(rows, columns=list(_LOG)).astype(_LOG).to_parquet(path, index=False)
    return path


def _listener(rng: random.Random, number: int) -> Iterator[dict[str, object]]:
    # Leading zeros; two users of the same number but for them.
    user_id = f"00{number}" if number % 7 == 0 else str(number if number % 7 != 1 else number - 1)
    began = _BEGIN + timedelta(days=rng.choice([0, 0, 0, 10, 25, 44]), seconds=rng.randrange(86_400))
    registered = began - timedelta(seconds=rng.choice([-3600, -60, 5, 86_400, 40 * 86_400, 900 * 86_400]))
    person = {
        "userId": user_id,
        "auth": "Logged In",
        "method": "PUT",
        "status": 200,
        "location": _PLACES[number % len(_PLACES)],
        "userAgent": _AGENTS[number % len(_AGENTS)],
        "firstName": _NAMES[number % len(_NAMES)],
        "lastName": f"Number {number}",
        "gender": rng.choice(["F", "M"]),
        "registration": _millis(registered),
    }
    level = "paid" if number % 9 == 4 else "free"
    upgrades = number % 3 == 0
    pace = rng.choice([3, 8, 20])  # hours between sessions, times ten
    at = began
    session = number // 2  # two users share the numbers of their sessions
    while at < _BEGIN + timedelta(days=_DAYS):
        session += 40
        for item in range(rng.choice([1, 4, 15, 30])):
            page = rng.choice(_PAGES)
            yield {
                **person,
                **_page(rng, page),
                "ts": _millis(at),
                "sessionId": session,
                "itemInSession": item,
                "level": level,
            }
            if page == "Upgrade" and level == "free" and upgrades and rng.random() < 0.25:
                # The row of the paid level bears the same instant.
                yield {
                    **person,
                    "ts": _millis(at),
                    "sessionId": session,
                    "itemInSession": item,
                    "page": "Submit Upgrade",
                    "level": level,
                }
                level = "paid"
            elif level == "paid" and rng.random() < 0.002:
                level = "free"
            at += timedelta(seconds=rng.choice([0, 1, 180, 240, 1800, 1801, 2000]))
        at += timedelta(hours=rng.randrange(1, pace * 10))
    for edge in EDGES if number % 2 else ():
        if edge > began:
            for before in (0, 1, 86_400):
                moment = edge - timedelta(seconds=before)
                yield {
                    **person,
                    **_page(rng, "NextSong"),
                    "ts": _millis(moment),
                    "sessionId": 1,
                    "itemInSession": before,
                    "level": "free",
                }


def _page(rng: random.Random, page: str) -> Mapping[str, object]:
    if page != "NextSong":
        return {"page": page, "status": 404 if page == "Error" else 200}
    length = rng.choice([rng.uniform(15, 600), 300.0, 360.0, 2594.87302])
    return {"page": page, "artist": rng.choice(_ARTISTS), "song": "Song", "length": round(length, 5)}


def _guest(rng: random.Random) -> dict[str, object]:
    at = _BEGIN + timedelta(seconds=rng.randrange(_DAYS * 86_400))
    return {
        "ts": _millis(at),
        "userId": rng.choice(["", None]),
        "sessionId": rng.randrange(500),
        "page": rng.choice(["Home", "Login", "Register", "Error"]),
        "auth": "Guest",
        "method": "GET",
        "status": 200,
        "level": "free",
        "itemInSession": 0,
    }


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def ravenstack(folder: Path, *, accounts: int = 100, seed: int = 2) -> Path:
    """The CSV exports of a B2B service: DD-MM-YYYY, usage ids on two rows, usage outside of its subscription."""
    rng = random.Random(seed)
    firms = [_firm(rng, number) for number in range(accounts)]
    subscriptions = [row for firm in firms for row in _subscriptions(rng, firm)]
    usage = [_usage(rng, number, rng.choice(subscriptions)) for number in range(2500)]
    usage += _spoilt(rng, usage)
    tickets = [_ticket(rng, number, rng.choice(firms)) for number in range(150)]
    rng.shuffle(usage)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (
        ("accounts", firms),
        ("subscriptions", subscriptions),
        ("feature_usage", usage),
        ("support_tickets", tickets),
    ):
        _write(folder / f"ravenstack_{name}.csv", rows)
    return folder


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _day(day: date) -> str:
    return day.strftime("%d-%m-%Y")


def _firm(rng: random.Random, number: int) -> dict[str, object]:
    return {
        "account_id": f"{number:05}" if number % 2 else str(number),  # zeros that a number would lose
        "account_name": f'Firm "{number}", {rng.choice(["Ltd", "GmbH", "株式会社"])}',
        "industry": rng.choice(["FinTech", "EdTech", "DevTools", "NA"]),
        "country": rng.choice(["US", "IN", "UK", "NA", "DE", ""]),
        "signup_date": _day(date(2023, 1, 2) + timedelta(days=rng.randrange(720))),
        "referral_source": rng.choice(["partner", "organic", "event", "other"]),
        "plan_tier": rng.choice(["Basic", "Pro", "Enterprise", "Legacy"]),  # the price list knows no Legacy
        "seats": rng.choice(["1", "7", "9", "35", "62", "", "unknown"]),
        "is_trial": rng.choice(["TRUE", "FALSE"]),
        "churn_flag": "FALSE",
    }


def _subscriptions(rng: random.Random, firm: Mapping[str, object]) -> Iterator[dict[str, object]]:
    signed_up = datetime.strptime(str(firm["signup_date"]), "%d-%m-%Y").replace(tzinfo=UTC).date()
    for number in range(rng.choice([0, 1, 2, 4])):
        trial = rng.random() < 0.5
        # Some trials end two days after an instant that the tests ask about.
        at_the_edge = trial and rng.random() < 0.1
        begins = date(2024, 6, 3) if at_the_edge else signed_up + timedelta(days=rng.randrange(300))
        ends = begins + timedelta(days=rng.randrange(1, 200)) if rng.random() < 0.4 else None
        yield {
            "subscription_id": f"S-{firm['account_id']}-{number}",
            "account_id": firm["account_id"],
            "start_date": _day(begins),
            "end_date": "" if ends is None else _day(ends),
            "plan_tier": rng.choice(["Basic", "Pro", "Enterprise"]),
            "seats": rng.choice(["1", "8", "40"]),
            "mrr_amount": "0" if trial or rng.random() < 0.2 else str(rng.randrange(20, 5000)),
            "is_trial": "TRUE" if trial else "FALSE",
        }


def _usage(rng: random.Random, number: int, subscription: Mapping[str, object]) -> dict[str, object]:
    return {
        "usage_id": f"{number:06}",
        "subscription_id": subscription["subscription_id"],
        "usage_date": _day(date(2023, 1, 1) + timedelta(days=rng.randrange(730))),
        "feature_name": rng.choice(["NA", "null", "007", *(f"feature_{n}" for n in range(1, 15))]),
        "usage_count": rng.choice([str(rng.randrange(1, 26)), "", "many"]),
        "usage_duration_secs": str(rng.randrange(0, 12_000)),
        "error_count": str(rng.choice([0, 0, 0, 1, 3, 8])),
        "is_beta_feature": rng.choice(["FALSE", "FALSE", "FALSE", "TRUE"]),
    }


def _spoilt(rng: random.Random, usage: Sequence[Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """Rows with the id of another: the same again, and of another day; and rows that nothing can be made of."""
    for row in rng.sample(usage, 30):
        yield dict(row)
    for row in rng.sample(usage, 40):
        day = datetime.strptime(str(row["usage_date"]), "%d-%m-%Y").replace(tzinfo=UTC).date()
        yield {**row, "usage_date": _day(day + timedelta(days=rng.choice([-90, -1, 1, 90]))), "error_count": "5"}
    for number, row in enumerate(rng.sample(usage, 10)):
        yield {**row, "usage_id": f"lost-{number}", "subscription_id": "S-nobody"}
        yield {**row, "usage_id": f"when-{number}", "usage_date": rng.choice(["31-02-2024", "", "2024-01-01"])}


def _ticket(rng: random.Random, number: int, firm: Mapping[str, object]) -> dict[str, object]:
    day = date(2023, 1, 10) + timedelta(days=rng.randrange(700))
    hours = rng.randrange(1, 400)
    closed = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hours)
    return {
        "ticket_id": f"T-{number:04}",
        "account_id": firm["account_id"],
        "submitted_at": _day(day),
        "closed_at": "" if number % 9 == 0 else closed.strftime("%d-%m-%Y %H:%M"),
        "priority": rng.choice(["low", "medium", "high", "urgent", "High", ""]),
        "escalation_flag": "FALSE",
    }
