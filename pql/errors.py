"""What can go wrong, as classes.

PqlError
├── ConfigError          the project's files cannot be used; carries every problem found
├── WarehouseError       the usage tables cannot be read as asked
│   ├── SourceUnreachable    no connection: a retry later may help
│   ├── SourceMismatch       a relation or a column is missing, or the SQL is rejected
│   └── RollupUnavailable    the rollup's file or schema cannot be used now
├── StateError           what we remember cannot be read or written
│   ├── MigrationPending     the state database is older or newer than the program
│   ├── RunConflict          another run holds the state, or time would run backwards
│   └── OutcomeRefused       what a rep says of a lead does not fit how it stands
└── DeliveryError        a channel refused a message; says whether a retry can help

A message says what happened, with which value, and what to do.
"""

from typing import Literal, TypeAlias

Reach: TypeAlias = Literal["message", "address", "people", "endpoint", "channel"]


class PqlError(Exception):
    """Something that the reader of the message can mend."""


class ConfigError(PqlError):
    """The project's files cannot be used; run `pql check` to see every problem."""


class WarehouseError(PqlError):
    """The usage tables cannot be read as asked."""


class SourceUnreachable(WarehouseError):
    """The usage database does not answer."""


class SourceMismatch(WarehouseError):
    """A relation or a column is missing, or the source rejects a statement."""


class RollupUnavailable(WarehouseError):
    """The rollup cannot be opened, written, or is in use by another job."""


class StateError(PqlError):
    """The state database cannot be read or written."""


class MigrationPending(StateError):
    """The state database has another shape than the program expects; run `pql migrate`."""


class RunConflict(StateError):
    """Another run holds the state, or the run would go back in time."""


class OutcomeRefused(StateError):
    """There is nothing to claim, snooze or close, or somebody else holds it."""


class DeliveryError(PqlError):
    """A channel refused a message.

    Args:
        message: What the channel said, without secrets.
        permanent: True when no retry can help.
        retry_after: Seconds that the channel asked us to wait, if it did.
        ambiguous: True when the channel may have taken the message although we saw a failure.
        cause: Of a permanent error, a word that stays the same while it lasts: "not_in_channel".
        cure: What to do, where it is known; the message ends with it.
        reach: Of a permanent error, what it stops: messages of this kind, all to its address, all to people (who
            are looked up), all to the one endpoint that a channel has, or the channel itself, until somebody mends it.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        ambiguous: bool = False,
        cause: str = "",
        cure: str = "",
        reach: Reach = "message",
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.cause = cause
        self.cure = cure
        self.reach = reach
