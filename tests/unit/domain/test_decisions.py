from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.domain.decisions import (
    FRESH,
    GATHER,
    HELD_FRESH,
    Candidate,
    Circumstances,
    Decision,
    Why,
    decide,
)
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.domain.moments import Urgency
from pql.domain.mutes import Mute, muting

AS_OF = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EPISODE = Candidate(
    subject=Subject.QUALIFICATION, lead_id="a1", key="episode:1", urgency=Urgency.TODAY, happened_at=AS_OF
)
MOMENT = Candidate(
    subject=Subject.MOMENT,
    lead_id="a1",
    key="moment:paywall_hit:a1:5",
    urgency=Urgency.NOW,
    happened_at=AS_OF - HOUR,
    cooldown=Duration.of_days(7),
)
TODAY = replace(MOMENT, urgency=Urgency.TODAY)
CHECK_IN = replace(EPISODE, subject=Subject.CHECK_IN, key="check_in:day_7:a1")
MUTE = Mute(lead_id="a1", by="mia@plotline.test", reason="in talks", at=AS_OF - HOUR, until=AS_OF + 99 * HOUR)
PLAIN = Circumstances()


def why(candidate: Candidate, **circumstances: object) -> Why:
    return decision(candidate, **circumstances).why


def decision(candidate: Candidate, **circumstances: object) -> Decision:
    return decide(candidate, replace(PLAIN, **circumstances), as_of=AS_OF)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidate", "circumstances", "expected"),
    [
        pytest.param(EPISODE, {}, Why.FIRST_TIME, id="a new episode is told"),
        pytest.param(EPISODE, {"told_key": True}, Why.ALREADY_TOLD, id="an episode is told once"),
        pytest.param(EPISODE, {"baseline": True}, Why.BASELINE, id="the first run floods nobody"),
        pytest.param(MOMENT, {"baseline": True}, Why.BASELINE, id="nor with moments"),
        pytest.param(EPISODE, {"eligible": False}, Why.NOT_ELIGIBLE, id="staff and competitors are no leads"),
        pytest.param(EPISODE, {"open_deal": True}, Why.OPEN_DEAL, id="a deal's owner is not overtaken"),
        pytest.param(EPISODE, {"snoozed_until": AS_OF + HOUR}, Why.SNOOZED, id="a snooze holds"),
        pytest.param(EPISODE, {"snoozed_until": AS_OF}, Why.FIRST_TIME, id="a snooze ends at its very instant"),
        pytest.param(EPISODE, {"sent_today": 10}, Why.OVER_BUDGET, id="the budget bounds a day"),
        pytest.param(EPISODE, {"sent_today": 9}, Why.FIRST_TIME, id="the last message of the budget is sent"),
        pytest.param(MOMENT, {}, Why.MOMENT, id="a moment is told"),
        pytest.param(MOMENT, {"gate_holds": False}, Why.ONLY_IF, id="only_if holds a moment back"),
        pytest.param(MOMENT, {"sent_today": 99}, Why.MOMENT, id="what is urgent now has no part in the budget"),
        pytest.param(TODAY, {"sent_today": 10}, Why.OVER_BUDGET, id="what can wait has"),
        pytest.param(MOMENT, {"told_same_at": AS_OF - 6 * 24 * HOUR}, Why.COOLING_DOWN, id="a moment cools down"),
        pytest.param(MOMENT, {"told_same_at": AS_OF - 7 * 24 * HOUR}, Why.MOMENT, id="and is armed again after it"),
        pytest.param(MOMENT, {"told_lead_at": AS_OF - HOUR}, Why.MOMENT, id="now passes the lead's cooldown"),
        pytest.param(TODAY, {"told_lead_at": AS_OF - HOUR}, Why.LEAD_COOLING_DOWN, id="today does not"),
        pytest.param(MOMENT, {"cooling_until": AS_OF + HOUR}, Why.CLOSED, id="a rejected lead is left alone"),
        pytest.param(
            replace(MOMENT, happened_at=AS_OF - 49 * HOUR), {}, Why.STALE_MOMENT, id="what is long past is no moment"
        ),
        pytest.param(replace(MOMENT, urgency=Urgency.DIGEST), {}, Why.FOR_DIGEST, id="a digest moment waits for it"),
        pytest.param(CHECK_IN, {"open_deal": True, "eligible": False}, Why.CHECK_IN, id="a check-in asks no fit"),
        pytest.param(CHECK_IN, {"baseline": True}, Why.BASELINE, id="check-ins do not flood at first either"),
        pytest.param(
            replace(CHECK_IN, subject=Subject.USAGE_DROP, cooldown=Duration.of_days(30)),
            {"told_same_at": AS_OF - 29 * 24 * HOUR},
            Why.COOLING_DOWN,
            id="a drop in use is told once in its cooldown",
        ),
        pytest.param(EPISODE, {"quiet_until": AS_OF + HOUR}, Why.QUIET, id="a qualification waits for the morning"),
        pytest.param(MOMENT, {"quiet_until": AS_OF + HOUR}, Why.QUIET, id="what is urgent now wakes nobody either"),
        pytest.param(CHECK_IN, {"quiet_until": AS_OF + HOUR}, Why.QUIET, id="nor does a check-in"),
        pytest.param(EPISODE, {"quiet_until": AS_OF}, Why.FIRST_TIME, id="work begins at its very instant"),
        pytest.param(EPISODE, {"muted": MUTE}, Why.MUTED, id="a mute holds"),
        pytest.param(EPISODE, {"muted": MUTE, "open_deal": True}, Why.OPEN_DEAL, id="what never was due is not muted"),
        pytest.param(CHECK_IN, {"muted": MUTE}, Why.MUTED, id="a mute holds for customers too"),
        pytest.param(EPISODE, {"at_once": False}, Why.PREFERS_DIGEST, id="who wants a digest gets one"),
        pytest.param(MOMENT, {"at_once": False}, Why.MOMENT, id="but for what is urgent now"),
        pytest.param(
            MOMENT,
            {"told_moment_at": AS_OF - GATHER / 2},
            Why.GATHERING,
            id="a second moment is gathered",
        ),
        pytest.param(MOMENT, {"told_moment_at": AS_OF - GATHER}, Why.MOMENT, id="and told when they are over"),
        pytest.param(MOMENT, {"urgent_today": 5}, Why.OVER_URGENT_BUDGET, id="urgent moments have their own budget"),
        pytest.param(TODAY, {"urgent_today": 5}, Why.MOMENT, id="which the others do not share"),
        pytest.param(EPISODE, {"still_true": False}, Why.NO_LONGER_TRUE, id="what is over by then is not told"),
        pytest.param(
            replace(MOMENT, happened_at=AS_OF - HELD_FRESH, held_at=AS_OF - FRESH),
            {},
            Why.MOMENT,
            id="what was held over a long weekend is told",
        ),
        pytest.param(
            replace(MOMENT, happened_at=AS_OF - HELD_FRESH - HOUR, held_at=AS_OF - FRESH),
            {"muted": MUTE},
            Why.STALE_MOMENT,
            id="but not for ever",
        ),
        pytest.param(
            replace(EPISODE, subject=Subject.BASELINE), {"baseline": True}, Why.BASELINE_SUMMARY, id="the one summary"
        ),
    ],
)
def test_every_outcome_has_its_reason(candidate: Candidate, circumstances: dict[str, object], expected: Why) -> None:
    assert why(candidate, **circumstances) is expected


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert len({reason.value for reason in Why}) == len(Why)


def test_only_reasons_to_tell_send() -> None:
    assert {reason for reason in Why if reason.sends} == {
        Why.FIRST_TIME,
        Why.MOMENT,
        Why.CHECK_IN,
        Why.USAGE_DROP,
        Why.BASELINE_SUMMARY,
    }


@pytest.mark.parametrize(
    ("candidate", "circumstances", "due_at"),
    [
        pytest.param(EPISODE, {"quiet_until": AS_OF + HOUR}, AS_OF + HOUR, id="when work begins"),
        pytest.param(EPISODE, {"muted": MUTE}, MUTE.until, id="when the mute ends"),
        pytest.param(EPISODE, {"sent_today": 10, "next_day": AS_OF + 20 * HOUR}, AS_OF + 20 * HOUR, id="the next day"),
        pytest.param(MOMENT, {"told_moment_at": AS_OF}, AS_OF + GATHER, id="when moments have been gathered"),
        pytest.param(
            MOMENT,
            {"quiet_until": AS_OF + 300 * HOUR},
            MOMENT.happened_at + HELD_FRESH + GATHER,
            id="no later than when a moment is too old",
        ),
    ],
)
def test_what_waits_knows_until_when(candidate: Candidate, circumstances: dict[str, object], due_at: datetime) -> None:
    held = decision(candidate, **circumstances)
    assert held.why.waits
    assert held.due_at == due_at


def test_a_mute_is_told_with_who_asked_for_it_and_why() -> None:
    assert decision(EPISODE, muted=MUTE).words == "muted by mia@plotline.test: in talks"


INSTANTS = st.none() | st.timedeltas(timedelta(days=-9), timedelta(days=9)).map(lambda apart: AS_OF + apart)


@given(
    candidate=st.sampled_from([EPISODE, MOMENT, TODAY, CHECK_IN]),
    age=st.timedeltas(timedelta(), timedelta(days=12)),
    held=st.booleans(),
    flags=st.fixed_dictionaries({}, optional=dict.fromkeys(("eligible", "open_deal", "at_once"), st.booleans())),
    instants=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("told_lead_at", "told_moment_at", "quiet_until", "next_day", "snoozed_until"), INSTANTS
        ),
    ),
    counts=st.fixed_dictionaries({}, optional=dict.fromkeys(("sent_today", "urgent_today"), st.integers(0, 20))),
    muted=st.none() | st.just(MUTE),
)
def test_what_is_held_is_due_later_and_waits_no_longer_than_its_reasons(
    candidate: Candidate,
    age: timedelta,
    held: bool,
    flags: dict[str, bool],
    instants: dict[str, datetime | None],
    counts: dict[str, int],
    muted: Mute | None,
) -> None:
    happened = replace(candidate, happened_at=AS_OF - age, held_at=AS_OF - age if held else None)
    circumstances: dict[str, object] = {**flags, **instants, **counts, "muted": muted}
    decided = decision(happened, **circumstances)
    assert sum((decided.why.sends, decided.why.waits)) <= 1
    assert (decided.due_at is not None) == decided.why.waits
    if decided.due_at is not None:
        last = max([AS_OF + GATHER, MUTE.until, *(at + GATHER for at in instants.values() if at)])
        assert decided.due_at <= last
        assert decided.why is Why.OVER_BUDGET or decided.due_at > AS_OF


def test_a_mute_speaks_of_what_it_names_alone() -> None:
    about = {"lead_id": "a1", "recipient": "Mia@plotline.test", "topics": {"paywall_hit"}}

    def mutes(**names: str) -> bool:
        mute = replace(MUTE, lead_id="", **names)  # type: ignore[arg-type]
        return muting([mute], **about) is mute  # type: ignore[arg-type]

    assert mutes()
    assert muting([MUTE], **about) is MUTE  # type: ignore[arg-type]
    assert mutes(recipient="mia@plotline.test", topic="paywall_hit")
    assert not mutes(recipient="owen@plotline.test")
    assert not mutes(topic="trial_ending")
