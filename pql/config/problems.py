"""Problems in a project's files: one line each, with a code that never changes meaning.

`CODES` is the registry. Each code has its heading in docs/problems.md and a bad file in the tests.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pql.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for.

    Args:
        title: What is wrong, in a few words; the heading in docs/problems.md.
        source: True when only the usage database can tell: found by `pql check` with a connection.
    """

    title: str
    source: bool = False


CODES: Mapping[str, Code] = {
    # The file itself
    "C001": Code(title="No such file"),
    "C002": Code(title="Not UTF-8 text"),
    "C003": Code(title="File cannot be read"),
    "C004": Code(title="YAML syntax"),
    "C005": Code(title="Key written twice"),
    "C006": Code(title="Empty file"),
    "C007": Code(title="Too large or too deep"),
    "C008": Code(title="File in the wrong place"),
    # Its shape
    "C010": Code(title="Wrong type"),
    "C011": Code(title="Unknown key"),
    "C012": Code(title="Missing key"),
    "C013": Code(title="Not one of the words allowed"),
    "C014": Code(title="Unknown operator"),
    "C015": Code(title="Condition cannot be read"),
    "C016": Code(title="Duration cannot be read"),
    "C017": Code(title="Number or length out of range"),
    "C018": Code(title="Written in the wrong form"),
    "C019": Code(title="Keys that do not go together"),
    # References
    "C020": Code(title="Unknown tier"),
    "C021": Code(title="Group without a cap"),
    "C022": Code(title="Unknown rep"),
    "C023": Code(title="Channel not set up"),
    "C024": Code(title="SQL file not found"),
    "C025": Code(title="Python function not found"),
    "C026": Code(title="Python file fails"),
    "C027": Code(title="Unknown relation"),
    "C028": Code(title="Unknown time zone"),
    "C029": Code(title="Unknown stage"),
    "C030": Code(title="Unknown fit, grade or band"),
    "C031": Code(title="Channel without an address"),
    "C032": Code(title="Unknown country of holidays"),
    "C033": Code(title="Unknown team"),
    "C034": Code(title="Unknown signal or moment"),
    "C038": Code(title="Unknown signal"),
    # Names
    "C040": Code(title="Name used twice"),
    "C041": Code(title="Name differs from the file's"),
    # Thresholds
    "C050": Code(title="Always holds"),
    "C051": Code(title="Can never hold"),
    "C052": Code(title="Scale without a slope"),
    "C053": Code(title="Steps out of order"),
    "C054": Code(title="Lifespan beyond the window"),
    "C055": Code(title="Operator not for rows"),
    "C056": Code(title="Leave bar above the enter bar"),
    # Templates
    "C060": Code(title="Template cannot be read"),
    "C061": Code(title="Template does not render"),
    "C062": Code(title="Message template cannot be used"),
    "C063": Code(title="SQL template does not render"),
    "C064": Code(title="SQL without :as_of"),
    # Environment and secrets
    "C070": Code(title="Variable not set"),
    "C071": Code(title="Secret written in the file"),
    "C072": Code(title="Database address cannot be read"),
    # What the usage database says
    "C080": Code(title="SQL rejected by the database", source=True),
    "C081": Code(title="Missing column", source=True),
    "C082": Code(title="Missing relation"),
    "C083": Code(title="Database cannot be reached", source=True),
    "C084": Code(title="Definition reads an unknown column", source=True),
    "C085": Code(title="Column of the wrong type", source=True),
    "C086": Code(title="Column that is always empty", source=True),
}

# The codes of what the usage database says, by the finding's word; of columns there are two.
_SOURCE_CODES = {
    "sql": "C080",
    "column": "C081",
    "relation": "C082",
    "connection": "C083",
    "type": "C085",
    "empty": "C086",
    "as_of": "C064",
    "filter": "C055",
}


def source_code(what: str, path: str) -> str:
    """The code for something that was found in the usage database.

    Args:
        what: The word of the finding: connection, relation, sql, column, type, empty, as_of or filter.
        path: The file that it is told of: a column may be missing in a SELECT, or for a definition.
    """
    return "C084" if what == "column" and not path.startswith("sql/") else _SOURCE_CODES[what]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something in a file that somebody has to mend.

    Args:
        path: Relative to the project's folder, with `/`.
        line: From 1.
        column: From 1.
        code: One of `CODES`.
        message: What is wrong, with which value; never a secret.
        hint: How to mend it; "" where the message says it all.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        # One problem is one line, whatever the file holds.
        text = " ".join(f"{self.message}{hint}".split())
        return f"{self.path}:{self.line}:{self.column}: {self.code} {text}"


class ConfigProblems(ConfigError):
    """The project's files cannot be used.

    Args:
        problems: All that were found, in the order of files and lines; at least one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
