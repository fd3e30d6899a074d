"""One message to Slack: who is meant, is it there already, post it."""

import re
from datetime import timedelta
from typing import Any

from pql.config.settings import SlackSettings
from pql.domain.messages import Outgoing, Receipt
from pql.errors import DeliveryError
from pql.notify.payload import date_of, part_of, text_of
from pql.notify.slack.client import SlackClient
from pql.notify.slack.errors import THREAD_GONE

EVENT_TYPE = "pql_notification"
_PAGE, _PAGES = 200, 50
_CLOCKS_APART = timedelta(hours=1)  # ours may have been wrong at the first try, and have been set since
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,}")
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{2,}")
_REFERENCE = re.compile(r"([A-Z0-9]+):(\d+\.\d+)")


class SlackSender:
    """Posts; remembers which conversation an address is. Retries nothing."""

    def __init__(self, settings: SlackSettings) -> None:
        self._client = SlackClient(settings)
        self._conversations: dict[str, str] = {}

    def send(self, outgoing: Outgoing) -> Receipt:
        """Post the message, unless an earlier try that seemed to fail has left it there.

        Raises:
            DeliveryError: See `Channel.send`.
        """
        try:
            if outgoing.ambiguous and (found := self._left_by_an_earlier_try(outgoing)):
                return Receipt(reference=found, reconciled=True)
            return self._post_in_thread(outgoing) if _thread(outgoing) else self._post(outgoing)
        except DeliveryError as exc:
            if exc.permanent:  # the conversation may be another by the time that this is mended
                self._conversations.pop(outgoing.address, None)
            raise

    def _post_in_thread(self, outgoing: Outgoing) -> Receipt:
        channel, ts = _thread(outgoing) or ("", "")
        # What cannot wait is shown in the channel too: nobody looks into an old thread at once.
        urgent = (part_of(outgoing.payload, "alert") or {}).get("urgency") == "now"
        try:
            return self._post(outgoing, channel=channel, thread_ts=ts, reply_broadcast=urgent)
        except DeliveryError as exc:
            if exc.cause not in THREAD_GONE:
                raise
            return self._post(outgoing)  # somebody deleted the message above: this one stands alone

    def _post(self, outgoing: Outgoing, **where: object) -> Receipt:
        answer = self._client.call(
            "chat.postMessage",
            outgoing.address,
            posting=True,
            json={
                **(where or {"channel": self._target(outgoing.address)}),
                "text": text_of(outgoing.payload, "text"),
                "blocks": outgoing.payload.get("blocks"),
                "metadata": {"event_type": EVENT_TYPE, "event_payload": {"delivery_id": outgoing.delivery_id}},
                "unfurl_links": False,
                "unfurl_media": False,
            },
        )
        channel, ts = str(answer.get("channel", "")), str(answer.get("ts", ""))
        if channel and not where:
            self._conversations[outgoing.address] = channel
        return Receipt(reference=f"{channel}:{ts}")

    def _target(self, address: str) -> str:
        """What chat.postMessage takes: a channel's id or name as it is, a person as the conversation with them."""
        if address.startswith("#") or _CHANNEL_ID.fullmatch(address):
            return address
        if address not in self._conversations:
            self._conversations[address] = self._conversation_with(address)
        return self._conversations[address]

    def _conversation_with(self, address: str) -> str:
        user = address if _USER_ID.fullmatch(address) else self._user(address)
        opened = self._client.call("conversations.open", address, json={"users": user})
        return _id_in(opened, "channel")

    def _user(self, email: str) -> str:
        if "@" not in email:
            message = f"'{email}' is no Slack address; write #channel, an id like C0123 or U0123, or a person's email"
            raise DeliveryError(message, permanent=True, cause="bad_address", reach="address")
        return _id_in(self._client.call("users.lookupByEmail", email, params={"email": email}), "user")

    def _left_by_an_earlier_try(self, outgoing: Outgoing) -> str | None:
        try:
            return self._find(outgoing)
        except DeliveryError as exc:
            exc.ambiguous = True  # Slack could not be asked, so what was in doubt still is
            raise

    def _find(self, outgoing: Outgoing) -> str | None:
        """Where the message is, as `channel:ts`, if an earlier try has posted it."""
        if thread := _thread(outgoing):
            try:
                if found := self._find_in("conversations.replies", outgoing, thread[0], ts=thread[1]):
                    return found
            except DeliveryError as exc:
                if exc.cause not in THREAD_GONE:
                    raise
        return self._find_in("conversations.history", outgoing, self._conversation_id(outgoing.address))

    def _find_in(self, method: str, outgoing: Outgoing, channel: str, **asked: str) -> str | None:
        since = date_of(outgoing) - _CLOCKS_APART
        window = {"channel": channel, "oldest": f"{since.timestamp():.6f}", "include_all_metadata": True}
        for page in self._client.pages(method, outgoing.address, {**window, **asked}):
            for message in page.get("messages", ()):
                metadata = message.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == EVENT_TYPE and payload.get("delivery_id") == outgoing.delivery_id:
                    return f"{channel}:{message['ts']}"
        return None

    def _conversation_id(self, address: str) -> str:
        if not address.startswith("#"):
            return self._target(address)
        if address not in self._conversations:
            self._conversations[address] = self._channel_named(address)
        return self._conversations[address]

    def _channel_named(self, name: str) -> str:
        asked = {"types": "public_channel,private_channel", "exclude_archived": True}
        for page in self._client.pages("conversations.list", name, asked):
            for channel in page.get("channels", ()):
                if channel.get("name") == name.removeprefix("#"):
                    return str(channel["id"])
        message = f"Slack has no channel {name}, or the app may not see it; correct config/routing.yml"
        raise DeliveryError(message, permanent=True, cause="channel_not_found", reach="address")


def _thread(outgoing: Outgoing) -> tuple[str, str] | None:
    """The conversation and the first message of a thread, out of `channel:ts`."""
    match = _REFERENCE.fullmatch(outgoing.thread)
    return (match[1], match[2]) if match else None


def _id_in(answer: dict[str, Any], key: str) -> str:
    found = answer.get(key)
    if not isinstance(found, dict) or not found.get("id"):
        raise DeliveryError(f"Slack's answer names no {key}; trying again later")
    return str(found["id"])
