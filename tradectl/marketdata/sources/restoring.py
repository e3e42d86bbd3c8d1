"""Restore adjusted bars as traded, or reject them.

Yahoo and brokers divide historical prices by later splits and bonuses. Each bar is multiplied by the ratios after its session.
The result is accepted only if the prices are multiples of the tick size, the ratios agree with the stored corporate actions, and
the closes agree with the stored bars. Stored bars never change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from msgspec import Struct

from tradectl.errors import DataError
from tradectl.exchange.sessions import Session
from tradectl.execution.session_close import is_final
from tradectl.marketdata.sources.past import Client, Past
from tradectl.marketdata.sources.port import Absent, Delivery, Part
from tradectl.model.market import ActionKind, CorporateAction

SEAM = timedelta(days=10)
"""How long before the first wanted session stored closes are compared with the source's closes."""
SEAM_WIDTH = 0.03
"""Largest relative difference from a stored close. NSE's close is the average of the last half hour, and a source may give the
last price, which differs by up to 2 %. A split makes a larger difference."""
LARGE_DIVIDEND = 0.015
"""Dividend as a share of the price from which a source may have adjusted prices.

Kite adjusts for a dividend of 2 % of the price or more. It does not say which day's price, so the limit here is lower (source:
support.zerodha.com)."""
NEAR = timedelta(days=10)
"""Maximum age of the price that a dividend is compared with: a few sessions and holidays. An old price may be far off."""
LIST_IS_OLD = timedelta(days=31)
"""A list of corporate actions whose newest ex-date is older is incomplete, because some share has an ex-date every month."""


class Known(Struct, frozen=True):
    """Hold the stored facts about a symbol.

    Attributes:
        name_on: Returns the symbol on a session.
        tick_on: Returns the tick size in paise on a session, for a price in paise.
        closes: Final closes in paise, by session.
        ratios: New shares for one old, by ex-date.
        others: Corporate actions that do not change the number of shares but may change prices.
        listed: Oldest and newest ex-date of any share in the stored list; None if no list covers this symbol.
    """

    name_on: Callable[[date], str]
    tick_on: Callable[[date, int], int]
    closes: Mapping[date, int]
    ratios: Mapping[date, Fraction]
    others: Sequence[CorporateAction] = ()
    listed: tuple[date, date] | None = None


class Knowledge(Protocol):
    """Read the stored facts about symbols."""

    def of(self, symbol: str, today: date) -> Known:
        """Return the facts about a symbol, with corporate actions up to `today`."""
        ...


class Reach(StrEnum):
    """Select the sessions without a stored bar that are fetched for a symbol. A symbol without any bar gets all of them."""

    GIVEN = "given"
    """All sessions of the given dates."""
    GAPS = "gaps"
    """Sessions after the first stored bar of the symbol."""
    NEWER = "newer"
    """Sessions after the last stored bar of the symbol."""


class RestoredBars:
    """Provide a source whose parts are symbols, each with the sessions that have no stored bar."""

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
        """Create the source.

        `now`: returns the time of the home's clock. `today`: the machine's date, up to which the client's prices are adjusted."""
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
        """Return the part as a daily CSV. Raises DataError if the adjustment cannot be undone with certainty."""
        known, title = self._knowledge.of(part.name, self._today), self._client.title
        first, last = part.sessions[0].date, part.sessions[-1].date
        past = self._client.past(part.name, first - SEAM, last)
        if past is None:
            return Absent(f"{title} does not know this symbol")
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
    """Restore the history of one share."""

    def __init__(self, symbol: str, past: Past, known: Known, client: Client, today: date) -> None:
        self._symbol, self._rows, self._known, self._client, self._today = symbol, past.rows, known, client, today
        self._title = client.title
        self._named = past.splits is not None
        ratios = known.ratios if past.splits is None else past.splits
        self._splits = {day: ratio for day, ratio in sorted(ratios.items()) if self._named or day <= today}

    def check(self, first: date) -> None:
        """Raise DataError if the adjustments of the prices since `first` are not known with certainty."""
        if self._named:
            self._check_ratios(first)
        else:
            self._check_others(first)
        self._check_seam(first)

    def _check_ratios(self, first: date) -> None:
        """Raise DataError for a stored split or bonus that the source lacks or reports with another ratio."""
        for ex_date, ratio in self._known.ratios.items():
            if first < ex_date <= self._today and self._splits.get(ex_date) != ratio:
                said = self._splits.get(ex_date)
                theirs = f"reports {said}" if said else "reports none"
                raise DataError(
                    f"{self._symbol}: the stored list has the split {ratio} of {ex_date}, but {self._title} {theirs};"
                    " not imported"
                )

    def _check_others(self, first: date) -> None:
        """Raise DataError if the source may have adjusted prices for an action whose factor is not known."""
        for action in self._known.others:
            if first < action.ex_date <= self._today and self._moves_prices(action):
                raise DataError(
                    f"{self._symbol}: {self._title}'s factor for the {action.kind} of {action.ex_date} is not known;"
                    f" not imported. --since {action.ex_date} imports the sessions from then on"
                )

    def _moves_prices(self, action: CorporateAction) -> bool:
        """Return whether the source may have adjusted prices for an action.

        A dividend of unknown amount, or without a near price before it, counts as large.
        """
        if action.kind is not ActionKind.DIVIDEND:
            return action.kind in {ActionKind.DEMERGER, ActionKind.RIGHTS, ActionKind.UNKNOWN}
        price = self._price_before(action.ex_date)
        return price is None or not action.dividend or action.dividend >= LARGE_DIVIDEND * price

    def _price_before(self, ex_date: date) -> float | None:
        """Return the last close before a date in paise, at most NEAR old; None without one.

        A stored close is preferred to the source's restored close of the same date."""
        closes = {day: self._rows[day][3] * float(self._factor(day)) for day in self._near(self._rows, ex_date)}
        closes = {day: close for day, close in closes.items() if not math.isnan(close)}
        closes |= {day: self._known.closes[day] for day in self._near(self._known.closes, ex_date)}
        return closes[max(closes)] if closes else None

    def _near(self, days: Iterable[date], ex_date: date) -> Iterator[date]:
        return (day for day in days if ex_date - NEAR <= day < ex_date)

    def _check_seam(self, first: date) -> None:
        """Raise DataError if a restored close differs from the stored one by more than SEAM_WIDTH.

        If the source does not report splits, also raise without proof that all are known. Proof is a stored close up to `first`
        or a list of corporate actions from `first` to today."""
        proved, since = self._named, max(first - SEAM, self._moved_before(first))
        for day, close in self._known.closes.items():
            if day < since or day not in self._rows:
                continue
            restored = self._rows[day][3] * float(self._factor(day))
            if abs(restored - close) > SEAM_WIDTH * close:
                raise DataError(
                    f"{self._symbol}: {self._title}'s close of {day}, restored, is {restored / 100:.2f}, but {close / 100:.2f} is"
                    " stored; the splits cannot be undone with certainty, so nothing was imported"
                )
            proved = proved or day <= first
        if not proved and not self._listed_since(first):
            raise DataError(
                f"{self._symbol}: {self._title} does not report splits, and neither a stored close of the days before {first} nor"
                " a list of corporate actions from then to today proves that all are known; not imported"
            )

    def _moved_before(self, first: date) -> date:
        """Return the last ex-date up to `first` of an action without a ratio. Closes before this date are not compared."""
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
        """Return open, high, low and close in paise and the volume, as traded; None if the source has no complete bar.

        Raises DataError if a price cannot be restored."""
        row = self._rows.get(day)
        if row is None or any(math.isnan(value) for value in row[:4]):
            return None
        factor = self._factor(day)
        prices = [self._restored(day, value, float(factor)) for value in row[:4]]
        return prices[0], prices[1], prices[2], prices[3], max(0, round(row[4] / float(factor)))

    def _factor(self, day: date) -> Fraction:
        """Return the factor by which the source divided the prices of a date."""
        return math.prod((ratio for ex_date, ratio in self._splits.items() if ex_date > day), start=Fraction(1))

    def _restored(self, day: date, value: float, factor: float) -> int:
        """Return the traded price in paise: the multiple of the tick size that fits the source's price.

        Raises DataError if no multiple or several multiples fit."""
        exact = value * factor
        tick = self._known.tick_on(day, round(exact))
        price = round(exact / tick) * tick
        off, blur = abs(exact - price), self._client.blur(exact, factor)
        several = factor != 1 and tick - off <= blur
        if price <= 0 or off > blur or several:
            why = "near several multiples of" if several else "not a multiple of"
            raise DataError(
                f"{self._symbol}: {self._title}'s price of {day}, restored, is {exact / 100:.4f}, {why} the tick size"
                f" {tick / 100:.2f}; the splits cannot be undone with certainty, so nothing was imported"
            )
        return price
