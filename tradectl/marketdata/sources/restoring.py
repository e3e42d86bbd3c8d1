"""Yahoo's bars made what was traded again, or refused.

Yahoo divides all history by the splits and bonuses that came later. So a bar is multiplied by those after its session; and what
comes out is believed only if it lies on the tick, agrees with our own list of corporate actions, and fits the bars that we have.
Bars that we have are never touched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from tradectl.errors import DataError
from tradectl.exchange.sessions import Session
from tradectl.execution.closing import is_final
from tradectl.marketdata.sources.port import Absent, Delivery, Part
from tradectl.marketdata.sources.yahoo import Chart, Yahoo, period_since

if TYPE_CHECKING:
    from collections.abc import Callable

SEAM = timedelta(days=10)
"""How far before the first wanted session the stored closes are compared with Yahoo's."""
SEAM_WIDTH = 0.03
"""The official close is an average of the last half hour, Yahoo's may be the last price: up to 2 % apart. A split is more."""
NOISE = 2.5e-7
"""Yahoo's numbers have seven digits; a price that lies further off the tick was not made by a split alone."""


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a symbol: its name and tick in a session, stored final closes by session, ratios by ex-date."""

    name_on: Callable[[date], str]
    tick_on: Callable[[date, int], int]
    closes: Mapping[date, int]
    ratios: Mapping[date, Fraction]


class Knowledge(Protocol):
    """What is known before Yahoo is asked."""

    def of(self, symbol: str, today: date) -> Known: ...


class YahooBars:
    """The source `yahoo`: a part is a symbol with the sessions that it lacks."""

    name = "yahoo"
    together = 20

    def __init__(
        self,
        yahoo: Yahoo,
        symbols: Sequence[str],
        knowledge: Knowledge,
        now: Callable[[], datetime],
        today: date,
        *,
        gaps_only: bool = False,
    ) -> None:
        """`now`: the time of the day that is traded; `today`: the machine's date, to which Yahoo's periods reach; `gaps_only`:
        nothing from before the first stored bar of a symbol."""
        self._yahoo, self._symbols, self._knowledge, self._now, self._today = yahoo, symbols, knowledge, now, today
        self._gaps_only = gaps_only

    def parts(self, sessions: Sequence[Session]) -> Sequence[Part]:
        found = []
        for symbol in self._symbols:
            stored = self._knowledge.of(symbol, self._today).closes
            first = min(stored) if self._gaps_only and stored else date.min
            lacking = tuple(session for session in sessions if session.date not in stored and session.date > first)
            if lacking:
                found.append(Part(symbol, lacking))
        return found

    def fetch(self, part: Part) -> Delivery | Absent:
        """The part as a daily CSV. DataError where Yahoo's adjustment cannot be undone for certain."""
        known = self._knowledge.of(part.name, self._today)
        first = part.sessions[0].date
        chart = self._yahoo.chart(part.name, period_since(first - SEAM, self._today))
        if chart is None:
            return Absent("Yahoo does not know it")
        history = _History(chart, known, self._today)
        history.check_ratios(first)
        history.check_seam(first - SEAM)
        lines, lacking = [], []
        for session in part.sessions:
            bar = history.bar(session.date)
            if bar is None:
                lacking.append(session.date)
                continue
            provisional = 0 if is_final(session.date, self._now()) else 1
            prices = ",".join(f"{price // 100}.{price % 100:02d}" for price in bar[:4])
            lines.append(f"{session.date},{known.name_on(session.date)},EQ,{prices},{bar[4]},{provisional}")
        if not lines:
            return Absent(f"Yahoo has no bar of {lacking[0]}" + (f" to {lacking[-1]}" if len(lacking) > 1 else ""))
        header = "date,symbol,series,open,high,low,close,volume,provisional"
        content = "\n".join([header, *lines, ""]).encode()
        return Delivery(f"yahoo-{part.name}.csv", content, tuple(lacking))


class _History:
    """One chart, by date."""

    def __init__(self, chart: Chart, known: Known, today: date) -> None:
        self._symbol, self._known, self._today = chart.symbol, known, today
        rows = chart.frame[["Open", "High", "Low", "Close", "Volume", "Stock Splits"]].itertuples(name=None)
        self._rows: dict[date, tuple[float, ...]] = {stamp.date(): tuple(values) for stamp, *values in rows}
        splits = {day: row[5] for day, row in self._rows.items() if row[5] > 0}
        self._splits = {day: Fraction(ratio).limit_denominator(10_000) for day, ratio in sorted(splits.items())}

    def check_ratios(self, first: date) -> None:
        """DataError where our own list has a split or bonus that Yahoo lacks, or has another ratio for it."""
        for ex_date, ratio in self._known.ratios.items():
            if first < ex_date <= self._today and self._splits.get(ex_date) != ratio:
                said = self._splits.get(ex_date)
                theirs = f"says {said}" if said else "knows of none"
                raise DataError(f"{self._symbol}: the split of {ex_date} is {ratio} by our list and Yahoo {theirs}; not imported")

    def check_seam(self, since: date) -> None:
        """DataError where a restored close is far from the one that is stored."""
        for day, close in self._known.closes.items():
            if day < since or day not in self._rows:
                continue
            restored = self._rows[day][3] * float(self._factor(day)) * 100
            if abs(restored - close) > SEAM_WIDTH * close:
                raise DataError(
                    f"{self._symbol}: Yahoo's close of {day} comes to {restored / 100:.2f} and {close / 100:.2f} is stored;"
                    " its splits cannot be undone for certain"
                )

    def bar(self, day: date) -> tuple[int, int, int, int, int] | None:
        """Open, high, low, close in paise and the volume, as traded; None where Yahoo has a hole."""
        row = self._rows.get(day)
        if row is None or any(math.isnan(value) for value in row[:4]):
            return None
        factor = self._factor(day)
        prices = [self._restored(day, value, factor) for value in row[:4]]
        return prices[0], prices[1], prices[2], prices[3], max(0, round(row[4] / float(factor)))

    def _factor(self, day: date) -> Fraction:
        """By how much Yahoo has divided the prices of a date."""
        return math.prod((ratio for ex_date, ratio in self._splits.items() if ex_date > day), start=Fraction(1))

    def _restored(self, day: date, value: float, factor: Fraction) -> int:
        exact = value * float(factor) * 100
        tick = self._known.tick_on(day, round(exact))
        price = round(exact / tick) * tick
        if price <= 0 or abs(exact - price) > 0.02 + price * NOISE:
            raise DataError(
                f"{self._symbol}: Yahoo's price of {day} comes to {exact / 100:.4f}, not on the tick of {tick / 100:.2f};"
                " its splits cannot be undone for certain"
            )
        return price
