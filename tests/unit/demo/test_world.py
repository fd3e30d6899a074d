"""The world of `pql demo`: large enough, and as untidy and as lifelike as a real one."""

import math

import numpy as np
import pandas as pd
import pytest

from pql.demo import UNTIL
from tests.unit.demo.conftest import World

_END = f"TIMESTAMP '{UNTIL:%Y-%m-%d}'"
_WINDOW = f"happened_at >= {_END} - INTERVAL 120 DAY AND happened_at < {_END}"


def test_it_is_large_enough(demo: World) -> None:
    assert demo.number("SELECT count(*) FROM app.workspaces") >= 3_000
    assert demo.number("SELECT count(*) FROM app.members") >= 20_000
    assert demo.number("SELECT count(DISTINCT entry_id) FROM app.activity_log") >= 2_000_000
    days = demo.number(f"SELECT count(DISTINCT happened_at::DATE) FROM app.activity_log WHERE {_WINDOW}")
    assert days == 120


def test_sizes_are_skewed(demo: World) -> None:
    sizes = [row[0] for row in demo.rows("SELECT count(*) FROM app.members GROUP BY workspace_uid")]
    assert np.median(sizes) <= 6
    assert max(sizes) >= 100
    events = sorted(row[0] for row in demo.rows("SELECT count(*) FROM app.activity_log GROUP BY workspace_uid"))
    assert sum(events[-len(events) // 10 :]) > 0.4 * sum(events)


def test_weekends_are_quiet(demo: World) -> None:
    by_day = dict(
        demo.rows(
            "SELECT isodow(happened_at), count(*) FROM app.activity_log WHERE action = 'chart_viewed' GROUP BY ALL"
        )
    )
    assert by_day[6] + by_day[7] < 0.25 * (by_day[2] + by_day[3])


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"])
def test_people_work_by_day_in_their_own_time_zone(demo: World, zone: str) -> None:
    share = demo.number(
        "SELECT avg((hour(a.happened_at AT TIME ZONE 'UTC' AT TIME ZONE m.time_zone) BETWEEN 7 AND 18)::INT)"
        " FROM app.activity_log a JOIN app.members m USING (member_id)"
        f" WHERE m.time_zone = '{zone}' AND a.action = 'chart_viewed'"
    )
    assert share > 0.85


def test_use_comes_in_sessions_with_gaps_of_minutes(demo: World) -> None:
    below_a_minute, below_half_an_hour, all_gaps = demo.rows(
        "SELECT count(*) FILTER (gap < 60), count(*) FILTER (gap < 1800), count(*) FROM (SELECT date_diff('second',"
        " lag(happened_at) OVER (PARTITION BY member_id ORDER BY happened_at), happened_at) AS gap"
        " FROM app.activity_log WHERE member_id LIKE '%7') WHERE gap IS NOT NULL"
    )[0]
    assert 0.3 < below_a_minute / all_gaps < 0.8
    assert 0.8 < below_half_an_hour / all_gaps < 0.97


def test_some_sessions_cross_midnight(demo: World) -> None:
    across = demo.number(
        "SELECT count(*) FROM (SELECT happened_at, lag(happened_at) OVER (PARTITION BY member_id ORDER BY"
        " happened_at) AS before FROM app.activity_log WHERE member_id IS NOT NULL)"
        " WHERE happened_at::DATE > before::DATE AND date_diff('minute', before, happened_at) < 30"
    )
    assert across > 200


def test_several_accounts_share_a_company_and_its_domain(demo: World) -> None:
    shared = (
        "SELECT count(*) FROM (SELECT web_domain FROM app.workspaces WHERE web_domain NOT LIKE 'freemail%'"
        " AND web_domain NOT IN ('plotline.test', 'qa.example') GROUP BY web_domain HAVING count(*) > 1)"
    )
    assert demo.number(shared) >= 100


@pytest.mark.parametrize(
    ("condition", "least"),
    [
        pytest.param("web_domain LIKE 'freemail.%'", 200, id="private mail"),
        pytest.param("web_domain = 'plotline.test' AND is_internal", 4, id="staff"),
        pytest.param("title LIKE 'QA test%'", 10, id="tests"),
        pytest.param("billing_country IS NULL", 50, id="no country"),
        pytest.param("billing_country = 'NA'", 10, id="Namibia"),
        pytest.param("headcount IS NULL", 200, id="no headcount"),
        pytest.param("sector IS NULL", 100, id="no sector"),
        pytest.param("web_domain IS NULL", 10, id="no domain"),
        pytest.param("title LIKE '%<b>%'", 1, id="HTML"),
        pytest.param("title LIKE '%*Star* _Line_ ~Studio~%'", 1, id="Slack markup"),
        pytest.param("regexp_matches(title, '\\p{Arabic}')", 1, id="Arabic"),
        pytest.param("regexp_matches(title, '\\p{Hebrew}')", 1, id="Hebrew"),
        pytest.param("regexp_matches(title, '\\p{Han}')", 1, id="Chinese characters"),
        pytest.param("length(title) > 200", 1, id="very long name"),
        pytest.param("title = 'null'", 1, id="a company called null"),
        pytest.param("workspace_uid LIKE '00%'", 3_000, id="leading zeros"),
        pytest.param("sales_owner = 'formerly.here@plotline.test'", 10, id="an owner who has left"),
    ],
)
def test_accounts_are_as_odd_as_real_ones(demo: World, condition: str, least: int) -> None:
    assert demo.number(f"SELECT count(*) FROM app.workspaces WHERE {condition}") >= least


def test_no_address_can_be_delivered(demo: World) -> None:
    ends = "LIKE '%.test' OR {0} LIKE '%.example'"
    for column, table in (("mail", "app.members"), ("web_domain", "app.workspaces"), ("sales_owner", "app.workspaces")):
        reserved = f"{column} {ends.format(column)}"
        assert demo.number(f"SELECT count(*) FROM {table} WHERE NOT ({reserved})") == 0


def test_addresses_are_unique(demo: World) -> None:
    assert demo.number("SELECT count(mail) - count(DISTINCT mail) FROM app.members") == 0


@pytest.mark.parametrize(
    ("condition", "least", "most"),
    [
        pytest.param("received_at > happened_at + INTERVAL 1 DAY AND " + _WINDOW, 10_000, 60_000, id="late"),
        pytest.param("member_id IS NULL AND action = 'chart_viewed'", 1_000, 10_000, id="no user"),
        pytest.param("workspace_uid IS NULL AND member_id IS NOT NULL", 2_000, 12_000, id="no account"),
        pytest.param("workspace_uid IS NULL AND member_id IS NULL", 500, 4_000, id="neither"),
        pytest.param(f"happened_at >= {_END}", 1, 20, id="after now"),
        pytest.param("workspace_uid = '09999991'", 10, 40, id="a deleted account"),
        pytest.param("isnan(amount)", 1, 10, id="not a number"),
        pytest.param("isinf(amount)", 1, 10, id="infinite"),
        pytest.param("action = 'api_called' AND member_id IS NULL", 50_000, 400_000, id="machines"),
        pytest.param("action = 'paywall_viewed' AND module IN ('seats', 'projects')", 300, 10_000, id="full limits"),
        pytest.param("action = 'paywall_viewed' AND module IS NOT NULL", 2_000, 20_000, id="paywalls"),
        pytest.param("action = 'upgrade_wall_shown'", 500, 10_000, id="a renamed action"),
        pytest.param("action = 'pricing_viewed'", 1_000, 20_000, id="prices"),
        pytest.param("action = 'credits_purchased' AND amount >= 100", 1_000, 20_000, id="credits"),
        pytest.param("action = 'integration_connected' AND detail LIKE '%provider%'", 1_000, 20_000, id="integrations"),
        pytest.param("action = 'member_invited'", 3_000, 30_000, id="invitations"),
        pytest.param("action = 'report_shared'", 10_000, 300_000, id="sharing"),
    ],
)
def test_the_log_is_as_untidy_as_a_real_one(demo: World, condition: str, least: int, most: int) -> None:
    assert least <= demo.number(f"SELECT count(*) FROM app.activity_log WHERE {condition}") <= most


def test_nothing_arrived_after_the_end_or_long_before_it_happened(demo: World) -> None:
    assert demo.number(f"SELECT count(*) FROM app.activity_log WHERE received_at >= {_END}") == 0
    early = f"received_at < happened_at AND happened_at < {_END}"
    assert demo.number(f"SELECT count(*) FROM app.activity_log WHERE {early}") == 0


def test_doubled_events_have_one_id_and_equal_content(demo: World) -> None:
    twice = demo.number(
        "SELECT count(*) FROM (SELECT entry_id FROM app.activity_log GROUP BY entry_id HAVING count(*) = 2)"
    )
    differing = demo.number(
        "SELECT count(*) FROM (SELECT entry_id FROM app.activity_log GROUP BY entry_id"
        " HAVING count(DISTINCT (happened_at, workspace_uid, member_id, action)) > 1)"
    )
    assert twice > 2_000
    assert differing == 0


def test_some_events_are_older_than_their_account(demo: World) -> None:
    sql = (
        "SELECT count(*) FROM app.activity_log a JOIN app.workspaces w USING (workspace_uid)"
        " WHERE a.happened_at < w.made_at"
    )
    assert 10 <= demo.number(sql) <= 100


def test_some_people_get_stuck(demo: World) -> None:
    sql = (
        "SELECT count(*) FROM (SELECT member_id, module, happened_at, lead(happened_at, 2) OVER (PARTITION BY"
        " member_id, module ORDER BY happened_at) AS third FROM app.activity_log WHERE action = 'action_failed'"
        " AND member_id IS NOT NULL) WHERE date_diff('minute', happened_at, third) < 60"
    )
    assert demo.number(sql) > 500


def test_limits_fill_up(demo: World) -> None:
    seats, projects = (
        demo.number(
            f"SELECT count(*) FROM billing.plan_limits WHERE limit_name = '{name}' AND used_now >= included AND"
            " used_now > 0"
        )
        for name in ("seats", "projects")
    )
    assert min(seats, projects) > 50
    # More than allowed have only those who went back to the free plan.
    over = demo.number(
        "SELECT count(*) FROM billing.plan_limits l WHERE used_now > included AND NOT EXISTS (SELECT 1 FROM"
        " billing.subscriptions s WHERE s.workspace_uid = l.workspace_uid AND s.state IN ('cancelled', 'past_due'))"
    )
    assert over == 0


@pytest.mark.parametrize("channel", ["nl_click", "wp_download", "webinar_attended", "demo_form"])
def test_marketing_touches_come_in_all_kinds(demo: World, channel: str) -> None:
    assert demo.number(f"SELECT count(*) FROM marketing.touchpoints WHERE channel_code = '{channel}'") > 100


def test_trials_run_and_end(demo: World) -> None:
    running = f"trial_until > {_END} AND state = 'trialing' AND ends_at IS NULL"
    over = f"trial_until <= {_END} AND state = 'ended' AND ends_at IS NOT NULL"
    assert demo.number(f"SELECT count(*) FROM billing.subscriptions WHERE {running}") > 30
    assert demo.number(f"SELECT count(*) FROM billing.subscriptions WHERE {over}") > 300


def test_the_plans_of_an_account_follow_each_other_without_gaps(demo: World) -> None:
    broken = demo.number(
        "SELECT count(*) FROM (SELECT ends_at, lead(begins_at) OVER (PARTITION BY workspace_uid ORDER BY begins_at)"
        " AS following FROM billing.subscriptions) WHERE ends_at IS DISTINCT FROM following"
    )
    assert broken == 0


def test_customers_grow_fade_and_leave(demo: World) -> None:
    assert demo.number("SELECT count(*) FROM billing.subscriptions WHERE state = 'past_due'") > 0
    left = (
        "SELECT count(*) FROM (SELECT max_by(plan_code, begins_at) AS plan, max(monthly_cents) AS cents"
        " FROM billing.subscriptions GROUP BY workspace_uid) WHERE plan = 'free' AND cents > 0"
    )
    grown = (
        "SELECT count(*) FROM (SELECT count(*) AS paid FROM billing.subscriptions WHERE monthly_cents > 0"
        " GROUP BY workspace_uid) WHERE paid > 1"
    )
    assert demo.number(left) >= 10
    assert demo.number(grown) >= 20
    use = demo.by_account(_use_of_customers(30, 0))
    before = demo.by_account(_use_of_customers(90, 60)).reindex(use.index)
    ratio = (use / before)[before > 50]
    assert (ratio < 0.5).sum() >= 20
    assert (ratio > 1.3).sum() >= 20


def _use_of_customers(first: int, last: int) -> str:
    return (
        "SELECT workspace_uid, count(*) FROM app.activity_log JOIN billing.subscriptions s USING (workspace_uid)"
        f" WHERE s.monthly_cents > 0 AND s.ends_at IS NULL AND s.begins_at < {_END} - INTERVAL 90 DAY AND member_id IS"
        f" NOT NULL AND happened_at BETWEEN {_END} - INTERVAL {first} DAY AND {_END} - INTERVAL {last} DAY GROUP BY ALL"
    )


def test_deals_are_open_and_closed(demo: World) -> None:
    stages = dict(demo.rows("SELECT stage_name, count(*) FROM crm.opportunities GROUP BY ALL"))
    assert set(stages) == {"discovery", "proposal", "closed won", "closed lost"}
    assert min(stages.values()) >= 5
    wrong = "(closed_at IS NULL) <> (stage_name IN ('discovery', 'proposal'))"
    assert demo.number(f"SELECT count(*) FROM crm.opportunities WHERE {wrong}") == 0


def _at_risk(demo: World) -> pd.DataFrame:
    """Those who could buy within the window, and whether they did."""
    truth = demo.truth()
    ours = {row[0] for row in demo.rows("SELECT workspace_uid FROM app.workspaces WHERE web_domain = 'plotline.test'")}
    tests = {row[0] for row in demo.rows("SELECT workspace_uid FROM app.workspaces WHERE title LIKE 'QA test%'")}
    could = truth[~(truth["paid_from_day"] < 0) & ~truth.index.isin(ours | tests)]
    return could.assign(bought=could["paid_from_day"].notna())


def _separation(values: "pd.Series[float]", bought: "pd.Series[bool]") -> float:
    """The difference of the means of buyers and others, in standard errors."""
    buyers, others = values[bought], values[~bought]
    error = math.sqrt(buyers.var() / len(buyers) + others.var() / len(others))
    return float((buyers.mean() - others.mean()) / error)


def test_a_tenth_of_those_who_could_buy_do(demo: World) -> None:
    assert 0.05 < _at_risk(demo)["bought"].mean() < 0.2


@pytest.mark.parametrize("latent", ["intent", "fit", "depth", "spirit", "curiosity"])
def test_buyers_differ_in_what_moves_them(demo: World, latent: str) -> None:
    could = _at_risk(demo)
    assert _separation(could[latent], could["bought"]) > 4


def test_luck_has_its_part(demo: World) -> None:
    could = _at_risk(demo)
    likely = could[could["intent"] + could["fit"] > 2]
    assert 0.1 < likely["bought"].mean() < 0.9
    assert could[could["intent"] + could["fit"] < 0]["bought"].sum() > 10


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param("action IN ('chart_built', 'query_run')", id="core"),
        pytest.param("action = 'report_shared'", id="sharing"),
        pytest.param("action IN ('paywall_viewed', 'upgrade_wall_shown')", id="paywalls"),
        pytest.param("action = 'pricing_viewed'", id="prices"),
        pytest.param("action = 'credits_purchased'", id="credits"),
    ],
)
def test_what_was_done_before_goes_with_buying_afterwards(demo: World, behaviour: str) -> None:
    could = _at_risk(demo)
    could = could[~(could["paid_from_day"] < 60)]
    done = demo.by_account(
        f"SELECT workspace_uid, count(*) FROM app.activity_log WHERE {behaviour} AND happened_at BETWEEN"
        f" {_END} - INTERVAL 90 DAY AND {_END} - INTERVAL 60 DAY GROUP BY ALL"
    )
    assert _separation(done.reindex(could.index).fillna(0), could["bought"]) > 3


def test_newsletters_change_nothing(demo: World) -> None:
    could = _at_risk(demo)
    clicks = demo.by_account(
        "SELECT workspace_uid, count(*) FROM marketing.touchpoints WHERE channel_code = 'nl_click' GROUP BY ALL"
    )
    assert clicks.sum() > 3_000
    assert abs(_separation(clicks.reindex(could.index).fillna(0), could["bought"])) < 3
    webinars = demo.by_account(
        "SELECT workspace_uid, count(*) FROM marketing.touchpoints WHERE channel_code = 'webinar_attended' GROUP BY ALL"
    )
    assert _separation(webinars.reindex(could.index).fillna(0), could["bought"]) > 3


def test_how_soon_the_workspace_was_set_up_changes_nothing(demo: World) -> None:
    could = _at_risk(demo)
    days = demo.by_account(
        "SELECT workspace_uid, min(date_diff('second', made_at, happened_at)) / 86400.0 FROM app.activity_log"
        " JOIN app.workspaces USING (workspace_uid) WHERE action = 'workspace_set_up' GROUP BY ALL"
    ).reindex(could.index)
    quick = (days <= 2).astype(float)
    assert 0.3 < quick.mean() < 0.7
    assert abs(_separation(quick, could["bought"])) < 3
