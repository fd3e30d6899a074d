"""notifiers/<channel>/channel.yml: how a channel is reached."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pql.config.settings import EmailSettings, FileSettings, SlackSettings
from pql.config.shapes.base import Shape, Text, form, positive
from pql.domain.durations import Duration


def _port(written: Any) -> Any:
    # What comes from the environment is text.
    return int(written) if isinstance(written, str) and written.isdecimal() and len(written) <= 6 else written


Port = Annotated[int, Field(ge=1, le=65_535), BeforeValidator(_port)]
HttpUrl = Annotated[str, form(r"https?://\S+", "an http or https address")]
Timeout = Annotated[Duration, positive("a timeout")]


class ChannelFile(Shape):
    """The settings of a channel."""

    def build(self, folder: Path) -> SlackSettings | EmailSettings | FileSettings:
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


class FileChannelFile(ChannelFile):
    """The file channel: messages are written into a folder; needs no account anywhere."""

    folder: Text = Field(description="The folder, from the project's: `var/outbox`.")

    def build(self, folder: Path) -> FileSettings:
        return FileSettings(folder=folder / self.folder)


CHANNEL_FILES: Mapping[str, type[ChannelFile]] = {
    "slack": SlackChannelFile,
    "email": EmailChannelFile,
    "file": FileChannelFile,
}
