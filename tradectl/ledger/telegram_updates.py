"""Record which messages from Telegram were handled. The unique key of the table decides, not an earlier read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from tradectl.ledger.engine import Database
from tradectl.ledger.schema import telegram_updates as rows
from tradectl.ledger.upserts import insert_new

if TYPE_CHECKING:
    from tradectl.ledger.settings import Settings

CHATS = "telegram.chats"
"""The key of the user's settings that has the paired chats."""
KEPT = timedelta(days=2)
"""How long a record is kept. Telegram repeats an update for at most one day, and may number anew after a week without one."""


class TelegramUpdates:
    """The handled updates of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def handled(self, update_id: int) -> bool:
        """Return whether an update was handled before."""
        with self._database.read() as connection:
            found = select(rows.c.update_id).where(rows.c.user == self._user, rows.c.update_id == update_id)
            return connection.execute(found).first() is not None

    def record(self, update_id: int, chat_id: int, command: str, at: datetime) -> bool:
        """Record an update as handled; return False if it was recorded before. Delete records older than `KEPT`."""
        values = {"user": self._user, "update_id": update_id, "chat_id": chat_id, "command": command[:16], "handled_at": at}
        with self._database.write() as connection:
            connection.execute(delete(rows).where(rows.c.user == self._user, rows.c.handled_at < at - KEPT))
            return insert_new(connection, rows, values)

    def clear(self) -> None:
        """Delete all records, because another bot has other numbers."""
        with self._database.write() as connection:
            connection.execute(delete(rows).where(rows.c.user == self._user))


def any_paired(settings: Settings) -> bool:
    """Return whether a chat is paired."""
    return (settings.plain(CHATS) or "[]") != "[]"
