"""A lifelike alert for every subject: what `pql check` renders templates against, and what the docs show."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from pql.domain.messages import Alert, Line, Link, Person, Reason, Section, Subject

_AS_OF = datetime(2026, 1, 31, 13, 5, tzinfo=UTC)
_LINKS = (
    Link(label="Open account", url="https://admin.plotline.test/accounts/acc_1042"),
    Link(label="Open in CRM", url="https://crm.plotline.test/companies/1042?tab=activity&from=pql"),
)
_PEOPLE = (
    Person(
        name="Dana Whitfield",
        email="dana@acme.test",
        role="VP Product",
        why="14 h in the product in 14 days, the most of 9 users",
    ),
    Person(name="Luis Ortega", email="luis@acme.test", role="Data analyst", why="Built 6 of their 9 dashboards"),
)
_REASONS = (
    Reason(
        title="Uses most of the product",
        words="9 features used in 14 days, most recently Dashboards",
        norm="half of the eligible leads: 2",
        points=25.0,
        signal="feature_breadth",
    ),
    Reason(
        title="The team grows",
        words="active users 3 -> 9 (+200%) in 28 days",
        norm="half of the eligible leads: +0%",
        points=20.0,
        signal="team_growth",
    ),
    Reason(
        title="Near a limit of the plan",
        words="92% of 10,000 rows used, full in about 4 days",
        norm="half of the eligible leads: 18%",
        points=18.0,
        signal="limit_near",
    ),
    Reason(
        title="Asked for a demo",
        words="1 demo request, 2 days ago",
        points=76.0,
        signal="demo_request",
    ),
    Reason(title="Shares its work", words="4 dashboards shared in 14 days", points=8.0, signal="sharing"),
)

QUALIFICATION = Alert(
    subject=Subject.QUALIFICATION,
    lead_id="acc_1042",
    lead_name="Acme Corp",
    title="Acme Corp is ready for a conversation",
    why_now="They reached 78 points today, 21 more than yesterday: nine people use it, and the plan is nearly full.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    recipient_name="Mia Berg",
    domain="acme.test",
    plan="Team trial",
    stage="trial",
    grade="A1",
    tier="hot",
    urgency="now",
    fit_words="B2B software, 120 employees, Germany; budget is not known",
    reasons=_REASONS,
    people=_PEOPLE,
    play="Ask Dana what the team wants to report on next, and offer to lift the row limit while they decide.",
    links=_LINKS,
    decided="Sent to you because you own Acme Corp, and it qualified for the first time.",
)
MOMENT = Alert(
    subject=Subject.MOMENT,
    lead_id="acc_1042",
    lead_name="Acme Corp",
    title="Acme Corp hit the paywall",
    why_now="Dana Whitfield opened Scheduled reports 3 times in the last hour; their plan does not have it.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    recipient_name="Mia Berg",
    domain="acme.test",
    plan="Free",
    stage="free",
    grade="A2",
    tier="hot",
    urgency="now",
    fit_words="B2B software, 120 employees, Germany",
    reasons=_REASONS[:2],
    people=_PEOPLE[:1],
    play="They need Scheduled reports now. Offer a short call or a two-week unlock; do not pitch.",
    links=_LINKS,
    decided="Sent to you because you own Acme Corp, and this moment is told at once.",
)
CHECK_IN = Alert(
    subject=Subject.CHECK_IN,
    lead_id="acc_0017",
    lead_name="Nordlicht GmbH",
    title="Nordlicht GmbH has been a customer for 30 days",
    why_now="They converted on 1 January, 12 days after we told Mia Berg about them.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    recipient_name="Jonas Weiss",
    domain="nordlicht.test",
    plan="Business",
    stage="customer",
    people=(
        Person(name="Ayşe Yılmaz", email="ayse@nordlicht.test", role="Head of Data", why="Most active this month"),
    ),
    play="Ask whether the two teams that joined last week found their way, and what they would miss most.",
    links=_LINKS[:1],
    decided="Sent to you because you look after Nordlicht GmbH, and the check-in after 30 days is due.",
    facts=(
        ("Plan", "Business, 480 EUR a month"),
        ("Customer since", "1 Jan 2026"),
        ("Active days", "19 of 28; before converting 14 of 28"),
        ("Active users", "11; before converting 8"),
    ),
)
USAGE_DROP = Alert(
    subject=Subject.USAGE_DROP,
    lead_id="acc_0311",
    lead_name="Halden & Sons",
    title="Halden & Sons uses it 62% less",
    why_now="Active days fell from 21 to 8 in 28 days; they pay for 14 seats.",
    as_of=_AS_OF,
    time_zone="Europe/Oslo",
    recipient_name="Jonas Weiss",
    domain="halden.test",
    plan="Business",
    stage="customer",
    people=(
        Person(name="Kari Halden", email="kari@halden.test", role="COO", why="Was the most active until 12 January"),
    ),
    play="Ask Kari what changed in January. Do not mention numbers first.",
    links=_LINKS[:1],
    decided="Sent to you because you look after Halden & Sons, and use fell by more than half.",
    facts=(
        ("Plan", "Business, 620 EUR a month"),
        ("Active days", "8 of 28; before 21 of 28"),
        ("Last active", "27 Jan"),
    ),
)
BASELINE = Alert(
    subject=Subject.BASELINE,
    lead_id="",
    lead_name="",
    title="12 leads already qualify",
    why_now="This was the first run. From now on you hear of a lead when it newly qualifies, not of these again.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    recipient_name="Mia Berg",
    play="Start at the top: the list is sorted by score.",
    links=(Link(label="Open the list", url="https://pql.plotline.test/leads?qualified=yes"),),
    decided="Sent to you once, because these leads are yours.",
    rows=(
        ("Acme Corp", "A1", "9 features in 14 days, 92% of rows used"),
        ("Müller & Söhne KG", "A1", "demo request yesterday, 6 active users"),
        ("株式会社さくら", "A2", "team grew from 4 to 11 in 28 days"),
        ("Lumen Labs", "B1", "activated on day 1, 12 h in 14 days"),
        ("شركة النور", "B1", "pricing page 3 times this week"),
    ),
)
OPERATOR = Alert(
    subject=Subject.OPERATOR,
    lead_id="",
    lead_name="",
    title="Slack chat.postMessage for #pql-emea: not_in_channel",
    why_now="It began on Sat 31 Jan 2026, 14:05.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    recipient_name="operator",
    urgency="now",
    play="Invite the app to the channel: /invite @PQL",
    decided="Sent to you as the operator, once while it lasts. You hear again when it is over.",
)

_ADMIN = "https://admin.plotline.test/accounts/{}"
DIGEST = Alert(
    subject=Subject.DIGEST,
    lead_id="",
    lead_name="",
    title="Your leads, Sat 31 Jan: 2 new, 2 still open, 1 check-in",
    why_now="Open by grade: 2 A1, 1 A2, 1 B1. Since yesterday: 1 grade moved, 1 lead closed, 1 moment. Snoozed: 1.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    recipient_name="Mia Berg",
    urgency="digest",
    decided="Sent to Mia Berg every working day at 08:00.",
    sections=(
        Section(
            title="New since yesterday (2)",
            lines=(
                Line(
                    name="Acme Corp",
                    grade="A1",
                    words="Uses most of the product, the team grows; not claimed, open since 09:15",
                    url=_ADMIN.format("acc_1042"),
                ),
                Line(
                    name="株式会社さくら",
                    grade="A2",
                    words="The team grows; not claimed, open since yesterday",
                    url=_ADMIN.format("acc_0877"),
                ),
            ),
        ),
        Section(
            title="Still open (2)",
            lines=(
                Line(
                    name="Müller & Söhne KG",
                    grade="A2 → A1",
                    words="Asked for a demo; yours since Thursday",
                    url=_ADMIN.format("acc_0410"),
                ),
                Line(
                    name="Lumen Labs",
                    grade="B1",
                    words="Near a limit of the plan; not claimed, open since 12 Jan",
                    url=_ADMIN.format("acc_0093"),
                ),
            ),
        ),
        Section(
            title="Check-ins due (1)",
            lines=(Line(name="Nordlicht GmbH", words="a customer for 30 days: What did they want to reach with us?"),),
        ),
        Section(
            title="Happened since yesterday (1)",
            lines=(Line(name="Lumen Labs", grade="B1", words="Invited a burst of users: Fri 30 Jan, 16:40"),),
        ),
        Section(
            title="Closed since yesterday (1)",
            lines=(Line(name="Halden & Sons", grade="B1", words="now a customer, 12 days after they qualified"),),
        ),
        Section(
            title="Not sent to you, and why (9)",
            lines=(
                Line(
                    name="شركة النور",
                    words="it qualified: you have had the day's messages; looked at anew Mon 2 Feb, 09:00",
                ),
            ),
            more=8,
        ),
    ),
)
WEEKLY = Alert(
    subject=Subject.WEEKLY,
    lead_id="",
    lead_name="",
    title="The week at Plotline: 14 new PQLs, 2 conversions",
    why_now="What happened from 24 Jan to 31 Jan.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    urgency="digest",
    facts=(
        ("Leads", "4,200"),
        ("Eligible", "3,105"),
        ("Newly qualified", "14, up from 9"),
        ("Claimed", "11"),
        ("Accepted", "7"),
        ("Rejected", "2"),
        ("Converted", "2"),
        ("Median lead time", "12 days"),
    ),
    decided="Sent once a week.",
    sections=(
        Section(
            title="Won (1)",
            lines=(
                Line(
                    name="Halden & Sons",
                    grade="B1",
                    words="a customer, 12 days after they qualified; with Mia Berg",
                    url=_ADMIN.format("acc_0311"),
                ),
            ),
        ),
        Section(
            title="Newly qualified (14)",
            lines=(
                Line(
                    name="Acme Corp",
                    grade="A1",
                    words="told Mia Berg; Uses most of the product, the team grows",
                    url=_ADMIN.format("acc_1042"),
                ),
            ),
            more=13,
        ),
        Section(title="Rose most", lines=(Line(name="Acme Corp", grade="A1", words="31 → 78 points (+47)"),)),
        Section(title="Fell most", lines=(Line(name="Lumen Labs", grade="C2", words="64 → 30 points (-34)"),)),
        Section(
            title="Definitions that misfire (1)",
            lines=(Line(name="Looked at pricing", words="fires for 61% of eligible leads: it tells nobody apart"),),
        ),
    ),
)
REMINDER = Alert(
    subject=Subject.REMINDER,
    lead_id="acc_1042",
    lead_name="Acme Corp",
    title="Acme Corp still waits for you",
    why_now="You were told on Fri 30 Jan, 09:15, and nobody has claimed it since.",
    as_of=_AS_OF,
    time_zone="Europe/Berlin",
    recipient_name="Mia Berg",
    domain="acme.test",
    plan="Team trial",
    stage="trial",
    grade="A1",
    tier="hot",
    reasons=_REASONS[:2],
    play="Claim it, snooze it or reject it, and this stops: pql claim acc_1042 --by mia@plotline.test",
    links=_LINKS[:1],
    decided="Reminder 1 of at most 2 to Mia Berg.",
)

SAMPLES: Mapping[Subject, Alert] = MappingProxyType(
    {
        alert.subject: alert
        for alert in (QUALIFICATION, MOMENT, CHECK_IN, USAGE_DROP, BASELINE, OPERATOR, DIGEST, WEEKLY, REMINDER)
    }
)
