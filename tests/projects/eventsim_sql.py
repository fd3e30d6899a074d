"""The eventsim project told a second time, in plain SQL over the raw log."""

from pathlib import Path

from pql.domain.measures import Missing
from tests.projects.reference import Told

ZONE = "America/New_York"


def views(file: Path) -> dict[str, str]:
    """The log as it is, and the rows of users, with times in microseconds."""
    named = "SELECT * REPLACE (registration * 1000 AS registration), userId AS id, ts * 1000 AS us"
    return {"raw": f"SELECT * FROM '{file}'", "log": f"{named} FROM raw WHERE userId <> ''"}


SONG = "page = 'NextSong' AND us < as_of()"
# A user's rows with the microseconds since the row before.
GAPS = "(SELECT *, us - lag(us) OVER (PARTITION BY id ORDER BY us) AS gap FROM log)"
PAUSE = "gap <= 1800000000"


def trend(recent: str, before: str, recent_days: int, before_days: int, table: str = "log") -> Told:
    sql = f"""
        WITH told AS (
            SELECT id, any_value(registration) AS registration, {recent} AS recent, {before} AS before
            FROM {table} GROUP BY id
        )
        SELECT id, (recent / {recent_days}) / (before / {before_days}) AS value,
            CASE WHEN day(registration) > day(as_of()) - {recent_days + before_days} THEN 'TOO_YOUNG'
                 WHEN coalesce(before, 0) = 0 THEN 'NO_BASE' END AS missing
        FROM told
    """
    return Told(sql, Missing.NO_BASE, rtol=1e-9)


def share(part: str, whole: str, at_least: float = 0) -> Told:
    sql = f"""
        SELECT id, {part} / {whole} AS value, CASE WHEN {whole} < {at_least} THEN 'NO_BASE' END AS missing
        FROM log WHERE us >= window_from(28) AND us < as_of() GROUP BY id HAVING {whole} > 0
    """
    return Told(sql, Missing.NO_BASE, rtol=1e-9)


def between(first: str, end: str) -> str:
    return f"us >= {first} AND us < {end}"


REFERENCES = {
    "songs_played": Told(
        f"SELECT id, count(*) AS value, max(us) AS latest FROM log WHERE {SONG} AND us >= window_from(14) GROUP BY id"
    ),
    "long_songs": Told(
        f"SELECT id, count(*) AS value, max(us) AS latest FROM log "
        f"WHERE {SONG} AND length > 300 AND status = 200 AND us >= window_from(28) GROUP BY id"
    ),
    "artists_heard": Told(
        f"SELECT id, count(DISTINCT artist) AS value FROM log WHERE {SONG} AND us >= window_from(14) GROUP BY id"
    ),
    "sessions": Told(
        "SELECT id, count(DISTINCT sessionId) AS value, max(us) AS latest FROM log "
        "WHERE us < as_of() AND us >= window_from(28) GROUP BY id"
    ),
    "time_listening": Told(
        f"SELECT id, sum(gap) / 60000000 AS value FROM {GAPS} "
        f"WHERE {PAUSE} AND us < as_of() AND us >= window_from(7) GROUP BY id",
        rtol=1e-9,
    ),
    "days_listened": Told(
        f"SELECT id, count(DISTINCT day(us)) AS value FROM log WHERE {SONG} AND us >= window_from(28) GROUP BY id"
    ),
    "seconds_played": Told(
        f"SELECT id, CAST(sum(CAST(length AS DECIMAL(18, 6))) AS DOUBLE) AS value FROM log "
        f"WHERE {SONG} AND us >= window_from(14) GROUP BY id",
        rtol=1e-12,
    ),
    "quick_to_plans": Told(
        "SELECT id, greatest(min(us) - any_value(registration), 0) / 86400000000 AS value, min(us) AS latest FROM log "
        "WHERE page = 'Upgrade' AND us < as_of() GROUP BY id",
        Missing.NOT_YET,
        rtol=1e-9,
    ),
    "plans_after_first_use": Told(
        "SELECT id, (min(us) FILTER (page = 'Upgrade') - min(us)) / 86400000000 AS value FROM log "
        "WHERE us < as_of() GROUP BY id HAVING bool_or(page = 'Upgrade')",
        Missing.NOT_YET,
        rtol=1e-9,
    ),
    "songs_rising": trend(
        f"count(*) FILTER (page = 'NextSong' AND {between('midnight(7)', 'midnight(0)')})",
        f"count(*) FILTER (page = 'NextSong' AND {between('midnight(21)', 'midnight(7)')})",
        7,
        14,
    ),
    "time_rising": trend(
        f"coalesce(sum(gap) FILTER ({PAUSE} AND {between('midnight(7)', 'midnight(0)')}), 0)",
        f"sum(gap) FILTER ({PAUSE} AND {between('midnight(14)', 'midnight(7)')})",
        7,
        7,
        GAPS,
    ),
    "seconds_rising": trend(
        f"coalesce(sum(length) FILTER ({between('midnight(14)', 'midnight(0)')}), 0)",
        f"sum(length) FILTER ({between('midnight(28)', 'midnight(14)')})",
        14,
        14,
    ),
    "days_rising": trend(
        f"count(DISTINCT day(us)) FILTER ({between('midnight(7)', 'midnight(0)')})",
        f"count(DISTINCT day(us)) FILTER ({between('midnight(28)', 'midnight(7)')})",
        7,
        21,
    ),
    "silent": Told(
        f"SELECT id, (as_of() - max(us)) / 86400000000 AS value, max(us) AS latest FROM log "
        f"WHERE {SONG} AND us >= window_from(30) GROUP BY id",
        Missing.NO_ROWS,
        rtol=1e-9,
    ),
    "error_share": share("count(*) FILTER (page = 'Error')", "count(*) FILTER (page IN ('Error', 'NextSong'))", 5),
    "long_artists": share(
        "count(DISTINCT artist) FILTER (page = 'NextSong' AND length >= 360)",
        "count(DISTINCT artist) FILTER (page = 'NextSong')",
    ),
    "free_seconds": share("coalesce(sum(length) FILTER (level = 'free'), 0)", "sum(length)"),
    "concert_region": Told(
        "SELECT id, string_split(any_value(location), ', ')[2] AS value, "
        "CASE WHEN contains(any_value(location), ', ') THEN NULL ELSE 'UNKNOWN_ATTRIBUTE' END AS missing "
        "FROM log GROUP BY id",
        Missing.UNKNOWN_ATTRIBUTE,
    ),
    "heavy_rotation": Told(
        f"SELECT id, max(n) AS value FROM (SELECT id, artist, count(*) AS n FROM log "
        f"WHERE {SONG} AND us >= as_of() - 30 * 86400000000 GROUP BY ALL) GROUP BY id"
    ),
    "habit": Told(
        "SELECT id, least(count(DISTINCT day(us)) FILTER (us >= window_from(7)), count(DISTINCT day(us)) / 4) AS value "
        "FROM log WHERE us < as_of() AND us >= window_from(28) GROUP BY id",
        Missing.NO_BASE,
        rtol=1e-9,
    ),
    "plans_looked_at": Told(
        "SELECT id, count(*) AS value, max(us) AS latest, "
        "sum(floor(pow(0.5, (day(as_of() - 1) - day(us)) / 7) * 1e6 + 0.5)) / 1e6 AS decayed "
        "FROM log WHERE page = 'Upgrade' AND us < as_of() AND us >= window_from(28) GROUP BY id"
    ),
    "help_read": Told(
        "SELECT id, count(*) AS value, max(us) AS latest, "
        "coalesce(sum(1 - (day(as_of() - 1) - day(us)) / 14) FILTER (us >= window_from(14)), 0) AS decayed "
        "FROM log WHERE page IN ('Help', 'About') AND us < as_of() AND us >= window_from(28) GROUP BY id"
    ),
}

LEADS = """
    WITH told AS (
        SELECT id, any_value(registration) AS created_at, any_value(firstName || ' ' || lastName) AS name,
            last(level ORDER BY us, sessionId, itemInSession) FILTER (us < as_of()) AS newest,
            first(level ORDER BY us, sessionId, itemInSession) AS oldest,
            min(us) FILTER (level = 'paid') AS first_paid
        FROM log GROUP BY id
    )
    SELECT id, created_at, name, coalesce(newest, oldest) AS plan,
        CASE WHEN oldest = 'paid' THEN least(first_paid, created_at)
             WHEN first_paid < as_of() THEN first_paid END AS converted_at
    FROM told WHERE created_at < as_of() ORDER BY id
"""

OCCURRENCES = {
    # Looks more than an hour after the look before.
    "paywall_hit": """
        SELECT id, us FROM (
            SELECT DISTINCT id, us, us - lag(us) OVER (PARTITION BY id ORDER BY us) AS pause
            FROM (SELECT DISTINCT id, us FROM log WHERE page = 'Upgrade')
        ) WHERE pause IS NULL OR pause > 3600000000
    """,
    # The look that makes two within three days, where the look before did not already, or lies farther back.
    "looked_twice": """
        SELECT id, us FROM (
            SELECT *, lag(n) OVER looks AS n_before, us - lag(us) OVER looks AS pause
            FROM (
                SELECT id, us, max(n) AS n FROM (
                    SELECT id, us, count(*) OVER (
                        PARTITION BY id ORDER BY us RANGE BETWEEN 259200000000 PRECEDING AND CURRENT ROW
                    ) AS n
                    FROM log WHERE page = 'Upgrade'
                ) GROUP BY id, us
            ) WINDOW looks AS (PARTITION BY id ORDER BY us)
        ) WHERE n >= 2 AND (n_before IS NULL OR n_before < 2 OR pause > 259200000000)
    """,
    # Errors that no song followed by then.
    "stuck_on_error": """
        SELECT id, us FROM (
            SELECT id, us, us - lag(us) OVER (PARTITION BY id ORDER BY us) AS pause
            FROM (SELECT DISTINCT id, us FROM log AS e WHERE page = 'Error' AND us < as_of() AND NOT EXISTS (
                SELECT 1 FROM log AS s WHERE s.id = e.id AND s.page = 'NextSong' AND s.us >= e.us AND s.us < as_of()
            ))
        ) WHERE pause IS NULL OR pause > 3600000000
    """,
    "first_settings": "SELECT id, min(us) AS us FROM log WHERE page = 'Settings' GROUP BY id",
    # The first look after each newest visit to the help pages, within a day of it.
    "upgrade_left_open": """
        SELECT id, min(us) AS us FROM (
            SELECT u.id, u.us, max(h.us) AS begun
            FROM log AS u JOIN log AS h ON h.id = u.id AND h.page IN ('Help', 'About') AND h.us < u.us
            WHERE u.page = 'Upgrade' GROUP BY u.id, u.us
        ) WHERE us - begun <= 86400000000 GROUP BY id, begun
    """,
}

QUALITY = {
    ("unattributed", "events"): "SELECT count(*) FROM raw WHERE coalesce(userId, '') = '' AND ts * 1000 < as_of()",
    ("after_now", "events"): "SELECT count(*) FROM raw WHERE ts * 1000 >= as_of()",
    ("before_account", "events"): "SELECT count(*) FROM log WHERE us < registration AND us < as_of()",
    ("created_after_now", "accounts"): "SELECT count(DISTINCT id) FROM log WHERE registration >= as_of()",
    ("created_after_now", "users"): "SELECT count(DISTINCT id) FROM log WHERE registration >= as_of()",
}
