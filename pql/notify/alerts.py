"""An alert as JSON and back: it stands beside what was rendered, so that another channel can tell it too."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum

from pydantic import TypeAdapter, ValidationError

from pql.domain.messages import Alert, Rendered
from pql.notify.clean import clean
from pql.notify.payload import part_of

KEY = "alert"
_ALERT = TypeAdapter(Alert)


def with_alert(channel: str, alert: Alert, payload: Mapping[str, object]) -> Rendered:
    """What a channel made of an alert, and the alert itself under `alert`, cleaned."""
    return Rendered(channel=channel, payload={**payload, KEY: _plain(clean(alert))})


def alert_of(payload: Mapping[str, object]) -> Alert | None:
    """The alert that a message was made of; None in a message of another version, or of nobody's."""
    stored = part_of(payload, KEY)
    if stored is None:
        return None
    try:
        return _ALERT.validate_python(stored)
    except ValidationError:
        return None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    return value
