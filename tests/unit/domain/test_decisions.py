from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pql.domain.decisions import Candidate, Circumstances, Why, decide
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.domain.moments import Urgency

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
PLAIN = Circumstances()


def why(candidate: Candidate, **circumstances: object) -> Why:
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
