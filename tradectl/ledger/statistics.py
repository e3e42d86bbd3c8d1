"""One row a session: cash, equity, P&L and drawdown as `eod` found them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import delete, insert, select

from tradectl.ledger.engine import Database
from tradectl.ledger.schema import daily_stats


@dataclass(frozen=True, slots=True)
class DayStatistics:
    """A row of `daily_stats`. Amounts in paise; `realised` is net of charges, `drawdown` a share of the peak equity."""

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
        """Write a session's row; a rerun replaces it."""
        with self._database.write() as connection:
            connection.execute(
                delete(daily_stats).where(daily_stats.c.user == self._user, daily_stats.c.session_date == day.session_date)
            )
            connection.execute(insert(daily_stats).values(user=self._user, **asdict(day)))

    def before(self, session: date) -> DayStatistics | None:
        """The newest row of an earlier session."""
        query = (
            select(daily_stats)
            .where(daily_stats.c.user == self._user, daily_stats.c.session_date < session)
            .order_by(daily_stats.c.session_date.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return DayStatistics(**{name: row[name] for name in DayStatistics.__slots__}) if row is not None else None

    def all(self) -> list[DayStatistics]:
        query = select(daily_stats).where(daily_stats.c.user == self._user).order_by(daily_stats.c.session_date)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [DayStatistics(**{name: row[name] for name in DayStatistics.__slots__}) for row in rows]
