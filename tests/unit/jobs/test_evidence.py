from pql.domain.signals import Points
from pql.jobs.evidence import evidence_of, evidence_words
from tests.integration.store.samples import evaluation
from tests.unit.domain.samples import definitions, signal

DEFINITIONS = definitions((signal("breadth", Points(worth=60)),))


def test_an_episode_keeps_its_strongest_signals_as_codes_and_numbers() -> None:
    kept, nothing = evidence_of(
        evaluation({"a": {"breadth": 9.0, "behaviour": 41.237}, "b": {"behaviour": 0}}), ["a", "b"]
    )
    assert kept["reasons"] == [{"signal": "breadth", "value": 9, "points": 41.24}]
    assert kept["fit"] == {"size": 30, "industry": None}
    assert nothing["reasons"] == []
    assert evidence_of(evaluation({"a": {}}), []) == []


def test_evidence_is_worded_when_it_is_read() -> None:
    (said,) = evidence_words(DEFINITIONS, {"reasons": [{"signal": "breadth", "value": 9, "points": 12.5}]})
    assert said.endswith("(12.5 points)")
    assert DEFINITIONS.signals[0].measure.words(9) in said


def test_evidence_of_a_signal_that_is_gone_and_of_an_older_program_is_read_as_it_stands() -> None:
    old = {"signal": "gone", "title": "Old", "words": "9 things", "points": 3.0}
    assert evidence_words(DEFINITIONS, {"reasons": [old, {"signal": "gone", "value": 2, "points": 1.0}]}) == (
        "Old: 9 things (3.0 points)",
        "gone: 2 (1.0 points)",
    )
    assert evidence_words(DEFINITIONS, {}) == ()
