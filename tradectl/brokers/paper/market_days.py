"""Hold the prices of one instrument on one session: hours, path, close and band.

A market day holds the whole session, so callers must not use data from after their moment (`matching` and `quote` do not).
With a virtual clock the data of a session is complete and is read once. With the machine's clock or a live source, today's
data still grows, so today's market day is read again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from tradectl.brokers.paper.quote_snapshots import SnapshotsOf, bar_of_snapshots, path_of_snapshots
from tradectl.exchange.bands import Band, price_band
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.sessions import Session
from tradectl.model.history import History
from tradectl.model.market import Bar, Instrument, Quote
from tradectl.model.price_path import Path, daily_path, minute_path
from tradectl.model.series import TRADE_FOR_TRADE
from tradectl.ports import MarketData

SOURCE = "paper"
"""The source name in the quotes."""
REREAD = timedelta(seconds=15)
"""How old today's market day may become while today's data still grows."""

Minutes = Sequence[tuple[int, int, int, int, int, int]]


@dataclass(frozen=True)
class Hours:
    """Hold the moments of a session that matter to the orders of one instrument.

    `reference_end` and `closing_match_at` are None without a closing auction, `post_close` is None without a post-close
    session. `parts` are the starts and ends of continuous trading.
    """

    release_at: datetime
    opening_match_at: datetime
    parts: tuple[tuple[datetime, datetime], ...]
    reference_end: datetime | None
    closing_match_at: datetime | None
    post_close: tuple[datetime, datetime] | None

    @classmethod
    def of(cls, session: Session, closing_auction: bool) -> Hours:
        """Return the hours of a session for stocks with or without a closing auction."""
        phases = session.phases(closing_auction)
        first = {phase.kind: phase for phase in reversed(phases)}
        parts = tuple((phase.start, phase.end) for phase in phases if phase.kind is PhaseKind.CONTINUOUS)
        matching = first.get(PhaseKind.PRE_OPEN_MATCHING)
        closing, post = first.get(PhaseKind.CLOSING_MATCHING), first.get(PhaseKind.POST_CLOSE)
        return cls(
            phases[0].start,
            matching.end if matching else parts[0][0],
            parts,
            session.reference_end(closing_auction),
            closing.end if closing else None,
            (post.start, post.end) if post else None,
        )

    @cached_property
    def open_at(self) -> datetime:
        """Return the start of continuous trading."""
        return self.parts[0][0]

    @cached_property
    def continuous_end(self) -> datetime:
        """Return the end of continuous trading."""
        return self.parts[-1][1]

    @cached_property
    def close_at(self) -> datetime:
        """Return the moment at which the official close is known and DAY orders end."""
        return self.closing_match_at or self.continuous_end

    def trading_from(self, moment: datetime) -> tuple[datetime, int] | None:
        """Return the first moment of continuous trading at or after `moment`, and its trading second. None if trading is over."""
        for start, end in self.parts:
            if moment <= end:
                since = max(start, moment)
                return (since, self.second(since)) if since < self.continuous_end else None
        return None

    def second(self, moment: datetime) -> int:
        """Return the whole seconds of continuous trading up to `moment`, all parts."""
        if len(self.parts) == 1:
            start, end = self.parts[0]
            return int((min(moment, end) - start).total_seconds()) if moment > start else 0
        return int(sum((min(moment, end) - start).total_seconds() for start, end in self.parts if moment > start))

    def moment(self, second: int) -> datetime:
        """Return the moment at which `second` seconds of continuous trading have passed."""
        left = timedelta(seconds=second)
        for start, end in self.parts:
            if start + left <= end:
                return start + left
            left -= end - start
        return self.continuous_end


@dataclass(frozen=True, eq=False)
class MarketDay:
    """Hold one instrument on one session. Prices are in paise. Without data `path`, `open` and `close` are None: no trades.

    Args:
        previous_close: Adjusted for the session's corporate actions.
        minutes: Minute bars as (minute, open, high, low, close, volume in shares).
        seen: The path through the snapshots of a live source, None without snapshots.
        seconds: Seconds of continuous trading.
        step: Minutes to which the turning points of a daily path are moved.
        traded_minutes: The minutes that have a bar; empty without minute bars.
    """

    instrument: Instrument
    session: Session
    hours: Hours
    previous_close: int | None
    band: Band | None
    bar: Bar | None
    minutes: Minutes
    seen: Path | None
    seconds: int
    step: int
    read_at: datetime
    traded_minutes: tuple[int, ...]

    @cached_property
    def path(self) -> Path | None:
        """Return the price path from minute bars if there are any, else from snapshots, else from the daily bar."""
        if self.minutes:
            return minute_path(self.minutes, self.bar.open if self.bar else self.minutes[0][1])
        if self.seen is not None or self.bar is None:
            return self.seen
        return daily_path(self.bar.open, self.bar.high, self.bar.low, self.bar.close, self.seconds // 60, self.step)

    @cached_property
    def trade_for_trade(self) -> bool:
        """Return whether shares bought on this session cannot be sold on it."""
        return self.instrument.series in TRADE_FOR_TRADE

    @cached_property
    def open(self) -> int | None:
        """Return the opening price (paise), None without data."""
        if self.bar is not None and (self.minutes or self.seen is None):
            return self.bar.open
        return self.path.prices[0] if self.path else None

    @cached_property
    def close(self) -> int | None:
        """Return the official close, without a daily bar the last price (paise)."""
        return self.bar.close if self.bar else self.path.prices[-1] if self.path else None

    @cached_property
    def low(self) -> int:
        """Return the lowest price (paise) of the session."""
        return self.bar.low if self.bar else min(bar[3] for bar in self.minutes)

    @cached_property
    def high(self) -> int:
        """Return the highest price (paise) of the session."""
        return self.bar.high if self.bar else max(bar[2] for bar in self.minutes)

    @cached_property
    def volume(self) -> int:
        """Return the traded shares of the session."""
        return self.bar.volume if self.bar else sum(bar[5] for bar in self.minutes)

    @cached_property
    def reference(self) -> int | None:
        """Return the closing auction's reference price (paise).

        It is the last price of continuous trading, an approximation of the exchange's average of the last 15 minutes.
        """
        return self.path.price_at(self.seconds) if self.path else None

    def quote(self, symbol: str, band: Band | None, now: datetime, *, at: datetime) -> Quote | None:
        """Return the quote of a moment after the opening match, None if nothing traded.

        Before the close it uses the path up to `now`, after the close the whole session. `at` is the time stamp of the quote.
        """
        if self.close is None:
            return None
        hours = self.hours
        if now >= hours.close_at:
            last, low, high, volume, traded_at = self.close, self.low, self.high, self.volume, hours.close_at
        elif self.path is None:
            return None
        else:
            second = hours.second(now)
            low, high, last = self.path.until(second)
            volume = self.volume * second // self.seconds
            traded = self.traded_through(second)
            traded_at = min(now, hours.moment(traded)) if traded else min(now, hours.opening_match_at)
        return Quote(
            symbol, last, at, SOURCE, last_trade_at=traded_at, open=self.open, high=high, low=low, volume=volume,
            lower_band=band.low if band else None, upper_band=band.high if band else None,
        )  # fmt: skip

    def traded_through(self, second: int) -> int:
        """Return the second of the last trade at or before `second`. With minute bars, a missing minute has no trades."""
        if not self.traded_minutes:
            return second
        index = bisect_right(self.traded_minutes, second // 60) - 1
        return 0 if index < 0 else min(second, self.traded_minutes[index] * 60 + 59)


class MarketDays:
    """Hold the market days of all instruments. Each is created at its first use."""

    def __init__(self, market: MarketData, *, step: int, complete: bool, snapshots: SnapshotsOf | None = None) -> None:
        """Create an empty store of market days.

        Args:
            step: Minutes to which the turning points of a daily path are moved.
            complete: Whether today's data no longer grows.
            snapshots: Returns the snapshots of a live source. None without one.
        """
        self._market = market
        self._snapshots_of = snapshots
        self._step = step
        self.complete = complete
        self._market_days: dict[tuple[str, date], MarketDay] = {}
        self._hours: dict[tuple[date, bool], Hours] = {}

    def hours(self, session: Session, closing_auction: bool) -> Hours:
        """Return the hours of a session, cached."""
        key = session.date, closing_auction
        if key not in self._hours:
            self._hours[key] = Hours.of(session, closing_auction)
        return self._hours[key]

    def market_day(self, instrument_id: str, session: Session, now: datetime) -> MarketDay:
        """Return a market day, read again after `REREAD` while today's data still grows."""
        key = instrument_id, session.date
        market_day = self._market_days.get(key)
        if market_day is None or (not self.complete and now - market_day.read_at >= REREAD):
            market_day = self._market_days[key] = self._read(instrument_id, session, now)
        return market_day

    def seen(self, instrument_id: str, day: date) -> None:
        """Drop the market day of a session after a new price was read."""
        self._market_days.pop((instrument_id, day), None)

    def forget_before(self, day: date) -> None:
        """Drop the market days of sessions earlier than `day`, and those that have no data."""
        self._market_days = {
            key: market_day for key, market_day in self._market_days.items() if key[1] >= day and market_day.close is not None
        }
        self._hours = {key: hours for key, hours in self._hours.items() if key[0] >= day}

    def forget_all(self) -> None:
        """Drop all market days."""
        self._market_days.clear()

    def close_before(self, instrument_id: str, day: date) -> int | None:
        """Return the last close before a date, as traded (paise), None without one."""
        history = self._market.history(instrument_id)
        index = history.last_index(day) if history else -1
        if history and index >= 0 and history.session(index) == day:
            index -= 1
        return int(history.close[index]) if history and index >= 0 else None

    def _read(self, instrument_id: str, session: Session, now: datetime) -> MarketDay:
        instrument = self._market.instrument(instrument_id, session.date)
        hours = self.hours(session, instrument.closing_auction)
        total = session.minutes(instrument.closing_auction)
        history = self._market.history(instrument_id)
        index = history.index(session.date) if history else None
        stored = history.bar(index) if history and index is not None else None
        snapshots = self._snapshots_of(instrument_id, session.date) if self._snapshots_of else ()
        bar = stored or bar_of_snapshots(snapshots, instrument.series)
        minutes = _regular(self._market.minutes(instrument_id, session.date), total) if len(hours.parts) == 1 else ()
        seen = path_of_snapshots(snapshots, hours.second, total * 60)
        opened = bar.open if bar else None
        previous = self._previous_close(instrument_id, history, index, session.date, opened)
        band = None
        if previous is not None:
            low, high = (bar.low, bar.high) if bar else (None, None)
            tick, dynamic = instrument.tick_size, instrument.derivatives
            band = price_band(previous, tick, derivatives=dynamic, bar_low=low, bar_high=high)
        return MarketDay(
            instrument=instrument,
            session=session,
            hours=hours,
            previous_close=previous,
            band=band,
            bar=bar,
            minutes=minutes,
            seen=seen,
            seconds=total * 60,
            step=self._step,
            read_at=now,
            traded_minutes=tuple(minute[0] for minute in minutes),
        )

    def _previous_close(
        self, instrument_id: str, history: History | None, index: int | None, day: date, opened: int | None
    ) -> int | None:
        """Return the last close (paise) before the session, adjusted to the prices of the session.

        None if there is no earlier close, or if the adjustment is not known yet. `index`: of the session's bar, if it has one.
        """
        if history is None:
            return None
        before = index - 1 if index is not None else history.last_index(day)
        if before < 0:
            return None
        multiplier = self._market.multiplier(instrument_id, day, opened)
        if multiplier is None:
            return None
        return max(1, round(int(history.close[before]) * float(history.multiplier[before]) / multiplier))


def _regular(minutes: Minutes, total: int) -> Minutes:
    """Return the minute bars that belong to continuous trading."""
    return tuple(minute for minute in minutes if 0 <= minute[0] < total)
