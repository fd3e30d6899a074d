"""Errors of others, told without secrets."""

from collections.abc import Iterable

from pql.notify.clean import one_line


def redact(text: object, secrets: Iterable[str]) -> str:
    """What was said, on one line of at most 300 characters, with each secret replaced by ***."""
    said = str(text)
    for secret in secrets:
        if secret:
            said = said.replace(secret, "***")
    return one_line(said, 300)
