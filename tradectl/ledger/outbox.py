"""Store messages to people. Each is written in the transaction of the event that it reports, and sent after the commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Integer, bindparam, delete, select, update

from tradectl.control_characters import lines, one_line
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database, Version
from tradectl.ledger.schema import outbox as rows
from tradectl.ledger.types import Moment
from tradectl.ledger.upserts import insert_new
from tradectl.redaction import scrubbed

if TYPE_CHECKING:
    from tradectl.ports import Clock, Notifier


@dataclass(frozen=True, slots=True)
class Message:
    """A message that waits or was sent. `deduplicate`: a second message with the same value is not added."""

    id: int
    user: str
    created_at: datetime
    title: str
    body: str
    sent_at: datetime | None
    tries: int
    error: str
    deduplicate: str


class Outbox:
    """The messages of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user
        self._empty_at: Version | None = None

    def add(self, at: datetime, title: str, body: str, deduplicate: str) -> bool:
        """Add a message; return False if one with the same `deduplicate` (at most 96 characters) was added before."""
        values = {"title": one_line(scrubbed(title)), "body": lines(scrubbed(body)), "deduplicate": one_line(deduplicate)[:96]}
        self._empty_at = None
        with self.database.note() as connection:
            return insert_new(connection, rows, {"user": self.user, "created_at": at, **values})

    def pending(self, limit: int = 50) -> tuple[Message, ...]:
        """Return the messages that were not sent, oldest first. They stay until they are sent.

        Without a new message, and without a write of another connection, an empty outbox is not read again."""
        version = self.database.version_token()
        if version == self._empty_at:
            return ()
        with self.database.read() as connection:
            found = _WAITING.all(connection, {"of_user": self.user, "at_most": limit})
        self._empty_at = None if found else version
        return tuple(Message(*row) for row in found)

    def deliver(self, notifier: Notifier, clock: Clock) -> int:
        """Send the waiting messages, oldest first, until one fails; return how many were sent. Call this after the commit."""
        sent = 0
        for message in self.pending():
            if not notifier.send(message.title, message.body):
                self.mark_failed(message, notifier.trouble or "the notification service did not accept the message")
                break
            self.mark_sent(message, clock.now())
            sent += 1
        return sent

    def mark_sent(self, message: Message, at: datetime) -> None:
        """Write that a message was sent."""
        self._change(message, sent_at=at, tries=message.tries + 1, error="")

    def mark_failed(self, message: Message, error: str) -> None:
        """Count a failed try and store its error. The message stays in the outbox."""
        self._change(message, tries=message.tries + 1, error=error)

    def prune(self, before: datetime) -> int:
        """Delete messages that were sent before a moment; return how many."""
        with self.database.note() as connection:
            return _PRUNE.execute(connection, {"of_user": self.user, "before": before})

    def _change(self, message: Message, **values: object) -> None:
        with self.database.note() as connection:
            _CHANGE.execute(connection, {"of_id": message.id, **values})


_PRUNE = CompiledStatement(
    delete(rows).where(
        rows.c.user == bindparam("of_user"), rows.c.sent_at.is_not(None), rows.c.sent_at < bindparam("before", type_=Moment)
    )
)
_CHANGE = CompiledStatement(update(rows).where(rows.c.id == bindparam("of_id")))
_WAITING = CompiledStatement(
    select(*rows.c)
    .where(rows.c.user == bindparam("of_user"), rows.c.sent_at.is_(None))
    .order_by(rows.c.id)
    .limit(bindparam("at_most", type_=Integer))
)
"""Runs after every command."""
