"""The checks that need more than one key or file to see: each takes the parts of a project and yields problems."""

from collections.abc import Iterator

from pql.config import sql
from pql.config.checks import names, references, texts, thresholds
from pql.config.parts import Parts
from pql.config.problems import Problem

CHECKS = (*names.CHECKS, *references.CHECKS, *thresholds.CHECKS, *texts.CHECKS, sql.templates)


def check_parts(parts: Parts) -> Iterator[Problem]:
    """All problems that the checks find."""
    for check in CHECKS:
        yield from check(parts)
