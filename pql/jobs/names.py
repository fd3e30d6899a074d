"""Names that people type: whichever case, and the near ones where there is none."""

from collections.abc import Sequence
from difflib import get_close_matches

from pql.errors import PqlError


class NameUnknown(PqlError):
    """Nothing has this name."""


def known_name(text: str, names: Sequence[str], kind: str) -> str:
    """The one of some names that a text means, whatever its case.

    Raises:
        NameUnknown: None; the near ones are named.
    """
    found = next((name for name in names if name.casefold() == text.strip().casefold()), None)
    if found is not None:
        return found
    near = get_close_matches(text, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(sorted(names))}"
    raise NameUnknown(f"No {kind} is called '{text}'{hint}")
