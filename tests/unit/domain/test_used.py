from dataclasses import replace

from pql.domain.conditions import Condition
from pql.domain.icp import Exclusion, Icp, Persona
from pql.domain.measures.attribute import Attribute
from pql.domain.signals import Points
from pql.domain.used import used_attributes
from tests.unit.domain.samples import criterion, definitions, signal

IS_X = Condition(equals="x")


def test_whatever_a_definition_names_is_used() -> None:
    icp = Icp(
        criteria=(replace(criterion("size", "employees"), only_if={"country": IS_X, "answer.need": IS_X}),),
        grades={"A": 60, "B": 40, "C": 20},
        personas=(Persona(name="p", why="", when={"user.role": IS_X, "industry": IS_X}),),
        exclusions=(Exclusion(name="free", why="", free_mail=True),),
    )
    signals = (
        signal("gated", Points(worth=1), only_if={"source": IS_X}),
        signal("seats", Points(worth=1), measure=Attribute(of="seats")),
    )
    used = used_attributes(definitions(signals, icp=icp))
    assert used >= {"employees", "country", "industry", "domain", "source", "seats"}
    assert not used & {"role", "need", "name"}
