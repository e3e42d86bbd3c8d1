"""Pair chats: a chat becomes known when it sends the code that a person reads at the terminal.

The ledger stores the chats and the hash of the current code. A code expires, and a few wrong tries void it, so no chat can try
out codes.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from tradectl.errors import UsageError
from tradectl.ledger.store import Ledger
from tradectl.ledger.telegram_updates import CHATS, TelegramUpdates
from tradectl.telegram.messages import PhoneMessage

CODE = "telegram.code"
"""The key of the user's settings that has the hash of the code."""
VALID = timedelta(minutes=10)
"""How long a code can be used."""
TRIES = 5
"""How many wrong codes void the code."""


class PairedChat(Struct, frozen=True):
    """A chat whose commands are answered. `paired_at`: ISO text."""

    id: int
    name: str
    paired_at: str


class Pairing:
    """The paired chats of one user and the current code."""

    def __init__(self, ledger: Ledger, key_file: Path) -> None:
        self._ledger = ledger
        self._settings = ledger.settings.credentials(key_file)

    def chats(self) -> tuple[PairedChat, ...]:
        """Return the paired chats, oldest first."""
        stored = self._ledger.settings.plain(CHATS)
        return tuple(PairedChat(**item) for item in json.loads(stored)) if stored else ()

    def new_code(self, now: datetime) -> str:
        """Make a code of eight digits, which replaces an older one, and return it. Only its hash is stored."""
        code, salt = f"{secrets.randbelow(10**8):08d}", secrets.token_hex(8)
        self._store_code({"salt": salt, "hash": _hash(salt, code), "until": (now + VALID).isoformat(), "tries": 0})
        return code

    def void_code(self) -> None:
        """Void the current code, if there is one."""
        if self._ledger.settings.plain(CODE) is not None:
            self._settings.unset(CODE)

    def code_open(self, now: datetime) -> bool:
        """Return whether there is a code that was not used, voided or expired."""
        stored = self._ledger.settings.plain(CODE)
        return stored is not None and now < datetime.fromisoformat(json.loads(stored)["until"])

    def pair(self, message: PhoneMessage, now: datetime) -> bool:
        """Pair the chat if its message has the code (`/pair CODE`, or `/start CODE` from a link); return whether it is paired.

        A wrong code counts as a try. Any other message is ignored.
        """
        words = message.words
        if len(words) != 2 or words[0] not in {"/pair", "/start"}:
            return False
        with self._ledger.database.write():
            if not self.code_open(now) or not self._first_time(message, now):
                return False
            stored = json.loads(self._ledger.settings.plain(CODE) or "{}")
            if not secrets.compare_digest(_hash(stored["salt"], words[1]), stored["hash"]):
                stored["tries"] += 1
                if stored["tries"] >= TRIES:
                    self.void_code()
                    self._ledger.logs.append(now, "warning", "telegram_code_void", f"{TRIES} wrong codes: the code is void")
                else:
                    self._store_code(stored)
                return False
            self.void_code()
            others = [chat for chat in self.chats() if chat.id != message.chat_id]
            self._store_chats([*others, PairedChat(message.chat_id, message.sender, now.isoformat())])
            text = f"the Telegram chat of {message.sender} was paired: it reads positions and may halt and approve"
            self._ledger.logs.append(now, "warning", "telegram_paired", text)
        return True

    def forget(self, chat_id: int | None = None) -> int:
        """Forget one chat, or all for None, and void the code; return how many were forgotten. Raises UsageError."""
        with self._ledger.database.write():
            known = self.chats()
            if chat_id is not None and chat_id not in {chat.id for chat in known}:
                raise UsageError(f"no chat {chat_id} is paired; `tradectl telegram status` lists the chats")
            left = [chat for chat in known if chat_id is not None and chat.id != chat_id]
            self._store_chats(left)
            self.void_code()
        return len(known) - len(left)

    def _first_time(self, message: PhoneMessage, now: datetime) -> bool:
        """Record a try; return False if Telegram has repeated it."""
        updates = TelegramUpdates(self._ledger.database, self._ledger.user)
        return updates.record(message.update_id, message.chat_id, "/pair", now)

    def _store_chats(self, chats: list[PairedChat]) -> None:
        self._settings.set(CHATS, json.dumps([asdict(chat) for chat in chats]), secret=False)

    def _store_code(self, stored: dict[str, object]) -> None:
        self._settings.set(CODE, json.dumps(stored), secret=False)


def _hash(salt: str, code: str) -> str:
    return hashlib.sha256(f"{salt}:{code}".encode()).hexdigest()
