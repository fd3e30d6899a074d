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


class JsonLine(logging.Formatter):
    """`{"at": "2026-01-31T09:00:00.123Z", "level": "info", "message": "Sent a message", "action": ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON: the instant, the level, the words, and the record's own facts."""
        at = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03}Z"
        told = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        facts = {name: value for name, value in record.__dict__.items() if name not in _OWN}
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return json.dumps({**facts, **told}, default=str, ensure_ascii=False)


def log_to_stderr(*, as_json: bool = False) -> None:
    """Write the log to stderr, a line a record; libraries only from warnings on."""
    import time

    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonLine() if as_json else Line()
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("pql").setLevel(logging.INFO)
    # That a turn is left out while a job is under way is how it should be.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
