"""Give access to all tables of one user's ledger."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.ledger.engine import Database
from tradectl.ledger.executions import Executions
from tradectl.ledger.logs import Logs
from tradectl.ledger.outbox import Outbox
from tradectl.ledger.schedules import Schedules
from tradectl.ledger.schema import database_info
from tradectl.ledger.service_status import Service
from tradectl.ledger.settings import Settings
from tradectl.ledger.upserts import upsert_rows
from tradectl.ledger.users import Users

if TYPE_CHECKING:
    from tradectl.ledger.book import Book
    from tradectl.ledger.journal import Head
    from tradectl.ledger.notes import Notes
    from tradectl.ledger.signals import Decisions, Signals
    from tradectl.ledger.statistics import Statistics
    from tradectl.ledger.strategies import Strategies


class Info:
    """Facts about the database itself, such as mode, clock (`system` or `virtual`), last_event_at and created_at."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def get(self, key: str) -> str | None:
        """Return a fact; None if it is not set."""
        with self.database.read() as connection:
            return connection.execute(select(database_info.c.value).where(database_info.c.key == key)).scalar()

    def set(self, key: str, value: str) -> None:
        """Store a fact."""
        with self.database.note() as connection:
            upsert_rows(connection, database_info, ("key",), [{"key": key, "value": value}])

    def all(self) -> dict[str, str]:
        """Return all facts by key."""
        with self.database.read() as connection:
            return {row.key: row.value for row in connection.execute(select(*database_info.c)).all()}


class Ledger:
    """The tables of one user of one database."""

    tariff: Tariff = ZERODHA
    """The user's charge rates; set when a home is opened."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user
        self.info = Info(database)
        self.users = Users(database)
        self.executions = Executions(database, user)
        self.schedules = Schedules(database, user)
        self.settings = Settings(database, user)
        self.logs = Logs(database, user)
        self.service = Service(database, user)
        self.outbox = Outbox(database, user)

    def journal_head(self) -> Head | None:
        """Return the head of the journal; None if this database keeps none, as a simulation."""
        from tradectl.ledger.journal import head_of

        with self.database.read() as connection:
            return head_of(connection)

    @cached_property
    def book(self) -> Book:
        """Return the orders, fills and positions."""
        from tradectl.ledger.book import Book

        return Book(self.database, self.user, lambda: self.tariff)

    @cached_property
    def signals(self) -> Signals:
        """Return the signals."""
        from tradectl.ledger.signals import Signals

        return Signals(self.database, self.user)

    @cached_property
    def decisions(self) -> Decisions:
        """Return the decisions."""
        from tradectl.ledger.signals import Decisions

        return Decisions(self.database, self.user)

    @cached_property
    def notes(self) -> Notes:
        """Return the notes on orders and trades."""
        from tradectl.ledger.notes import Notes

        return Notes(self.database, self.user)

    @cached_property
    def strategies(self) -> Strategies:
        """Return the own strategies."""
        from tradectl.ledger.strategies import Strategies

        return Strategies(self.database, self.user)

    @cached_property
    def statistics(self) -> Statistics:
        """Return the daily statistics."""
        from tradectl.ledger.statistics import Statistics

        return Statistics(self.database, self.user)

    def signals_owner(self, signals_from: str) -> str:
        """Return the user whose signals `buy` uses. Raises UsageError if there is no user `signals_from`.

        It is `signals_from` if given, else this user if the task `analyze` is enabled, else the oldest admin.
        """
        if signals_from:
            return self.users.get(signals_from).user
        if any(row.task == "analyze" and row.enabled for row in self.schedules.list()):
            return self.user
        admin = self.users.admin()
        return admin.user if admin else self.user

    def for_user(self, user: str) -> Ledger:
        """Return the ledger of a user of this database."""
        return self if user == self.user else Ledger(self.database, user)
