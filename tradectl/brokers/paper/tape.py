"""What the market did: one instrument on one session, with its hours, path, close and band.

The tape knows the whole session; who reads it must not look past the moment at hand (`matching` and `quotation` do not).
On a virtual clock the data of a session is complete and read once. On the machine's clock, or with a source of live prices,
today's still arrive, so today's tape is read again as time goes on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tradectl.brokers.paper.seen import Looks, seen_bar, seen_path
from tradectl.exchange.bands import Band, price_band
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.sessions import Session
from tradectl.model.history import History
from tradectl.model.market import Bar, Instrument
from tradectl.model.price_path import Path, daily_path, minute_path
from tradectl.model.series import TRADE_FOR_TRADE
from tradectl.ports import MarketData

REREAD = timedelta(seconds=15)
"""How old today's tape may be while today's data still arrives."""

Minutes = Sequence[tuple[int, int, int, int, int, int]]


@dataclass(frozen=True)
class Hours:
    """The moments of a session that matter to the orders of one instrument. Where there is no closing auction, the three
    moments of it are None; the same for the post-close session."""

    release_at: datetime
    opening_match_at: datetime
    parts: tuple[tuple[datetime, datetime], ...]
    reference_end: datetime | None
    closing_match_at: datetime | None
    post_close: tuple[datetime, datetime] | None

    @classmethod
    def of(cls, session: Session, closing_auction: bool) -> Hours:
        phases = session.phases(closing_auction)
        first = {phase.kind: phase for phase in reversed(phases)}
        parts = tuple((phase.start, phase.end) for phase in phases if phase.kind is PhaseKind.CONTINUOUS)
        matching, reference = first.get(PhaseKind.PRE_OPEN_MATCHING), first.get(PhaseKind.CLOSING_REFERENCE)
        closing, post = first.get(PhaseKind.CLOSING_MATCHING), first.get(PhaseKind.POST_CLOSE)
        return cls(
            phases[0].start,
            matching.end if matching else parts[0][0],
            parts,
            reference.end if reference else None,
            closing.end if closing else None,
            (post.start, post.end) if post else None,
        )

    @property
    def open_at(self) -> datetime:
        return self.parts[0][0]

    @property
    def continuous_end(self) -> datetime:
        return self.parts[-1][1]

    @property
    def close_at(self) -> datetime:
        """When the official close is known and DAY orders end."""
        return self.closing_match_at or self.continuous_end

    def trading_from(self, moment: datetime) -> datetime | None:
        """The first moment of continuous trading at or after `moment`; None if that is over."""
        for start, end in self.parts:
            if moment <= end:
                return max(start, moment)
        return None

    def second(self, moment: datetime) -> int:
        """Whole seconds of continuous trading up to `moment`, all parts."""
        if len(self.parts) == 1:
            start, end = self.parts[0]
            return int((min(moment, end) - start).total_seconds()) if moment > start else 0
        return int(sum((min(moment, end) - start).total_seconds() for start, end in self.parts if moment > start))

    def moment(self, second: int) -> datetime:
        """The moment at which so many seconds of continuous trading have passed."""
        left = timedelta(seconds=second)
        for start, end in self.parts:
            if start + left <= end:
                return start + left
            left -= end - start
        return self.continuous_end


@dataclass(frozen=True, eq=False)
class Reel:
    """One instrument on one session. Without data `path` and the prices are None: nothing trades.

    `previous_close` is adjusted for the session's corporate actions; prices in paise, `volume` in shares.
    """

    instrument: Instrument
    session: Session
    hours: Hours
    previous_close: int | None
    band: Band | None
    bar: Bar | None
    minutes: Minutes
    path: Path | None
    seconds: int
    read_at: datetime
    traded_minutes: tuple[int, ...]

    @property
    def trade_for_trade(self) -> bool:
        return self.instrument.series in TRADE_FOR_TRADE

    @property
    def open(self) -> int | None:
        return self.path.prices[0] if self.path else None

    @property
    def close(self) -> int | None:
        """The official close; without a daily bar the last price."""
        return self.bar.close if self.bar else self.path.prices[-1] if self.path else None

    @property
    def low(self) -> int:
        return self.bar.low if self.bar else min(bar[3] for bar in self.minutes)

    @property
    def high(self) -> int:
        return self.bar.high if self.bar else max(bar[2] for bar in self.minutes)

    @property
    def volume(self) -> int:
        return self.bar.volume if self.bar else sum(bar[5] for bar in self.minutes)

    @property
    def reference(self) -> int | None:
        """The closing auction's reference price: the last continuous price stands for the average of the last 15 minutes."""
        return self.path.price_at(self.seconds) if self.path else None

    def traded_through(self, second: int) -> int:
        """The second of the last trade at or before `second`: with minute bars a missing minute has none."""
        if not self.traded_minutes:
            return second
        index = bisect_right(self.traded_minutes, second // 60) - 1
        return 0 if index < 0 else min(second, self.traded_minutes[index] * 60 + 59)


class Tape:
    """All reels, made when they are asked for."""

    def __init__(self, market: MarketData, *, step: int, complete: bool, looks: Looks | None = None) -> None:
        """`step`: minutes to which a daily path's turns are moved. `complete`: today's data no longer grows. `looks`: what was
        seen of a source of live prices."""
        self._market = market
        self._looks = looks
        self._step = step
        self._complete = complete
        self._reels: dict[tuple[str, date], Reel] = {}
        self._hours: dict[tuple[date, bool], Hours] = {}

    @property
    def complete(self) -> bool:
        return self._complete

    def hours(self, session: Session, closing_auction: bool) -> Hours:
        key = session.date, closing_auction
        if key not in self._hours:
            self._hours[key] = Hours.of(session, closing_auction)
        return self._hours[key]

    def reel(self, instrument_id: str, session: Session, now: datetime) -> Reel:
        key = instrument_id, session.date
        reel = self._reels.get(key)
        if reel is None or (not self._complete and now - reel.read_at >= REREAD):
            reel = self._reels[key] = self._read(instrument_id, session, now)
        return reel

    def seen(self, instrument_id: str, day: date) -> None:
        """A new price was seen: the session's reel is made anew."""
        self._reels.pop((instrument_id, day), None)

    def forget_before(self, day: date) -> None:
        """Drop the reels of sessions earlier than `day`, and those that were asked for before there was any data."""
        self._reels = {key: reel for key, reel in self._reels.items() if key[1] >= day and reel.path is not None}
        self._hours = {key: hours for key, hours in self._hours.items() if key[0] >= day}

    def close_before(self, instrument_id: str, day: date) -> int | None:
        """The last close before a date, as traded."""
        history = self._market.history(instrument_id)
        index = history.last_index(day) if history else -1
        if history and index >= 0 and history.session(index) == day:
            index -= 1
        return int(history.close[index]) if history and index >= 0 else None

    def _read(self, instrument_id: str, session: Session, now: datetime) -> Reel:
        instrument = self._market.instrument(instrument_id, session.date)
        hours = self.hours(session, instrument.closing_auction)
        total = session.minutes(instrument.closing_auction)
        history = self._market.history(instrument_id)
        index = history.index(session.date) if history else None
        stored = history.bar(index) if history and index is not None else None
        looks = self._looks(instrument_id, session.date) if self._looks else ()
        bar = stored or seen_bar(looks, instrument.series)
        minutes = _regular(self._market.minutes(instrument_id, session.date), total) if len(hours.parts) == 1 else ()
        path = self._path(bar, minutes, total, seen_path(looks, hours.second, total * 60))
        opened = bar.open if bar else None
        previous = self._previous_close(instrument_id, history, session.date, opened, stored=stored is not None)
        band = None
        if previous is not None:
            low, high = (bar.low, bar.high) if bar else (None, None)
            tick, dynamic = instrument.tick_size, instrument.derivatives
            band = price_band(previous, tick, derivatives=dynamic, bar_low=low, bar_high=high)
        return Reel(
            instrument, session, hours, previous, band, bar, minutes, path, total * 60, now,
            tuple(minute[0] for minute in minutes),
        )  # fmt: skip

    def _path(self, bar: Bar | None, minutes: Minutes, total: int, seen: Path | None) -> Path | None:
        """By minute bars where there are any, else by what was seen, else by the daily bar."""
        if minutes:
            return minute_path(minutes, bar.open if bar else minutes[0][1])
        if seen is not None:
            return seen
        return daily_path(bar.open, bar.high, bar.low, bar.close, total, self._step) if bar else None

    def _previous_close(
        self, instrument_id: str, history: History | None, day: date, opened: int | None, *, stored: bool
    ) -> int | None:
        """The last close before the session at the session's scale; None without one, or where the scale is not known yet."""
        if history is None:
            return None
        index = history.last_index(day) - int(stored)
        if index < 0:
            return None
        multiplier = self._market.multiplier(instrument_id, day, opened)
        if multiplier is None:
            return None
        return max(1, round(int(history.close[index]) * float(history.multiplier[index]) / multiplier))


def _regular(minutes: Minutes, total: int) -> Minutes:
    """The minute bars that belong to continuous trading."""
    return tuple(minute for minute in minutes if 0 <= minute[0] < total)
