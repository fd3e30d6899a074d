"""The starter's own templates, and the alerts that tests render with them."""

from collections.abc import Mapping
from pathlib import Path

from pql.domain.messages import Alert, Outgoing, Rendered, Subject
from pql.notify.samples import SAMPLES

ROOT = Path(__file__).parents[1]


def starter_templates() -> Mapping[str, Mapping[str, str]]:
    """As `Notifiers.templates` has them."""
    return {
        folder.name: {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.j2")}
        for folder in (ROOT / "notifiers").iterdir()
        if folder.is_dir()
    }


def sample(subject: Subject = Subject.QUALIFICATION) -> Alert:
    return SAMPLES[subject]


def outgoing(rendered: Rendered, address: str = "mia@plotline.test", delivery_id: str = "delivery-1") -> Outgoing:
    return Outgoing(delivery_id=delivery_id, channel=rendered.channel, address=address, payload=rendered.payload)
