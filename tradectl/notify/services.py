"""Send messages to Telegram, mail and about a hundred other services by apprise URLs (`tgram://bot_token/chat_id`).

The URLs are secrets of a user (`notify.urls`), so their parts are removed from every error message.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.control_characters import lines, one_line
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from apprise import Apprise

TRIES = 3


class ServiceNotifier:
    """Send each message to every service, with up to `TRIES` tries. A message counts as delivered if one service accepts it.

    `trouble`: why the last message did not reach all services; empty if it did. `pause`: seconds before the second try.
    """

    interrupts = True

    def __init__(self, urls: Sequence[str], *, pause: float = 0.5) -> None:
        """Raise UsageError for a URL that apprise does not accept. The message has the position of the URL, not its text."""
        import apprise

        self._pause = pause
        self._services: list[Apprise] = []
        self._secrets = [part for url in urls for part in re.split(r"[/:@?&=,]+", url.split("://", 1)[-1]) if len(part) >= 6]
        self.trouble = ""
        for place, url in enumerate(urls, start=1):
            service = apprise.Apprise()
            if not service.add(url):
                raise UsageError(f"notify.urls: URL number {place} is not of a service that apprise supports")
            self._services.append(service)

    def send(self, title: str, body: str) -> bool:
        """Return True if at least one service accepted the message. Does not raise for a service that is down."""
        import apprise

        title, body = one_line(title), lines(body)
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
            delivered = [self._send_with_retries(service, title, body) for service in self._services]
            self.trouble = "" if all(delivered) else self._scrubbed(captured)
        return any(delivered)

    def send_picture(self, title: str, body: str, picture: Path) -> str:
        """Send a PNG once to every service that takes pictures: a photo with a caption, or a mail with an attachment.

        Return why it did not arrive, empty if it arrived at one of them.
        """
        import apprise

        if not picture.is_file():
            return "the file of the picture is gone"
        able = [service for service in self._services if any(plugin.attachment_support for plugin in service)]
        if not able:
            return "no service of notify.urls takes pictures"
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
            delivered = [
                service.notify(
                    title=one_line(title), body=lines(body), body_format=apprise.NotifyFormat.TEXT, attach=str(picture)
                )
                for service in able
            ]
            return "" if any(delivered) else self._scrubbed(captured)

    def _send_with_retries(self, service: Apprise, title: str, body: str) -> bool:
        from apprise import NotifyFormat
        from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(multiplier=self._pause, max=5),
            retry=retry_if_result(lambda taken: not taken),
            retry_error_callback=lambda _state: False,
        )
        return bool(retrying(service.notify, title=title, body=body, body_format=NotifyFormat.TEXT))

    def _scrubbed(self, captured: StringIO) -> str:
        text = " ".join(captured.getvalue().split()) or "the service did not accept the message"
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:300]
