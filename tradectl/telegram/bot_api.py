"""Call the methods of Telegram's Bot API that tradectl uses: getMe, getUpdates and sendMessage.

The address of a request contains the bot's token, so no error message contains an address or a text of `requests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tradectl.brokers.http import strict_json
from tradectl.errors import ConfigurationError, TradectlError

if TYPE_CHECKING:
    from requests import Session

CONNECT, READ = 10.0, 10.0
"""Seconds for a connection, and for one part of a reply beyond the time that a long poll waits."""
LARGEST = 4 << 20
"""The most bytes of a reply. A hundred updates with the longest texts are smaller."""
LONGEST_WAIT = 3600.0
"""The most seconds that a reply 429 can hold requests back."""
DEFAULT_WAIT = 5.0
"""Seconds to wait after a failure without a time from Telegram."""
LONGEST_TEXT = 4096
"""The most characters of a message."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class TelegramUnavailable(TradectlError):
    """Telegram did not reply, or not with a valid reply. `wait`: seconds before the next request."""

    exit_code = 6
    retryable = True

    def __init__(self, message: str, *, wait: float = DEFAULT_WAIT) -> None:
        super().__init__(message)
        self.wait = wait


class TooManyRequests(TelegramUnavailable):
    """Telegram replied 429. `wait` is its retry_after."""


class PollConflict(TelegramUnavailable):
    """Another process polls the updates of this bot."""


class MessageRefused(TradectlError):
    """Telegram does not deliver this message: the chat blocked the bot, or it does not exist."""


class BotApi:
    """The Bot API at one address with one token."""

    def __init__(self, address: str, token: str) -> None:
        """Raise ConfigurationError for an address without TLS outside this machine, because the token would be readable."""
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise ConfigurationError("telegram in tradectl.toml must be an https address, or http on this machine")
        self._address, self._token = address, token

    @cached_property
    def _session(self) -> Session:
        import requests

        from tradectl.brokers.http.deadline import DeadlineAdapter, without_target

        session = requests.Session()
        session.trust_env = False
        session.hooks["response"].append(without_target)
        for scheme in ("https://", "http://"):
            session.mount(scheme, DeadlineAdapter())
        return session

    def close(self) -> None:
        """Close the connections."""
        if "_session" in self.__dict__:
            self.__dict__.pop("_session").close()

    def username(self) -> str:
        """Return the bot's name without @."""
        found = self._call("getMe", {})
        name = found.get("username") if isinstance(found, dict) else None
        if not isinstance(name, str):
            raise TelegramUnavailable("Telegram's reply to getMe has no username")
        return name

    def updates(self, *, offset: int | None, timeout: int, limit: int = 100) -> list[Any]:
        """Return the waiting updates as JSON values; wait up to `timeout` seconds for the first one.

        `offset` confirms all updates with smaller ids, which are then not returned again; None confirms none.
        """
        wanted: dict[str, Any] = {"timeout": timeout, "limit": limit, "allowed_updates": ["message"]}
        found = self._call("getUpdates", wanted | ({"offset": offset} if offset is not None else {}), patience=timeout)
        if not isinstance(found, list):
            raise TelegramUnavailable("Telegram's reply to getUpdates is not a list")
        return found

    def send(self, chat_id: int, text: str) -> None:
        """Send a plain text. A text beyond the limit is cut. Raises MessageRefused, TelegramUnavailable."""
        cut = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 2] + "\n…"
        self._call("sendMessage", {"chat_id": chat_id, "text": cut, "link_preview_options": {"is_disabled": True}})

    def _call(self, method: str, arguments: Mapping[str, Any], *, patience: float = 0.0) -> Any:
        from requests import RequestException

        url = f"{self._address}/bot{self._token}/{method}"
        try:
            with self._session.post(
                url, json=dict(arguments), timeout=(CONNECT, READ + patience), stream=True, allow_redirects=False
            ) as reply:
                status, content = reply.status_code, _bounded(reply)
        except (RequestException, OSError, ValueError) as error:
            raise TelegramUnavailable(
                f"Telegram is not reachable ({type(error).__name__}): no phone is answered meanwhile"
            ) from None
        return _result(method, status, content)


def _bounded(reply: Any) -> bytes:
    """Return the body. Raises ValueError if it is too large."""
    content = bytearray()
    for part in reply.iter_content(1 << 16):
        content += part
        if len(content) > LARGEST:
            raise ValueError("the reply is too large")
    return bytes(content)


def _result(method: str, status: int, content: bytes) -> Any:
    """Return the result of a reply, or raise its error."""
    try:
        found = strict_json.read(content)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("ok"), bool):
        raise TelegramUnavailable(f"Telegram's reply to {method} is not valid (HTTP {status})")
    if found["ok"]:
        return found.get("result")
    code = found.get("error_code", status)
    if code == 429:
        raise TooManyRequests("Telegram allows no more messages for now", wait=_wait_of(found))
    if code in {401, 404}:
        raise ConfigurationError(
            "Telegram does not accept the bot's token, so no phone is answered: "
            "copy the token from @BotFather into `tradectl config set telegram.token -`"
        )
    if code == 409:
        raise PollConflict("another program polls this bot; use one bot for each user and program", wait=30.0)
    if code in {400, 403}:
        raise MessageRefused(f"Telegram refused {method} (code {code})")
    raise TelegramUnavailable(f"Telegram replied to {method} with code {code}")


def _wait_of(found: Mapping[str, Any]) -> float:
    parameters = found.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return min(max(float(wait), 1.0), LONGEST_WAIT) if isinstance(wait, int) else DEFAULT_WAIT
