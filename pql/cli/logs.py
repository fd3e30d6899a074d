"""Logs of a running service: one line each, with what machines look for behind it."""

import json
import logging
import sys

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class Line(logging.Formatter):
    """`2026-01-31T09:00:00Z info Sent a message {"action": "message_sent", ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of text, with the record's extra facts as JSON at its end."""
        extra = {name: value for name, value in record.__dict__.items() if name not in _OWN}
        facts = f" {json.dumps(extra, default=str, sort_keys=True)}" if extra else ""
        text = (
            f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%SZ')} {record.levelname.lower()} {record.getMessage()}{facts}"
        )
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def log_to_stderr() -> None:
    """Write the log to stderr; libraries only from warnings on."""
    import time

    handler = logging.StreamHandler(sys.stderr)
    formatter = Line()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("pql").setLevel(logging.INFO)
