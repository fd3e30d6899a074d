"""The ravenstack project told a second time, in plain SQL over the raw files."""

from pathlib import Path

from pql.domain.measures import Missing
from tests.projects.reference import Told

ZONE = "Asia/Kolkata"
EXPORT_ZONE = "America/New_York"


def read_day(column: str) -> str:
    """A day of the export as microseconds; null where it is none."""
    return f"epoch_us(timezone('{EXPORT_ZONE}', try_strptime({column}, '%d-%m-%Y')))"


VIEWS = {
    "accounts": f"SELECT *, account_id AS id, {read_day('signup_date')} AS created FROM raw_accounts",
    "subscriptions": f"""
        SELECT s.*, account_id AS id, TRY_CAST(mrr_amount AS DOUBLE) AS mrr, {read_day("start_date")} AS begun,
            coalesce({read_day("end_date")}, 9e15) AS ended
        FROM raw_subscriptions AS s
    """,
    # Rows of one day with one usage id count once; the source gives the same id to uses of other days.
    "uses": f"""
        SELECT DISTINCT ON (usage_id, u.us) usage_id, s.id, u.us, feature_name AS feature,
            TRY_CAST(usage_count AS INTEGER) AS n, TRY_CAST(usage_duration_secs AS INTEGER) AS seconds,
            TRY_CAST(error_count AS INTEGER) AS errors, is_beta_feature = 'TRUE' AS is_beta,
            u.us BETWEEN s.begun AND s.ended AS in_subscription
        FROM (SELECT *, {read_day("usage_date")} AS us FROM raw_usage) AS u
        JOIN subscriptions AS s USING (subscription_id)
        WHERE u.us IS NOT NULL
        ORDER BY usage_id, u.us
    """,
    "tickets": f"""
        SELECT account_id AS id, {read_day("submitted_at")} AS us, priority,
            coalesce(epoch_us(timezone('{EXPORT_ZONE}', TRY_STRPTIME(closed_at, '%d-%m-%Y %H:%M'))), 9e15) AS closed
        FROM raw_tickets
    """,
}
FILES = {
    "raw_accounts": "accounts",
    "raw_subscriptions": "subscriptions",
    "raw_usage": "feature_usage",
    "raw_tickets": "support_tickets",
}


def views(folder: Path) -> dict[str, str]:
    """The files as they are, all text, and what can be read of them."""
    read = "SELECT * FROM read_csv('{}/ravenstack_{}.csv', all_varchar = true, header = true)"
    return {**{name: read.format(folder, file) for name, file in FILES.items()}, **VIEWS}


def uses(value: str, days: int, where: str = "true") -> str:
    return f"""
        SELECT id, {value} AS value FROM uses
        WHERE us < as_of() AND us >= window_from({days}) AND coalesce({where}, false) GROUP BY id
    """


def with_plan(value: str, missing: str = "NULL") -> str:
    """Something of each account, its runs this month (`used`), the runs of 30 whole days, and what the plan has."""
    return f"""
        WITH told AS (
            SELECT a.id,
                CASE plan_tier WHEN 'Basic' THEN 20 WHEN 'Pro' THEN 40 WHEN 'Enterprise' THEN 80 END AS allowed,
                coalesce(sum(n) FILTER (us < as_of() AND us >= {MONTH}), 0) AS used,
                coalesce(sum(n) FILTER (us < midnight(0) AND us >= midnight(30)), 0) / 30 AS pace
            FROM accounts AS a LEFT JOIN uses USING (id) GROUP BY a.id, plan_tier
        )
        SELECT id, {value} AS value, CASE WHEN allowed IS NULL THEN 'NO_ALLOWANCE' END AS missing FROM told
    """


MONTH = f"epoch_us(timezone('{ZONE}', date_trunc('month', wall(as_of() - 1))))"

REFERENCES = {
    "uses": Told(uses("count(*)", 60)),
    "features": Told(uses("count(DISTINCT feature)", 90)),
    "runs": Told(uses("coalesce(sum(n), 0)", 60)),
    "seconds_subscribed": Told(uses("sum(seconds)", 90, "in_subscription")),
    "days_used": Told(uses("count(DISTINCT day(us))", 90)),
    "beta_share": Told(
        "SELECT id, coalesce(sum(n) FILTER (is_beta), 0) / sum(n) AS value FROM uses "
        "WHERE us < as_of() AND us >= window_from(90) GROUP BY id HAVING sum(n) > 0",
        Missing.NO_BASE,
        rtol=1e-9,
    ),
    "faulty_uses": Told(
        "SELECT id, count(*) FILTER (errors >= 1) / count(*) AS value FROM uses "
        "WHERE us < as_of() AND us >= window_from(90) GROUP BY id HAVING count(*) >= 3",
        Missing.NO_BASE,
        rtol=1e-9,
    ),
    "errors_per_run": Told(
        "SELECT id, 100 * sum(errors) / sum(n) AS value FROM uses "
        "WHERE us < as_of() AND us >= window_from(90) GROUP BY id HAVING sum(n) > 0",
        Missing.NO_BASE,
        rtol=1e-9,
    ),
    "runs_rising": Told(
        """
        WITH told AS (
            SELECT a.id, a.created,
                coalesce(sum(n) FILTER (us < midnight(0) AND us >= midnight(30)), 0) AS recent,
                coalesce(sum(n) FILTER (us < midnight(30) AND us >= midnight(90)), 0) AS before
            FROM accounts AS a LEFT JOIN uses USING (id) GROUP BY a.id, a.created
        )
        SELECT id, (recent / 30) / (before / 60) AS value,
            CASE WHEN day(created) > day(as_of()) - 90 THEN 'TOO_YOUNG' WHEN before = 0 THEN 'NO_BASE' END AS missing
        FROM told
        """,
        rtol=1e-9,
    ),
    "last_use": Told(
        uses("(as_of() - max(us)) / 86400000000", 120).replace(" AS value", " AS value, max(us) AS latest"),
        Missing.NO_ROWS,
        rtol=1e-9,
    ),
    "beta_soon": Told(
        "SELECT id, greatest(min(us) - any_value(created), 0) / 86400000000 AS value, min(us) AS latest "
        "FROM uses JOIN accounts USING (id) WHERE is_beta AND us < as_of() GROUP BY id",
        Missing.NOT_YET,
        rtol=1e-9,
    ),
    "seats": Told(
        "SELECT id, TRY_CAST(seats AS INTEGER) AS value, "
        "CASE WHEN TRY_CAST(seats AS INTEGER) IS NULL THEN 'UNKNOWN_ATTRIBUTE' END AS missing FROM accounts"
    ),
    "served_country": Told(
        "SELECT id, country AS value, CASE WHEN country IS NULL THEN 'UNKNOWN_ATTRIBUTE' END AS missing FROM accounts"
    ),
    "runs_included": Told(with_plan("used / allowed"), rtol=1e-9),
    "runs_last": Told(
        with_plan(
            "CASE WHEN used >= allowed THEN 0 WHEN pace = 0 THEN 3650 ELSE least((allowed - used) / pace, 3650) END"
        ),
        rtol=1e-9,
    ),
    "seats_taken": Told(
        """
        WITH told AS (
            SELECT a.id, TRY_CAST(a.seats AS INTEGER) AS allowed,
                max(TRY_CAST(s.seats AS INTEGER)) FILTER (s.end_date IS NULL) AS used
            FROM accounts AS a LEFT JOIN subscriptions AS s USING (id) GROUP BY a.id, a.seats
        )
        SELECT id, used / allowed AS value,
            CASE WHEN allowed IS NULL OR used IS NULL THEN 'NO_ALLOWANCE' END AS missing
        FROM told
        """,
        rtol=1e-9,
    ),
    "urgent_tickets": Told(
        "SELECT id, count(*) AS value, max(us) AS latest, sum(1 - (day(as_of() - 1) - day(us)) / 60) AS decayed "
        "FROM tickets WHERE lower(priority) IN ('high', 'urgent') AND us < as_of() AND us >= window_from(60) "
        "GROUP BY id"
    ),
    "open_tickets": Told(
        "SELECT id, count(*) AS value FROM tickets WHERE us < as_of() AND closed >= as_of() GROUP BY id"
    ),
}

LEADS = """
    WITH live AS (SELECT * FROM subscriptions WHERE begun < as_of() AND TRIAL_END >= as_of()),
    told AS (
        SELECT a.id, a.created, a.account_name, a.country,
            bool_or(s.pays) AS pays, sum(s.mrr) AS mrr, bool_or(s.is_trial = 'TRUE') AND NOT bool_or(s.pays) AS in_trial
        FROM accounts AS a LEFT JOIN (SELECT *, is_trial <> 'TRUE' AND mrr > 0 AS pays FROM live) AS s USING (id)
        WHERE a.created < as_of() GROUP BY ALL
    ),
    first_paid AS (
        SELECT id, min(begun) AS converted_at FROM subscriptions
        WHERE is_trial <> 'TRUE' AND mrr > 0 AND begun < as_of() GROUP BY id
    )
    SELECT told.id, created, account_name, country, mrr, coalesce(pays, false) AS pays,
        coalesce(in_trial, false) AS in_trial, converted_at
    FROM told LEFT JOIN first_paid USING (id) ORDER BY told.id
""".replace(
    "TRIAL_END",
    f"CASE WHEN is_trial = 'TRUE' THEN least(ended, epoch_us(timezone('{EXPORT_ZONE}', "
    "strptime(start_date, '%d-%m-%Y') + INTERVAL 30 DAY))) ELSE ended END",
)

OCCURRENCES = {
    # Uses with three errors and more, a day or less after which no other follows as a new one.
    "many_errors": """
        SELECT id, us FROM (
            SELECT id, us, us - lag(us) OVER (PARTITION BY id ORDER BY us) AS pause
            FROM (SELECT DISTINCT id, us FROM uses WHERE errors >= 3)
        ) WHERE pause IS NULL OR pause > 86400000000
    """,
    "first_beta": "SELECT id, min(us) AS us FROM uses WHERE is_beta GROUP BY id",
    # Seats are told as they are today, so the instant is the last before the run.
    "seats_full": """
        SELECT a.id, as_of() - 1 AS us FROM accounts AS a JOIN subscriptions AS s USING (id)
        WHERE s.end_date IS NULL GROUP BY a.id, a.seats
        HAVING max(TRY_CAST(s.seats AS INTEGER)) >= TRY_CAST(a.seats AS INTEGER)
    """,
    # Three days before the end of a trial that goes on until then, and whose end still lies ahead, of who
    # did not begin to pay since.
    "trial_ending": f"""
        SELECT DISTINCT id, epoch_us(make_timestamptz(CAST(trial_end AS BIGINT)) - INTERVAL 3 DAY) AS us FROM (
            SELECT id, begun, ended, epoch_us(timezone('{EXPORT_ZONE}',
                strptime(start_date, '%d-%m-%Y') + INTERVAL 30 DAY)) AS trial_end
            FROM subscriptions WHERE is_trial = 'TRUE'
        ) AS trial WHERE trial_end >= as_of() AND ended >= trial_end AND NOT EXISTS (
            SELECT 1 FROM subscriptions AS s WHERE s.id = trial.id AND is_trial <> 'TRUE' AND mrr > 0
                AND s.begun < as_of() AND s.ended >= as_of() AND s.begun >= trial.begun
        )
    """,
}

QUALITY = {
    ("unreadable_times", "events"): f"SELECT count(*) FROM raw_usage WHERE {read_day('usage_date')} IS NULL",
    ("after_now", "events"): f"""
        SELECT (SELECT count(*) FROM raw_usage WHERE {read_day("usage_date")} >= as_of())
            + (SELECT count(*) FROM tickets WHERE us >= as_of())
    """,
    ("unattributed", "events"): f"""
        SELECT count(*) FROM raw_usage ANTI JOIN raw_subscriptions USING (subscription_id)
        WHERE {read_day("usage_date")} < as_of()
    """,
    ("duplicates", "events"): f"""
        SELECT CAST(coalesce(sum(n - 1), 0) AS BIGINT)
        FROM (SELECT count(*) AS n FROM raw_usage GROUP BY usage_id, {read_day("usage_date")})
    """,
    ("before_account", "events"): f"""
        SELECT (
            SELECT count(*) FROM raw_usage JOIN subscriptions USING (subscription_id) JOIN accounts USING (id)
            WHERE {read_day("usage_date")} < created AND {read_day("usage_date")} < as_of()
        ) + (SELECT count(*) FROM tickets JOIN accounts USING (id) WHERE us < created AND us < as_of())
    """,
    ("null_user_ids", "events"): f"""
        SELECT (
            SELECT count(*) FROM raw_usage JOIN raw_subscriptions USING (subscription_id)
            WHERE {read_day("usage_date")} < as_of()
        ) + (SELECT count(*) FROM tickets WHERE us < as_of())
    """,
    ("created_after_now", "accounts"): "SELECT count(*) FROM accounts WHERE created >= as_of()",
}
