"""A channel's refusal as a finding of the doctor."""

from pql.domain.health import Examined, failed
from pql.errors import DeliveryError


def failing(what: str, error: DeliveryError) -> Examined:
    """What was refused, with the cure apart."""
    words = str(error).removesuffix(f"; {error.cure}") if error.cure else str(error)
    if not error.permanent:
        words = words.removesuffix("; trying again later")
    return failed(what, words, error.cure or "try again later; if it stays so, ask who runs it")
