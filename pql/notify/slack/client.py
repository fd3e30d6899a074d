"""Slack's API: one call at a time, its failures as `DeliveryError`, nothing retried."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from pql.config.settings import SlackSettings
from pql.errors import DeliveryError
from pql.notify.slack.errors import BROKEN, broken, refused

PAGE, PAGES = 200, 50


class SlackClient:
    """Calls with slack-sdk."""

    def __init__(self, settings: SlackSettings) -> None:
        # At debug level slack-sdk logs whole messages, and at error level what our own errors say anyway.
        silent = logging.getLogger("pql.notify.slack.client")
        silent.setLevel(logging.CRITICAL + 1)
        self._client = WebClient(
            token=settings.token,
            base_url=settings.base_url,
            timeout=settings.timeout.seconds,
            retry_handlers=[],
            logger=silent,
        )
        # slack-sdk takes a proxy from the environment without regard to NO_PROXY; urllib below it heeds both.
        self._client.proxy = None
        self._token = settings.token

    def call(self, method: str, about: str, *, posting: bool = False, **arguments: Any) -> dict[str, Any]:
        """An answer's content.

        Args:
            method: As Slack calls it.
            about: The address, for errors.
            posting: Whether it puts a message into Slack.
            arguments: As slack-sdk takes them: `json` or `params`.

        Raises:
            DeliveryError: There was no answer, or it is not "ok".
        """
        return self.ask(method, about, posting=posting, **arguments)[0]

    def ask(
        self, method: str, about: str, *, posting: bool = False, **arguments: Any
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """An answer's content, and its headers by name in small letters; see `call`."""
        try:
            answer = self._client.api_call(method, **arguments)
        except SlackApiError as exc:
            raise refused(exc, method=method, about=about, posting=posting, token=self._token) from exc
        except BROKEN as exc:
            raise broken(exc, method=method, posting=posting, token=self._token) from exc
        data: dict[str, Any] = answer.data if isinstance(answer.data, dict) else {}
        return data, {name.lower(): value for name, value in answer.headers.items()}

    def pages(self, method: str, about: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The pages of an answer; see `call`.

        Raises:
            DeliveryError: There are more than anybody would look through; permanent.
        """
        cursor = ""
        for _ in range(PAGES):
            page = self.call(method, about, params={**asked, "limit": PAGE, "cursor": cursor})
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return
        raise DeliveryError(
            f"{method} for {about} has more than {PAGE * PAGES} entries since the first try; "
            "look there by hand whether the message arrived",
            permanent=True,
        )
