"""Read the messages of Telegram's updates. Everything else in an update is ignored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeGuard

from msgspec import Struct

_LAST_SECOND = 253_402_300_799
"""The end of the year 9999 as Unix time."""


class PhoneMessage(Struct, frozen=True):
    """A new text message in a private chat.

    Attributes:
        chat_id: In a private chat it is also the id of the sender.
        sender: The sender's name for people, on one line.
        sent_at: When Telegram received it, in whole seconds.
    """

    update_id: int
    chat_id: int
    sender: str
    sent_at: datetime
    text: str

    @property
    def words(self) -> list[str]:
        """Return the words: the command without the bot's name in lower case, then its arguments."""
        first, *rest = self.text.split() or [""]
        return [first.partition("@")[0].lower(), *rest]


def update_id_of(update: Any) -> int | None:
    """Return the number of an update; None for a malformed update."""
    found = update.get("update_id") if isinstance(update, dict) else None
    return found if _is_id(found) else None


def message_of(update: Any) -> PhoneMessage | None:
    """Return the message of an update; None for an edited message, a group, a channel, a bot, a photo or a malformed update."""
    update_id = update_id_of(update)
    message = _object(update, "message")
    chat, sender = _object(message, "chat"), _object(message, "from")
    text, at = message.get("text"), message.get("date")
    number = chat.get("id")
    if update_id is None or chat.get("type") != "private" or sender.get("is_bot") is not False or "edit_date" in message:
        return None
    if not (_is_id(number) and number == sender.get("id") and isinstance(text, str)):
        return None
    if not isinstance(at, int) or not 0 <= at <= _LAST_SECOND:
        return None
    if any(name in message for name in ("forward_origin", "forward_date", "via_bot")):
        return None  # a forwarded command was written at another time, by another person or for another bot
    return PhoneMessage(update_id, number, _name_of(sender), datetime.fromtimestamp(at, UTC), text)


def _name_of(sender: dict[str, Any]) -> str:
    parts = [sender.get(name) for name in ("first_name", "last_name")]
    name = " ".join(part for part in parts if isinstance(part, str))
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:40] or f"chat {sender.get('id')}"


def _object(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _is_id(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
