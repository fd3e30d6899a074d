"""notifiers/<channel>/channel.yml: how a channel is reached."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from pql.config.settings import EmailSettings, FileSettings, SlackSettings, WebhookSettings
from pql.config.shapes.base import Shape, Text, form, positive, wrong
from pql.domain.durations import Duration


def _port(written: Any) -> Any:
    # What comes from the environment is text.
    return int(written) if isinstance(written, str) and written.isdecimal() and len(written) <= 6 else written


Port = Annotated[int, Field(ge=1, le=65_535), BeforeValidator(_port)]
HttpUrl = Annotated[str, form(r"https?://\S+", "an http or https address")]


def _secret(written: str) -> str:
    # Never repeated in the message.
    if written and not _SECRET.fullmatch(written):
        raise wrong("C018", "a secret is not whsec_ and 24 to 64 bytes of base64", f"make one: {_MAKE_SECRET}")
    return written


_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}")
_MAKE_SECRET = "echo whsec_$(openssl rand -base64 32)"  # noqa: S105 - how to make one
Secret = Annotated[str, AfterValidator(_secret)]
Timeout = Annotated[Duration, positive("a timeout")]


class ChannelFile(Shape):
    """The settings of a channel."""

    def build(self, folder: Path) -> SlackSettings | EmailSettings | WebhookSettings | FileSettings:
        """The settings; relative paths start at the project's folder."""
        raise NotImplementedError


class SlackChannelFile(ChannelFile):
    """Slack: messages to people and channels through a bot."""

    token: Text = Field(description="The bot's token, from the environment: `${SLACK_BOT_TOKEN}`.")
    base_url: HttpUrl = Field(default="https://slack.com/api/", description="Where Slack's API is.")
    timeout: Timeout = Field(default=Duration(10), description="How long one call may take.")

    def build(self, folder: Path) -> SlackSettings:
        del folder
        return SlackSettings(token=self.token, base_url=self.base_url, timeout=self.timeout)


class EmailChannelFile(ChannelFile):
    """Email through an SMTP server."""

    host: Text = Field(description="The SMTP server.")
    port: Port = Field(description="Its port: 587 for starttls, 465 for tls.")
    security: Literal["starttls", "tls", "none"] = Field(description="none: only for tests and local relays.")
    sender: Text = Field(description="The From address, like `PQL <pql@example.com>`.")
    username: str = Field(default="", description="The user name, if the server wants one.")
    password: str = Field(default="", description="The password, from the environment: `${SMTP_PASSWORD}`.")
    ca_file: str = Field(default="", description="A file of certificates to trust instead of the system's.")
    timeout: Timeout = Field(default=Duration(20), description="How long one call may take.")

    def build(self, folder: Path) -> EmailSettings:
        del folder
        return EmailSettings(
            host=self.host,
            port=self.port,
            security=self.security,
            sender=self.sender,
            username=self.username,
            password=self.password,
            ca_file=self.ca_file,
            timeout=self.timeout,
        )


class WebhookChannelFile(ChannelFile):
    """A webhook: messages as signed JSON, to a program of yours."""

    url: HttpUrl = Field(description="Where to post, from the environment: `${PQL_WEBHOOK_URL}`.")
    secrets: tuple[Secret, ...] = Field(
        description="What messages are signed with, from the environment: `${PQL_WEBHOOK_SECRET}`. Each signs; empty "
        "ones are passed over."
    )
    allow_http: bool = Field(default=False, description="True: `url` may be http, for receivers within your network.")
    allow_private: tuple[Text, ...] = Field(
        default=(),
        description="Host names and networks (`10.1.0.0/16`) to post to although they are not on the public internet.",
    )
    ca_file: str = Field(default="", description="A file of certificates to trust instead of the system's.")
    timeout: Timeout = Field(default=Duration(10), description="How long one call may take, from start to end.")

    @field_validator("secrets")
    @classmethod
    def _at_least_one(cls, secrets: tuple[str, ...]) -> tuple[str, ...]:
        if not any(secrets):
            raise wrong("C018", "there is no secret", f"make one: {_MAKE_SECRET}")
        return tuple(secret for secret in secrets if secret)

    def build(self, folder: Path) -> WebhookSettings:
        del folder
        return WebhookSettings(
            url=self.url,
            secrets=self.secrets,
            allow_http=self.allow_http,
            allow_private=self.allow_private,
            ca_file=self.ca_file,
            timeout=self.timeout,
        )


class FileChannelFile(ChannelFile):
    """The file channel: messages are written into a folder; needs no account anywhere."""

    folder: Text = Field(description="The folder, from the project's: `var/outbox`.")

    def build(self, folder: Path) -> FileSettings:
        return FileSettings(folder=folder / self.folder)


CHANNEL_FILES: Mapping[str, type[ChannelFile]] = {
    "slack": SlackChannelFile,
    "email": EmailChannelFile,
    "webhook": WebhookChannelFile,
    "file": FileChannelFile,
}
