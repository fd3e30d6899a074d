import pytest

from pql.domain.icp import Of, Subject
from tests.unit.domain.samples import criterion


@pytest.mark.parametrize(
    ("written", "of", "attribute", "said"),
    [
        ("employees", Of.ACCOUNT, "employees", "employees"),
        ("account.employees", Of.ACCOUNT, "employees", "employees"),
        ("user.role", Of.USER, "role", "user.role"),
        ("answer.budget", Of.ANSWER, "budget", "answer.budget"),
        ("custom.field", Of.ACCOUNT, "custom.field", "custom.field"),
    ],
)
def test_a_subject_is_read_from_its_prefix(written: str, of: Of, attribute: str, said: str) -> None:
    subject = Subject.parse(written)
    assert subject == Subject(of=of, attribute=attribute)
    assert str(subject) == said


def test_a_criterion_is_worth_its_best_band() -> None:
    assert criterion("size", "employees", ({"at_least": 9}, 10), ({"at_least": 1}, 30)).worth == 30
    assert criterion("size", "employees").worth == 0
