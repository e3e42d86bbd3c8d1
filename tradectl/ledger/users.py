"""Store the users of a database. Rows of almost all other tables belong to one user."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime

from msgspec import Struct
from sqlalchemy import bindparam, select, update

from tradectl.errors import UsageError
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.schema import users as rows
from tradectl.ledger.upserts import insert_new
from tradectl.model.trading_state import TRADING_STATES

ROLES = ("admin", "user")
_ONE = CompiledStatement(select(*rows.c).where(rows.c.user == bindparam("of_user")))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class User(Struct, frozen=True):
    """A row of `users`.

    Attributes:
        trading_state: ACTIVE, REDUCING (exits only) or HALTED.
        state_reason: Why the state was set.
        capital: The money paid into the account, in paise.
        state_until: The last session of a state that a daily limit set; None: the state lasts until a person resumes.
    """

    user: str
    role: str
    trading_state: str
    state_reason: str
    capital: int
    created_at: datetime
    state_until: date | None = None


class Users:
    """The users of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, user: str, *, capital: int, created_at: datetime, role: str = "user") -> User:
        """Add a user; return the row. `capital` in paise, `created_at` in clock time. Raises UsageError."""
        if not _NAME.fullmatch(user):
            raise UsageError(
                f"{user!r} is not a user's name: it has at most 64 letters, digits, dots, dashes and underscores, "
                "and starts with a letter or digit"
            )
        if role not in ROLES:
            raise UsageError(f"a role is one of {', '.join(ROLES)}, not {role!r}")
        if capital < 0:
            raise UsageError("the capital must not be negative")
        values = {"user": user, "role": role, "capital": capital, "created_at": created_at}
        with self.database.write() as connection:
            if not insert_new(connection, rows, values):
                raise UsageError(f"the user {user!r} already exists")
        return self.get(user)

    def get(self, user: str) -> User:
        """Return a user. Raises UsageError if there is none."""
        with self.database.read() as connection:
            row = _ONE.first(connection, {"of_user": user})
        if row is None:
            raise UsageError(f"there is no user {user!r}; see `tradectl user list`")
        return User(*row)

    def list(self) -> tuple[User, ...]:
        """Return every user, by name."""
        with self.database.read() as connection:
            return tuple(User(*row) for row in connection.execute(select(*rows.c).order_by(rows.c.user)).all())

    def names(self) -> tuple[str, ...]:
        """Return only the users' names, which every version of the ledger has."""
        with self.database.read() as connection:
            return tuple(connection.scalars(select(rows.c.user).order_by(rows.c.user)))

    def begin_by(self, at: datetime) -> None:
        """Set a `created_at` later than `at` to `at`. Called when a home without events gets a virtual clock at `at`."""
        with self.database.write() as connection:
            connection.execute(update(rows).where(rows.c.created_at > at).values(created_at=at))

    def admin(self) -> User | None:
        """Return the oldest admin; None if there is none."""
        statement = select(*rows.c).where(rows.c.role == "admin").order_by(rows.c.created_at, rows.c.user).limit(1)
        with self.database.read() as connection:
            row = connection.execute(statement).first()
        return User(*row) if row else None

    def set_trading_state(
        self, user: str, state: str, reason: str, until: date | None = None, *, only_from: Collection[str] = TRADING_STATES
    ) -> User:
        """Set the trading state, which applies to every process from its next transaction; return the stored user.

        Args:
            until: The last day of the state; None: until a person changes it.
            only_from: Change the state only if the current state is one of these.

        Raises:
            UsageError: There is no such state or user.
        """
        if state not in TRADING_STATES:
            raise UsageError(f"a trading state is one of {', '.join(TRADING_STATES)}, not {state!r}")
        where = (rows.c.user == user, rows.c.trading_state.in_(list(only_from)))
        with self.database.write() as connection:
            values = {"trading_state": state, "state_reason": reason, "state_until": until}
            connection.execute(update(rows).where(*where).values(**values))
        return self.get(user)

    def set_capital(self, user: str, capital: int) -> User:
        """Set the capital in paise; return the user. Raises UsageError."""
        if capital < 0:
            raise UsageError("the capital must not be negative")
        return self._change(user, capital=capital)

    def _change(self, user: str, **values: object) -> User:
        with self.database.write() as connection:
            connection.execute(update(rows).where(rows.c.user == user).values(**values))
        return self.get(user)
