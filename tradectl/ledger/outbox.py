"""Store messages to people. Each is written in the transaction of the event that it reports, and sent after the commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Integer, String, bindparam, delete, func, or_, select, update

from tradectl.control_characters import lines, one_line
from tradectl.errors import DatabaseError
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.delivery import DeliveryRules, Message, Parcel, parcels
from tradectl.ledger.engine import Database, Version
from tradectl.ledger.schema import outbox as rows
from tradectl.ledger.schema import user_trading_config
from tradectl.ledger.types import Moment
from tradectl.ledger.upserts import insert_new
from tradectl.model.message_kind import MessageKind
from tradectl.redaction import scrubbed

if TYPE_CHECKING:
    from tradectl.ports import Clock, Notifier

LEASE = timedelta(minutes=2)
"""How long a claim of a message holds: longer than a send takes. After a crash the message is sent again."""
PICTURE_TRIES = 3
"""How many deliveries try to send a picture."""
PICTURE_PAUSE = timedelta(minutes=5)
"""How long a picture stays claimed after a try that failed: no process sends it meanwhile. Texts do not wait for it."""
LONGEST_CLAIM = max(LEASE, PICTURE_PAUSE)
MOST = 10_000
"""The most messages that one delivery reads; the rest waits for the next one."""


class _Rest(Struct, frozen=True):
    """Nothing can be sent while the database has this version, from `since` until `until` (None: without an end)."""

    version: Version
    since: datetime
    until: datetime | None


class Outbox:
    """The messages of one user.

    Attributes:
        failed: Whether the last delivery of this process ended at a message that no service accepted.
    """

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user
        self.failed = False
        self._empty_at: Version | None = None
        self._rest: _Rest | None = None
        self._unrecorded: set[int] = set()
        """Grave messages that were sent while the ledger could not be written."""

    def add(
        self,
        at: datetime,
        title: str,
        body: str,
        deduplicate: str,
        *,
        kind: MessageKind = MessageKind.NOTICE,
        picture: str = "",
    ) -> bool:
        """Add a message in the caller's transaction; return False if one with the same `deduplicate` was added before.

        Args:
            deduplicate: At most 96 characters count.
            kind: What it reports; the user may have switched the kind off.
            picture: The path of a PNG to send with the text as its caption.
        """
        texts = {"title": one_line(scrubbed(title)), "body": lines(scrubbed(body)), "deduplicate": one_line(deduplicate)[:96]}
        values = {"user": self.user, "created_at": at, "kind": str(kind), "picture": picture, **texts}
        self._empty_at = self._rest = None
        with self.database.note() as connection:
            return insert_new(connection, rows, values)

    def pending(self, limit: int = 50) -> tuple[Message, ...]:
        """Return the messages that were not sent, oldest first. They stay until they are sent.

        Without a new message, and without a write of another connection, an empty outbox is not read again."""
        version = self.database.version_token()
        if version == self._empty_at:
            return ()
        with self.database.read() as connection:
            found = _WAITING.all(connection, {"of_user": self.user, "at_most": limit})
        self._empty_at = None if found else version
        return tuple(map(_message, found))

    def repeats(self, deduplicate: str) -> tuple[int, datetime | None]:
        """Return how many messages have this `deduplicate`, alone or before a colon, and when the last of them was added."""
        begin = f"{deduplicate}:"
        key = {"of_user": self.user, "of_key": deduplicate, "begin": begin, "length": len(begin)}
        with self.database.read() as connection:
            count, last = _REPEATS.one(connection, key)
        return count, last

    def deliver(self, notifier: Notifier, clock: Clock) -> int:
        """Send the waiting messages until one fails; return how many were sent. Call this after the commit.

        Messages of a kind that the user has switched off are dropped. In the quiet hours only grave ones are sent to a service.
        A message is claimed before it is sent, so a second process does not send it too; after a crash it is sent again.
        Nothing is read while nothing can have changed: neither the database nor, in quiet hours, the time."""
        now, version, rest = clock.now(), self.database.version_token(), self._rest
        if rest is not None and rest.version == version and rest.since <= now and (rest.until is None or now < rest.until):
            return 0
        waiting = self.pending(MOST)
        if not waiting:
            return 0
        rules = self._rules()
        dropped = [message for message in waiting if message.kind in rules.silenced]
        self._mark(dropped, now, sent=False)
        kept = [message for message in waiting if message.kind not in rules.silenced]
        held = {message.id: rules.waits_until(message.kind, now) for message in kept} if notifier.interrupts else {}
        machine_now = clock.machine_now()
        free = [item for item in kept if not item.is_claimed(machine_now, LONGEST_CLAIM)]
        sent = self._send(parcels([message for message in free if held.get(message.id) is None]), notifier, clock)
        ends = [until for until in held.values() if until is not None]
        if ends and not self.failed and sent + len(ends) == len(kept):  # no message waits for the end of another's claim
            self._rest = _Rest(version, now, min(ends))
        return sent

    def _send(self, wanted: list[Parcel], notifier: Notifier, clock: Clock) -> int:
        """Send parcels until one fails; return how many messages were sent."""
        sent, self.failed = 0, False
        for parcel in wanted:
            if not self._may_send(parcel, clock.machine_now()):
                continue  # another process sends them
            if parcel.picture:
                sent += self._send_picture(parcel.messages[0], parcel, notifier, clock)
                continue
            if not notifier.send(parcel.title, parcel.body):
                self.failed = True
                for message in parcel.messages:
                    self.mark_failed(message, notifier.trouble or "the notification service did not accept the message")
                break
            self._mark(parcel.messages, clock.now(), sent=True)
            sent += len(parcel.messages)
        return sent

    def _send_picture(self, message: Message, parcel: Parcel, notifier: Notifier, clock: Clock) -> int:
        """Send a picture and return 1 if it arrived.

        A try that failed claims it for `PICTURE_PAUSE`. After `PICTURE_TRIES` it is given up, and a message says so.
        """
        trouble = notifier.send_picture(parcel.title, parcel.body, Path(parcel.picture))
        if not trouble:
            self._mark((message,), clock.now(), sent=True)
            return 1
        if message.tries + 1 < PICTURE_TRIES:
            self.mark_failed(message, trouble, until=clock.machine_now() + PICTURE_PAUSE)
            return 0
        text = f"{trouble}. Its message was sent as text. The picture is {parcel.picture}"
        self.add(clock.now(), f"{message.title} was not sent", text, f"not sent:{message.deduplicate}", kind=message.kind)
        with self.database.note() as connection:
            values = {"sent_at": clock.now(), "tries": message.tries + 1, "error": trouble, "claimed_until": None}
            _CHANGE.execute(connection, {"of_id": message.id, **values})
        return 0

    def _may_send(self, parcel: Parcel, machine_now: datetime) -> bool:
        """Claim a parcel. A grave message is sent without a claim if the ledger cannot be written: once by this process."""
        try:
            return self._claim(parcel.messages, machine_now)
        except DatabaseError:
            new = {message.id for message in parcel.messages if message.kind.grave} - self._unrecorded
            if not new:
                raise
            self._unrecorded |= new
            return True

    def _claim(self, messages: Sequence[Message], machine_now: datetime) -> bool:
        """Claim messages for `LEASE`: all or none. Return False if another process has claimed or sent one of them."""
        claim = {"claimed_until": machine_now + LEASE, "before": machine_now, "latest": machine_now + LONGEST_CLAIM}
        with self.database.note() as connection:
            taken = [message for message in messages if _CLAIM.execute(connection, {"of_id": message.id, **claim})]
            if len(taken) == len(messages):
                return True
            for message in taken:
                _CHANGE.execute(connection, {"of_id": message.id, "claimed_until": None})
        return False

    def _rules(self) -> DeliveryRules:
        with self.database.read() as connection:
            return DeliveryRules.of(dict(map(tuple, _SETTINGS.all(connection, {"of_user": self.user}))))

    def _mark(self, messages: Sequence[Message], at: datetime, *, sent: bool) -> None:
        """Write that messages were sent, or dropped, in one transaction."""
        if messages:
            with self.database.note() as connection:
                for message in messages:
                    values = {"sent_at": at, "tries": message.tries + sent, "error": "", "claimed_until": None}
                    _CHANGE.execute(connection, {"of_id": message.id, **values})

    def mark_sent(self, message: Message, at: datetime) -> None:
        """Write that a message was sent."""
        self._mark((message,), at, sent=True)

    def mark_failed(self, message: Message, error: str, *, until: datetime | None = None) -> None:
        """Count a failed try and store its error. The message stays in the outbox, claimed until `until` (machine time)."""
        with self.database.note() as connection:
            values = {"tries": message.tries + 1, "error": error, "claimed_until": until}
            _CHANGE.execute(connection, {"of_id": message.id, **values})

    def prune(self, before: datetime) -> int:
        """Delete messages that were sent before a moment; return how many."""
        with self.database.note() as connection:
            return _PRUNE.execute(connection, {"of_user": self.user, "before": before})


def _message(row: Sequence[Any]) -> Message:
    identity, user, created_at, kind, *rest = row
    return Message(identity, user, created_at, MessageKind(kind), *rest)


_PRUNE = CompiledStatement(
    delete(rows).where(
        rows.c.user == bindparam("of_user"), rows.c.sent_at.is_not(None), rows.c.sent_at < bindparam("before", type_=Moment)
    )
)
_CHANGE = CompiledStatement(update(rows).where(rows.c.id == bindparam("of_id")))
_CLAIM = CompiledStatement(
    update(rows).where(
        rows.c.id == bindparam("of_id"),
        rows.c.sent_at.is_(None),
        or_(
            rows.c.claimed_until.is_(None),
            rows.c.claimed_until <= bindparam("before", type_=Moment),
            rows.c.claimed_until > bindparam("latest", type_=Moment),  # made by a clock that was ahead
        ),
    )
)
_WAITING = CompiledStatement(
    select(*rows.c)
    .where(rows.c.user == bindparam("of_user"), rows.c.sent_at.is_(None))
    .order_by(rows.c.id)
    .limit(bindparam("at_most", type_=Integer))
)
"""Runs after every command."""
_COUNTED: list[Any] = [func.count(), func.max(rows.c.created_at)]
_REPEATS = CompiledStatement(
    select(*_COUNTED).where(
        rows.c.user == bindparam("of_user"),
        or_(
            rows.c.deduplicate == bindparam("of_key"),
            func.substr(rows.c.deduplicate, 1, bindparam("length", type_=Integer)) == bindparam("begin", type_=String),
        ),
    )
)
_SETTINGS = CompiledStatement(
    select(user_trading_config.c.key, user_trading_config.c.value).where(user_trading_config.c.user == bindparam("of_user"))
)
