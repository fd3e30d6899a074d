"""What Slack's refusals mean: whether a retry can help, and what to do if not."""

import http.client
import json
import re
from collections.abc import Mapping
from urllib.error import URLError

from slack_sdk.errors import SlackApiError, SlackRequestError

from pql.errors import DeliveryError, Reach
from pql.notify.redact import redact

_INVITE = "invite the app to the channel: /invite @PQL"
_RENEW = "make a new bot token for the app and set it where channel.yml takes it from (SLACK_BOT_TOKEN)"
_SHAPE = "this is a fault of the template or of PQL: check notifiers/slack with `pql check`, and report it"
CURES: Mapping[str, str] = {
    "channel_not_found": "no such channel, or it is private; correct config/routing.yml, or " + _INVITE,
    "not_in_channel": _INVITE,
    "is_archived": "the channel is archived; name another in config/routing.yml",
    "restricted_action": "the workspace does not let apps post there; ask its admin, or name another channel",
    "invalid_auth": "Slack does not know the token; " + _RENEW,
    "not_authed": "no token was sent; " + _RENEW,
    "token_revoked": "the token was revoked; " + _RENEW,
    "token_expired": "the token has expired; " + _RENEW,
    "account_inactive": "the app was removed from the workspace; install it again, then " + _RENEW,
    "missing_scope": "add the scope to the app (docs/slack-app-manifest.yml has all), and install it again",
    "users_not_found": "nobody in Slack has this address; correct the rep's email, or give the rep a slack_id",
    "user_not_found": "nobody in Slack has this id; correct the rep's slack_id",
    "user_disabled": "this person left the workspace; mark the rep as inactive",
    "cannot_dm_bot": "the address is a bot's; give a person's",
    "invalid_blocks": _SHAPE,
    "invalid_blocks_format": _SHAPE,
    "msg_blocks_too_long": _SHAPE,
    "msg_too_long": _SHAPE,
    "no_text": _SHAPE,
    "metadata_too_large": _SHAPE,
}
_PASSING = {
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "accesslimited",
    "message_limit_exceeded",
}
THREAD_GONE = {"thread_not_found", "message_not_found", "invalid_thread_ts", "cannot_reply_to_message"}
_OF_ALL = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "org_login_required"}
_OF_ADDRESS = {
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "restricted_action",
    "users_not_found",
    "user_not_found",
    "user_disabled",
    "cannot_dm_bot",
}
_AS_IT_MAY_HAVE_WORKED = {"internal_error", "fatal_error", "request_timeout"}
_CODE = re.compile(r"[a-z][a-z0-9_]*")

BROKEN = (OSError, http.client.HTTPException, SlackRequestError, AttributeError, TypeError, ValueError)
"""What slack-sdk lets through when there is no answer, half of one, or one that is none of Slack's."""


def refused(exc: SlackApiError, *, method: str, about: str, posting: bool, token: str) -> DeliveryError:
    """An answer that is not "ok".

    Args:
        exc: What slack-sdk made of the answer.
        method: The method called.
        about: The address, for the message.
        posting: Whether the call puts a message into Slack, so that a doubtful failure may have worked.
        token: Kept out of the message.
    """
    status, headers, data = exc.response.status_code, exc.response.headers, exc.response.data
    answer = data if isinstance(data, Mapping) else {}
    code = str(answer.get("error", ""))
    where = f"Slack {method} for {redact(about, [token])}"
    if status == http.client.TOO_MANY_REQUESTS or code in {"ratelimited", "rate_limited"}:
        return DeliveryError(f"{where}: too many requests; trying again later", retry_after=_retry_after(headers))
    if status >= http.client.INTERNAL_SERVER_ERROR or not _CODE.fullmatch(code):
        said = f"{where}: Slack answered {status} without a reason; trying again later"
        return DeliveryError(said, retry_after=_retry_after(headers), ambiguous=posting)
    if code in _PASSING:
        doubtful = posting and code in _AS_IT_MAY_HAVE_WORKED
        return DeliveryError(f"{where}: {code}; trying again later", ambiguous=doubtful)
    message = f"{where}: {code}{_details(answer, token)}; {_cure(code)}"
    return DeliveryError(message, permanent=True, cause=code, cure=_cure(code), reach=_reach(code, method))


def _reach(code: str, method: str) -> Reach:
    if code in _OF_ALL:
        return "channel"
    if code == "missing_scope":
        return (
            "channel"
            if method.startswith("chat.")
            else "people"
            if "open" in method or "users" in method
            else "address"
        )
    return "address" if code in _OF_ADDRESS else "message"


def _cure(code: str) -> str:
    return CURES.get(code, f"see https://docs.slack.dev/reference/methods/chat.postMessage for {code}")


def _details(answer: Mapping[str, object], token: str) -> str:
    needed, more = answer.get("needed"), answer.get("response_metadata")
    said = f"needed: {needed}" if needed else ""
    if isinstance(more, Mapping) and more.get("messages"):
        said = json.dumps(more["messages"], ensure_ascii=False)
    return f" ({redact(said, [token])})" if said else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after" and str(value).strip().isdigit():
            return float(value)
    return None


def broken(exc: Exception, *, method: str, posting: bool, token: str) -> DeliveryError:
    """No answer, half of one, or one that is no JSON. Only what was sent whole may have been taken."""
    reason = exc.reason if isinstance(exc, URLError) else exc
    # urllib wraps what fails up to the end of sending, and nothing later. A reset there may follow the last byte.
    unsent = isinstance(exc, URLError) and not isinstance(reason, ConnectionResetError | BrokenPipeError)
    said = f"{type(reason).__name__}: {redact(reason, [token])}"
    doubtful = posting and not unsent
    return DeliveryError(f"Slack {method} gave no answer ({said}); trying again later", ambiguous=doubtful)
