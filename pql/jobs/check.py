"""What the usage database says of a project's SQL, as problems with file and line."""

from collections.abc import Sequence

from pql.config import Problem
from pql.config.settings import Project


def check_source(project: Project) -> Sequence[Problem]:
    """Ask the usage database about every relation and statement."""
    raise NotImplementedError
