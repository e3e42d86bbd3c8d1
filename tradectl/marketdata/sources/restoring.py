"""Restore adjusted bars as traded, or reject them.

A source like Yahoo, or a broker with its candles, divides all history by later splits and bonuses. A bar is multiplied by those
after its session. The result is accepted only if it is on the tick, agrees with our own list of corporate actions, and fits
the stored bars. Stored bars never change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from tradectl.errors import DataError
from tradectl.exchange.sessions import Session
from tradectl.execution.session_close import is_final
from tradectl.marketdata.sources.past import Client, Past
from tradectl.marketdata.sources.port import Absent, Delivery, Part
from tradectl.model.market import ActionKind, CorporateAction

SEAM = timedelta(days=10)
"""How far before the first wanted session the stored closes are compared with the source's."""
SEAM_WIDTH = 0.03
"""The official close is an average of the last half hour, a source's may be the last price: up to 2 % apart. A split is more."""
LARGE_DIVIDEND = 0.015
"""Kite removes a dividend of 2 % of the price or more from its candles, and does not name the day of that price. So a
dividend of a little less may be removed too (source: support.zerodha.com)."""
NEAR = timedelta(days=10)
"""How old a price may be by which a dividend is measured: a few sessions and a holiday or two. A share may halve in a year."""
LIST_IS_OLD = timedelta(days=31)
"""In every month some share goes ex: a list of corporate actions whose newest is older does not reach to today."""


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a symbol: its name and tick in a session, stored final closes by session, ratios by ex-date.

    `others`: corporate actions that leave the count of shares alone, and may move prices. `listed`: the oldest and the newest
    ex-date of any share in our list of corporate actions; None if no such list covers this symbol.
    """

    name_on: Callable[[date], str]
    tick_on: Callable[[date, int], int]
    closes: Mapping[date, int]
    ratios: Mapping[date, Fraction]
    others: Sequence[CorporateAction] = ()
    listed: tuple[date, date] | None = None


class Knowledge(Protocol):
    """Stored facts about a symbol, read before a source is used."""

    def of(self, symbol: str, today: date) -> Known: ...


class Reach(StrEnum):
    """Which sessions without a stored bar a symbol is fetched for. One without any bar is fetched for all."""

    GIVEN = "given"
    """All of the given dates."""
    GAPS = "gaps"
    """Those after its first stored bar."""
    NEWER = "newer"
    """Those after its last stored bar."""


class RestoredBars:
    """A source whose parts are symbols, each with its sessions that have no stored bar."""

    together = 20

    def __init__(
        self,
        client: Client,
        symbols: Sequence[str],
        knowledge: Knowledge,
        now: Callable[[], datetime],
        today: date,
        *,
        reach: Reach = Reach.GIVEN,
    ) -> None:
        """`now`: the time of the day that is traded; `today`: the machine's date, up to which the client adjusts."""
        self._client, self._symbols, self._knowledge, self._now, self._today = client, symbols, knowledge, now, today
        self._reach = reach
        self.name = client.name

    def parts(self, sessions: Sequence[Session]) -> Sequence[Part]:
        found = []
        for symbol in self._symbols:
            stored = self._knowledge.of(symbol, self._today).closes
            begin = {Reach.GIVEN: date.min, Reach.GAPS: min(stored, default=date.min), Reach.NEWER: max(stored, default=date.min)}
            lacking = tuple(item for item in sessions if item.date not in stored and item.date > begin[self._reach])
            if lacking:
                found.append(Part(symbol, lacking))
        return found

    def fetch(self, part: Part) -> Delivery | Absent:
        """Return the part as a daily CSV. Raises DataError if the adjustment cannot be undone for certain."""
        known, title = self._knowledge.of(part.name, self._today), self._client.title
        first, last = part.sessions[0].date, part.sessions[-1].date
        past = self._client.past(part.name, first - SEAM, last)
        if past is None:
            return Absent(f"{title} does not know it")
        history = _History(part.name, past, known, self._client, self._today)
        history.check(first)
        lines, lacking = [], []
        for session in part.sessions:
            bar = history.bar(session.date)
            if bar is None:
                lacking.append(session.date)
                continue
            provisional = 0 if is_final(session.date, self._now()) else 1
            prices = ",".join(f"{price // 100}.{price % 100:02d}" for price in bar[:4])
            lines.append(f"{session.date},{known.name_on(session.date)},{past.series},{prices},{bar[4]},{provisional}")
        if not lines:
            return Absent(f"{title} has no bar of {lacking[0]}" + (f" to {lacking[-1]}" if len(lacking) > 1 else ""))
        header = "date,symbol,series,open,high,low,close,volume,provisional"
        content = "\n".join([header, *lines, ""]).encode()
        return Delivery(f"{self.name}-{part.name}.csv", content, tuple(lacking))


class _History:
    """One share's past, by date."""

    def __init__(self, symbol: str, past: Past, known: Known, client: Client, today: date) -> None:
        self._symbol, self._rows, self._known, self._client, self._today = symbol, past.rows, known, client, today
        self._title = client.title
        self._named = past.splits is not None
        ratios = known.ratios if past.splits is None else past.splits
        self._splits = {day: ratio for day, ratio in sorted(ratios.items()) if self._named or day <= today}

    def check(self, first: date) -> None:
        """Raise DataError if what was done to the prices since `first` is not known for certain."""
        if self._named:
            self._check_ratios(first)
        else:
            self._check_others(first)
        self._check_seam(first)

    def _check_ratios(self, first: date) -> None:
        """Raise DataError if our list has a split or bonus that the source lacks or has another ratio for."""
        for ex_date, ratio in self._known.ratios.items():
            if first < ex_date <= self._today and self._splits.get(ex_date) != ratio:
                said = self._splits.get(ex_date)
                theirs = f"says {said}" if said else "knows of none"
                raise DataError(
                    f"{self._symbol}: the split of {ex_date} is {ratio} by our list and {self._title} {theirs}; not imported"
                )

    def _check_others(self, first: date) -> None:
        """Raise DataError if the source may have divided prices by an action whose factor our list does not have."""
        for action in self._known.others:
            if first < action.ex_date <= self._today and self._moves_prices(action):
                raise DataError(
                    f"{self._symbol}: {self._title}'s factor for the {action.kind} of {action.ex_date} is not known;"
                    f" not imported. --since {action.ex_date} imports the sessions from then on"
                )

    def _moves_prices(self, action: CorporateAction) -> bool:
        """Return whether the source divided by an action.

        A dividend of unknown amount, or without a price before it, may be large.
        """
        if action.kind is not ActionKind.DIVIDEND:
            return action.kind in {ActionKind.DEMERGER, ActionKind.RIGHTS, ActionKind.UNKNOWN}
        price = self._price_before(action.ex_date)
        return price is None or not action.dividend or action.dividend >= LARGE_DIVIDEND * price

    def _price_before(self, ex_date: date) -> float | None:
        """Return the last close before a date (paise), if it is near: the stored one, as traded, else the source's."""
        closes = {day: self._rows[day][3] * float(self._factor(day)) for day in self._near(self._rows, ex_date)}
        closes = {day: close for day, close in closes.items() if not math.isnan(close)}
        closes |= {day: self._known.closes[day] for day in self._near(self._known.closes, ex_date)}
        return closes[max(closes)] if closes else None

    def _near(self, days: Iterable[date], ex_date: date) -> Iterator[date]:
        return (day for day in days if ex_date - NEAR <= day < ex_date)

    def _check_seam(self, first: date) -> None:
        """Raise DataError if a restored close is far from the stored one; or, if the source names no splits, without
        proof that we know them: a stored close up to `first`, or a list of actions from `first` to today."""
        proved, since = self._named, max(first - SEAM, self._moved_before(first))
        for day, close in self._known.closes.items():
            if day < since or day not in self._rows:
                continue
            restored = self._rows[day][3] * float(self._factor(day))
            if abs(restored - close) > SEAM_WIDTH * close:
                raise DataError(
                    f"{self._symbol}: {self._title}'s close of {day} comes to {restored / 100:.2f} and {close / 100:.2f} is"
                    " stored; its splits cannot be undone for certain"
                )
            proved = proved or day <= first
        if not proved and not self._listed_since(first):
            raise DataError(
                f"{self._symbol}: {self._title} names no splits, and neither a stored close of the days before {first} nor a list"
                " of corporate actions from then to today proves that we know them; not imported"
            )

    def _moved_before(self, first: date) -> date:
        """Return the date before which closes were divided by an action without a ratio; these are not compared."""
        if self._named:
            return date.min
        moves = (action.ex_date for action in self._known.others if action.ex_date <= first and self._moves_prices(action))
        return max(moves, default=date.min)

    def _listed_since(self, first: date) -> bool:
        if self._known.listed is None:
            return False
        oldest, newest = self._known.listed
        return oldest <= first and newest >= self._today - LIST_IS_OLD

    def bar(self, day: date) -> tuple[int, int, int, int, int] | None:
        """Open, high, low, close in paise and the volume, as traded; None where the source has a hole."""
        row = self._rows.get(day)
        if row is None or any(math.isnan(value) for value in row[:4]):
            return None
        factor = self._factor(day)
        prices = [self._restored(day, value, float(factor)) for value in row[:4]]
        return prices[0], prices[1], prices[2], prices[3], max(0, round(row[4] / float(factor)))

    def _factor(self, day: date) -> Fraction:
        """By how much the prices of a date were divided."""
        return math.prod((ratio for ex_date, ratio in self._splits.items() if ex_date > day), start=Fraction(1))

    def _restored(self, day: date, value: float, factor: float) -> int:
        """Return the only price on the tick (paise) that fits the source's. Raises DataError if none or several fit."""
        exact = value * factor
        tick = self._known.tick_on(day, round(exact))
        price = round(exact / tick) * tick
        off, blur = abs(exact - price), self._client.blur(exact, factor)
        several = factor != 1 and tick - off <= blur
        if price <= 0 or off > blur or several:
            why = "near more than one price on" if several else "not on"
            raise DataError(
                f"{self._symbol}: {self._title}'s price of {day} comes to {exact / 100:.4f}, {why} the tick of {tick / 100:.2f};"
                " its splits cannot be undone for certain"
            )
        return price
