"""The rows of the activity log while they are being made, as columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pql.demo.course import FEATURES, LOCKED

MODULES = (*FEATURES, *LOCKED, "projects", "seats")
ACTIONS = (
    "signed_in", "page_opened", "chart_viewed", "chart_built", "query_run", "comment_written", "export_made",
    "report_shared", "action_failed", "paywall_viewed", "pricing_viewed", "upgrade_clicked", "project_created",
    "credits_purchased", "integration_connected", "integration_synced", "api_called", "member_invited",
    "member_joined", "workspace_set_up", "upgrade_wall_shown",
)  # fmt: skip
DETAILS = (
    '{"surface": "web"}',
    '{"surface": "mobile"}',
    '{"provider": "jira"}',
    '{"provider": "github"}',
    '{"provider": "sheets"}',
    '{"provider": "salesforce"}',
    '{"provider": "slack"}',
    '{"provider": "warehouse"}',
)
WEB, MOBILE, PROVIDERS = 0, 1, tuple(range(2, 8))
NOBODY = -1


def action(name: str) -> int:
    """The number of an action."""
    return ACTIONS.index(name)


def module(name: str) -> int:
    """The number of a module."""
    return MODULES.index(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Columns of equal length; -1 is null (NaN for `amount`); `at` and `received` are microseconds since 1970."""

    account: npt.NDArray[np.int32]
    member: npt.NDArray[np.int32]
    at: npt.NDArray[np.int64]
    action: npt.NDArray[np.int8]
    module: npt.NDArray[np.int8]
    amount: npt.NDArray[np.float64]
    detail: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def of(
        cls,
        *,
        account: npt.ArrayLike,
        at: npt.ArrayLike,
        action: npt.ArrayLike,
        member: npt.ArrayLike = NOBODY,
        module: npt.ArrayLike = NOBODY,
        amount: npt.ArrayLike = np.nan,
        detail: npt.ArrayLike = NOBODY,
    ) -> Self:
        """Columns from arrays, or from one value for all rows."""
        shape = np.shape(at)

        def column(values: npt.ArrayLike, kind: type[Any]) -> npt.NDArray[Any]:
            return np.ascontiguousarray(np.broadcast_to(np.asarray(values).astype(kind), shape))

        return cls(
            account=column(account, np.int32),
            member=column(member, np.int32),
            at=column(at, np.int64),
            action=column(action, np.int8),
            module=column(module, np.int8),
            amount=column(amount, np.float64),
            detail=column(detail, np.int8),
        )

    @classmethod
    def concat(cls, parts: "Sequence[Self]") -> Self:
        """One log of several."""
        return cls(**{part.name: np.concatenate([getattr(log, part.name) for log in parts]) for part in fields(cls)})

    def take(self, chosen: npt.NDArray[Any]) -> Self:
        """The rows at these places, or where the mask is true."""
        return type(self)(**{part.name: getattr(self, part.name)[chosen] for part in fields(self)})
