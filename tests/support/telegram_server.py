"""Serve Telegram's Bot API on loopback: getMe, getUpdates with offset and long poll, sendMessage, and its failures.

`tests/lab/witnesses/test_telegram.py` calls it with the types and clients of libraries that we did not write.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.support.http_server import Handler, serving
from tradectl.clock import SystemClock

TOKEN = "424242:AAH-loopback_token_of_a_test_bot_0001"
BOT = {"id": 424242, "is_bot": True, "first_name": "Test", "username": "tradectl_test_bot"}
ASHA = 700100
METHODS = ("getMe", "getUpdates", "sendMessage")


@dataclass
class TelegramServer:
    """The state of the bot. `failures`: by method, the replies that come before the true one: (HTTP status, body, seconds)."""

    url: str = ""
    updates: list[Any] = field(default_factory=list)
    sent: list[tuple[int, str]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failures: dict[str, list[tuple[int, bytes, float]]] = field(default_factory=dict)
    repeats: bool = False
    """Whether confirmed updates are sent again."""
    next_id: int = 90001
    changed: threading.Condition = field(default_factory=threading.Condition)
    polls: int = 0

    def message(self, text: str, *, chat: int = ASHA, age: float = 0.0, kind: str = "private", **more: Any) -> int:
        """A person writes to the bot; return the update's number. `age` in seconds."""
        sender = {"id": chat if kind == "private" else ASHA, "is_bot": False, "first_name": "Asha", "language_code": "en"}
        where = {"id": chat, "type": kind} | ({"first_name": "Asha"} if kind == "private" else {"title": "Traders"})
        content = {
            "message_id": self.next_id % 1000,
            "from": sender,
            "chat": where,
            "date": _unix_time() - int(age),
            "text": text,
        }
        if text.startswith("/"):
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}]
        return self.put({"message": content | more})

    def put(self, content: dict[str, Any]) -> int:
        """Add an update of any content."""
        with self.changed:
            number, self.next_id = self.next_id, self.next_id + 1
            self.updates.append({"update_id": number, **content})
            self.changed.notify_all()
        return number

    def raw(self, value: Any) -> None:
        """Add a value in the place of an update."""
        with self.changed:
            self.updates.append(value)
            self.changed.notify_all()

    def fail(self, method: str, status: int, body: Any = b"", *, seconds: float = 0.0) -> None:
        """Let the next call of a method fail. A body that is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.failures.setdefault(method, []).append((status, content, seconds))

    def too_many(self, method: str, retry_after: int) -> None:
        """Let the next call of a method get 429."""
        text = f"Too Many Requests: retry after {retry_after}"
        self.fail(method, 429, _error(429, text) | {"parameters": {"retry_after": retry_after}})

    def replies(self, chat: int = ASHA) -> list[str]:
        """Return the texts that a chat got."""
        return [text for known, text in self.sent if known == chat]

    def answer(self, token: str, method: str, given: dict[str, Any]) -> tuple[int, bytes]:
        """Return status and body of a call."""
        method = next((name for name in METHODS if name.lower() == method.lower()), method)  # Telegram ignores the case
        self.calls.append((method, given))
        if token != TOKEN:
            return 401, json.dumps(_error(401, "Unauthorized")).encode()
        if waiting := self.failures.get(method):
            status, body, seconds = waiting.pop(0)
            time.sleep(seconds)
            return status, body
        if method == "getMe":
            return _ok(BOT)
        if method == "getUpdates":
            return self._get_updates(given)
        if method == "sendMessage":
            return self._send(given)
        return 404, json.dumps(_error(404, "Not Found: method not found")).encode()

    def _get_updates(self, given: dict[str, Any]) -> tuple[int, bytes]:
        offset, limit, deadline = (
            given.get("offset"),
            int(given.get("limit", 100)),
            time.monotonic() + float(given.get("timeout", 0)),
        )
        with self.changed:
            self.polls += 1
            this = self.polls
            self.changed.notify_all()
            if offset is not None and not self.repeats:
                self.updates = [
                    item for item in self.updates if not isinstance(item, dict) or item.get("update_id", offset) >= int(offset)
                ]
            while not self.updates and (left := deadline - time.monotonic()) > 0:
                self.changed.wait(left)
                if self.polls != this:
                    text = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
                    return 409, json.dumps(_error(409, text)).encode()
            return _ok(self.updates[:limit])

    def _send(self, given: dict[str, Any]) -> tuple[int, bytes]:
        chat, text = int(given["chat_id"]), given["text"]
        if not text or len(text) > 4096:
            return 400, json.dumps(_error(400, "Bad Request: message is too long")).encode()
        with self.changed:
            self.sent.append((chat, text))
            self.changed.notify_all()
        place = {"id": chat, "type": "private", "first_name": "Asha"}
        return _ok({"message_id": len(self.sent), "from": BOT, "chat": place, "date": _unix_time(), "text": text})


def _unix_time() -> int:
    return int(SystemClock().now().timestamp())


def _ok(result: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"ok": True, "result": result}).encode()


def _error(code: int, text: str) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": text}


@contextmanager
def telegram_server() -> Iterator[TelegramServer]:
    """Serve until the block ends."""
    served = TelegramServer()

    class Call(Handler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            content = self.content()
            path, _, query = self.path.partition("?")
            _, _, rest = path.partition("/bot")
            token, _, method = rest.partition("/")
            given = _parsed(content or query.encode(), self.headers.get("Content-Type", ""))
            self.answer(*served.answer(token, method, given), {"Content-Type": "application/json"})

    with serving(Call) as served.url:
        yield served


def _parsed(content: bytes, kind: str) -> dict[str, Any]:
    """Return the arguments of a call, as JSON or as a form."""
    if kind.startswith("application/json"):
        found: dict[str, Any] = json.loads(content or b"{}")
        return found
    return dict(parse_qsl(content.decode()))
