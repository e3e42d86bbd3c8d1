"""Store daily statistics: one row a session with cash, equity, P&L and drawdown, as `eod` computes them."""

from __future__ import annotations

from datetime import date

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import bindparam, delete, insert, select

from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.schema import daily_stats


class DayStatistics(Struct, frozen=True):
    """A row of `daily_stats`. Amounts in paise; `realised` is net of charges, `drawdown` a fraction of the peak equity."""

    session_date: date
    cash: int
    holdings_value: int
    equity: int
    realised: int
    unrealised: int
    charges: int
    dividends: int
    trades: int
    winners: int
    open_positions: int
    mismatches: int
    peak_equity: int
    drawdown: float


class Statistics:
    """The daily statistics of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def write(self, day: DayStatistics) -> None:
        """Store a session's row. It replaces the row that the session already has."""
        with self._database.note() as connection:
            _DELETE.execute(connection, {"of_user": self._user, "of_session": day.session_date})
            _INSERT.execute(connection, {"user": self._user, **asdict(day)})

    def before(self, session: date) -> DayStatistics | None:
        """Return the newest row of an earlier session; None if there is none."""
        with self._database.read() as connection:
            row = _BEFORE.first(connection, {"of_user": self._user, "of_session": session})
        return DayStatistics(*(getattr(row, name) for name in DayStatistics.__struct_fields__)) if row is not None else None

    def all(self) -> list[DayStatistics]:
        """Return every row, oldest session first."""
        query = select(daily_stats).where(daily_stats.c.user == self._user).order_by(daily_stats.c.session_date)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [DayStatistics(**{name: row[name] for name in DayStatistics.__struct_fields__}) for row in rows]


_MINE = daily_stats.c.user == bindparam("of_user")
_DELETE = CompiledStatement(delete(daily_stats).where(_MINE, daily_stats.c.session_date == bindparam("of_session")))
_INSERT = CompiledStatement(insert(daily_stats).inline())
_BEFORE = CompiledStatement(
    select(daily_stats)
    .where(_MINE, daily_stats.c.session_date < bindparam("of_session"))
    .order_by(daily_stats.c.session_date.desc())
    .limit(1)
)
