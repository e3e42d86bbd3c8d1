"""Store the lists of buys that wait for the operator's approval. Each list is decided once, by one conditional UPDATE."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import select, update

from tradectl.ledger.engine import Database
from tradectl.ledger.schema import buy_approvals as rows
from tradectl.ledger.upserts import insert_new


class Verdict(StrEnum):
    """The decision about a list of buys. EXPIRED: no answer came in time."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ApprovalLine(Struct, frozen=True):
    """One buy of a list. `price`: the limit in paise. `purpose`: entry or reentry."""

    instrument_id: str
    symbol: str
    purpose: str
    quantity: int
    price: int

    @property
    def amount(self) -> int:
        """Return quantity times limit, in paise, without charges."""
        return self.quantity * self.price


class Approval(Struct, frozen=True):
    """A list of buys and its verdict.

    Attributes:
        session: The session whose `buy` made the list.
        for_session: The session in which the buys should trade.
        list_hash: The hash of `session`, `for_session` and the lines.
        until: The moment at which the list expires.
        shown_at: When a phone got the list; None: not yet.
        verdict: None without an answer so far.
        decided_by: The name of the chat that answered; empty for an expired list.
    """

    session: date
    for_session: date
    list_hash: str
    lines: tuple[ApprovalLine, ...]
    asked_at: datetime
    until: datetime
    shown_at: datetime | None
    verdict: Verdict | None
    decided_at: datetime | None
    decided_by: str


def hash_of(session: date, for_session: date, lines: Sequence[ApprovalLine]) -> str:
    """Return eight hexadecimal digits of the hash of a list and its sessions."""
    content = [session.isoformat(), for_session.isoformat(), [asdict(line) for line in lines]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


class Approvals:
    """The lists of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def of(self, session: date) -> Approval | None:
        """Return the list that `buy` of this session made; None if it made none."""
        with self._database.read() as connection:
            row = connection.execute(select(rows).where(rows.c.user == self._user, rows.c.session_date == session)).first()
        return _approval(row._mapping) if row is not None else None

    def open_at(self, now: datetime) -> tuple[Approval, ...]:
        """Return the lists without a verdict that have not expired, oldest first."""
        wanted = (rows.c.user == self._user, rows.c.verdict.is_(None), rows.c.until > now)
        with self._database.read() as connection:
            found = connection.execute(select(rows).where(*wanted).order_by(rows.c.session_date)).all()
        return tuple(_approval(row._mapping) for row in found)

    def ask(
        self, session: date, for_session: date, lines: Sequence[ApprovalLine], *, asked_at: datetime, until: datetime
    ) -> Approval:
        """Store a list that waits; return it. If the session has a list already, that one is returned unchanged."""
        values = {
            "user": self._user,
            "session_date": session,
            "for_session": for_session,
            "list_hash": hash_of(session, for_session, lines),
            "lines": [asdict(line) for line in lines],
            "asked_at": asked_at,
            "until": until,
        }
        with self._database.write() as connection:
            insert_new(connection, rows, values)
            row = connection.execute(select(rows).where(rows.c.user == self._user, rows.c.session_date == session)).one()
        return _approval(row._mapping)

    def decide(self, session: date, list_hash: str, verdict: Verdict, at: datetime, *, by: str = "") -> bool:
        """Write the verdict of exactly this list, once. An answer counts before `until`, EXPIRED from then on.

        Return False if the list has a verdict, has changed, or the moment does not fit.
        """
        in_time = rows.c.until <= at if verdict is Verdict.EXPIRED else rows.c.until > at
        where = (
            rows.c.user == self._user,
            rows.c.session_date == session,
            rows.c.list_hash == list_hash,
            rows.c.verdict.is_(None),
            in_time,
        )
        with self._database.write() as connection:
            values = {"verdict": str(verdict), "decided_at": at, "decided_by": by[:64]}
            return connection.execute(update(rows).where(*where).values(**values)).rowcount == 1

    def mark_shown(self, session: date, at: datetime) -> None:
        """Write that a phone got the list. The first moment stays."""
        where = (rows.c.user == self._user, rows.c.session_date == session, rows.c.shown_at.is_(None))
        with self._database.write() as connection:
            connection.execute(update(rows).where(*where).values(shown_at=at))


def _approval(row: Mapping[Any, Any]) -> Approval:
    return Approval(
        session=row["session_date"],
        for_session=row["for_session"],
        list_hash=row["list_hash"],
        lines=tuple(ApprovalLine(**line) for line in row["lines"]),
        asked_at=row["asked_at"],
        until=row["until"],
        shown_at=row["shown_at"],
        verdict=Verdict(row["verdict"]) if row["verdict"] is not None else None,
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
    )
