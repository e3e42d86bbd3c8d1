"""Store the own strategies of a user: the texts of their files, the results of their checks, and which ones are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, delete, select

from tradectl.errors import UsageError
from tradectl.ledger import schema
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.upserts import insert_new, upsert_rows
from tradectl.model.rule_names import REVERSION

_USED = schema.user_strategies
_CHOSEN = CompiledStatement(
    select(_USED)
    .where(_USED.c.user == bindparam("of_user"))
    .order_by(_USED.c.used_at, _USED.c.name)  # asked in each task that buys
)


class StoredStrategy(Struct, frozen=True):
    """The file of a strategy as it was when it was used."""

    hash: str
    name: str
    form: str
    text: str


class StoredCheck(Struct, frozen=True):
    """The last result of `strategy check` for one text."""

    hash: str
    name: str
    passed: bool
    checked_at: datetime
    result: Mapping[str, Any]


class UsedStrategy(Struct, frozen=True):
    """A strategy that `analyze` runs. `share`: of the capital. `hash`: of its text; empty for the shipped rule."""

    name: str
    hash: str
    share: Decimal
    used_at: datetime | None = None


class Strategies:
    """The strategies of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database, self._user = database, user

    def store(self, strategy: StoredStrategy, now: datetime) -> None:
        """Store a text; one that is stored stays as it is."""
        row = {
            "user": self._user, "hash": strategy.hash, "name": strategy.name, "form": strategy.form, "text": strategy.text,
            "stored_at": now,
        }  # fmt: skip
        with self._database.note() as connection:
            insert_new(connection, schema.strategy_texts, row)

    def stored(self, hash_: str) -> StoredStrategy | None:
        """Return the text with a hash; None if it is not stored."""
        table = schema.strategy_texts
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.user == self._user, table.c.hash == hash_)).first()
        return StoredStrategy(row.hash, row.name, row.form, row.text) if row is not None else None

    def has_texts(self) -> bool:
        """Return whether any text was ever stored, that is, whether an own strategy was ever used."""
        table = schema.strategy_texts
        with self._database.read() as connection:
            return connection.execute(select(table.c.hash).where(table.c.user == self._user).limit(1)).first() is not None

    def record_check(self, check: StoredCheck) -> None:
        """Store the result of a check, instead of an earlier one of the same text."""
        row = {
            "user": self._user, "hash": check.hash, "name": check.name, "passed": check.passed, "checked_at": check.checked_at,
            "result": dict(check.result),
        }  # fmt: skip
        with self._database.note() as connection:
            upsert_rows(connection, schema.strategy_checks, ("user", "hash"), [row])

    def check_of(self, hash_: str) -> StoredCheck | None:
        """Return the last check of a text; None if it was never checked."""
        table = schema.strategy_checks
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.user == self._user, table.c.hash == hash_)).first()
        return StoredCheck(row.hash, row.name, row.passed, row.checked_at, row.result) if row is not None else None

    def last_check(self, name: str) -> StoredCheck | None:
        """Return the newest check of any text of a strategy; None if no text of this name was checked."""
        table = schema.strategy_checks
        query = select(table).where(table.c.user == self._user, table.c.name == name).order_by(table.c.checked_at.desc())
        with self._database.read() as connection:
            row = connection.execute(query.limit(1)).first()
        return StoredCheck(row.hash, row.name, row.passed, row.checked_at, row.result) if row is not None else None

    def used(self) -> list[UsedStrategy]:
        """Return the strategies that `analyze` runs, in the order in which they were first used."""
        return self.chosen() or [UsedStrategy(REVERSION, "", Decimal(1))]

    def chosen(self) -> list[UsedStrategy]:
        """Return the strategies that `strategy use` has chosen; empty before the first."""
        with self._database.read() as connection:
            rows = _CHOSEN.all(connection, {"of_user": self._user})
        return [UsedStrategy(row.name, row.hash, Decimal(row.share), row.used_at) for row in rows]

    def use(self, strategy: UsedStrategy, now: datetime) -> None:
        """Use a strategy from now on; one that is used keeps its place, with the new hash and share.

        Raises UsageError if the shares of all used strategies would exceed 1.
        """
        row = {"user": self._user, "name": strategy.name, "hash": strategy.hash, "share": format(strategy.share.normalize(), "f")}
        with self._database.note() as connection:
            chosen = self.chosen()
            earlier = {item.name: item.used_at for item in chosen}
            left = left_of(chosen, strategy.name)
            if strategy.share > left:
                others = ", ".join(f"{item.name} {item.share.normalize():f}" for item in chosen if item.name != strategy.name)
                raise UsageError(
                    f"a share of {strategy.share.normalize():f} is too much: {left.normalize():f} is left beside {others}; "
                    f"write --share {left.normalize():f} or less, or lower another one"
                    if left
                    else f"nothing is left beside {others}: give one of them a lower share first, or drop it"
                )
            upsert_rows(
                connection, schema.user_strategies, ("user", "name"), [{**row, "used_at": earlier.get(strategy.name) or now}]
            )

    def drop(self, name: str) -> bool:
        """Stop using a strategy; return whether it was used. Its positions stay with it."""
        table = schema.user_strategies
        with self._database.note() as connection:
            return connection.execute(delete(table).where(table.c.user == self._user, table.c.name == name)).rowcount > 0


def left_of(chosen: Sequence[UsedStrategy], name: str = "") -> Decimal:
    """Return the share that is left beside the chosen strategies. `name`: one whose own share does not count."""
    return 1 - sum((item.share for item in chosen if item.name != name), Decimal())
