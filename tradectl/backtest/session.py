"""Simulate one symbol's orders in one session, minute by minute (`walk`) or by a closed form with the same result.

In each minute the exchange fills orders up to that time, then the sell monitor makes a step. The open comes before the first
step. A buy waits at its limit from the open. The monitor keeps one sell order for all shares that may be sold, at the lowest
target price so far in the session. A sell at or below the last price trades at once at the last price. A waiting order trades at
its limit when the price path crosses the limit.

On the path of a daily bar only open, high, low and close matter, because a target never falls while the price rises.
`closed_form` compares these four prices; tests compare it with `walk`.

A rule may have a fixed target and a stop instead. A daily bar that reaches both does not tell which of the two came first; then
the stop counts as first, and the result says so. The same holds between two steps of the monitor on minute bars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tradectl.model.market import Bar
from tradectl.model.order import Side
from tradectl.model.price_path import MINUTE, MinuteBar, Path, daily_path, low_comes_first, minute_path
from tradectl.strategy.exits import target_price
from tradectl.strategy.parameters import Parameters


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """Hold the input of a session. Prices are in paise.

    Attributes:
        held: Shares that may be sold.
        ema_level: Fast EMA in rupees, at today's price scale.
        buy_limit: Limit of the buy order that waits for the open.
        buy_quantity: Its quantity; 0 for no order.
        same_day: Whether shares bought today may be sold today.
        exit_at_open: Sell at the open instead of at the target.
        ceiling: Lowest target of earlier sessions, which today's target must not exceed; None for no ceiling.
        fixed_target: Target of the whole session; None: the target follows the last price from `ema_level`.
        stop: At or below this price the shares are sold at once; None for no stop.
    """

    held: int
    ema_level: float
    tick: int
    buy_limit: int = 0
    buy_quantity: int = 0
    same_day: bool = True
    exit_at_open: bool = False
    ceiling: int | None = None
    fixed_target: int | None = None
    stop: int | None = None

    def target(self, last: int, parameters: Parameters) -> int:
        """Return the target price in paise. `last`: the last price in paise."""
        price = self.fixed_target
        if price is None:
            price = target_price(self.ema_level, last, self.tick, parameters)
        return price if self.ceiling is None else min(price, self.ceiling)


@dataclass(frozen=True, slots=True)
class SessionFill:
    """Represent a fill. `price`: paise. `second`: seconds after the open."""

    side: Side
    quantity: int
    price: int
    second: int


@dataclass(frozen=True, slots=True)
class SessionResult:
    """Hold the fills in order of time.

    Attributes:
        resting: Lowest target of unsold shares in paise; None without unsold shares.
        ambiguous: A bar reached both the stop and the target, so the stop was taken as first.
    """

    executions: tuple[SessionFill, ...] = ()
    resting: int | None = None
    ambiguous: bool = False


def trade(bar: Bar, minutes: int, minute_bars: tuple[MinuteBar, ...], plan: SessionPlan, parameters: Parameters) -> SessionResult:
    """Return the result of a session, along its minute bars if there are any, else along its daily bar.

    `minutes`: length of the session."""
    inside = [item for item in minute_bars if 0 <= item[0] < minutes]
    if inside:
        return walk(minute_path(inside, bar.open), minutes, plan, parameters)
    if _unusual(bar, plan, parameters):
        return walk(daily_path(bar.open, bar.high, bar.low, bar.close, minutes), minutes, plan, parameters)
    return closed_form(bar, minutes, plan, parameters)


def _unusual(bar: Bar, plan: SessionPlan, parameters: Parameters) -> bool:
    """Return whether the closed form cannot be used: a price below the open could be at or above its own target.

    That is possible if the open is not a multiple of the tick size, or if the buy limit is not below its target. A fixed target
    does not depend on the price, and the rules cancel a buy that would fill at or above it.
    """
    if plan.fixed_target is not None:
        return False
    return bar.open % plan.tick != 0 or (plan.buy_quantity > 0 and plan.buy_limit >= plan.target(plan.buy_limit, parameters))


def closed_form(bar: Bar, minutes: int, plan: SessionPlan, parameters: Parameters) -> SessionResult:
    """Return the result of `walk` along a daily bar's path, computed only from the bar's four prices."""
    low_first = low_comes_first(bar.open, bar.high, bar.low)
    at_open, at_low = plan.target(bar.open, parameters), plan.target(bar.low, parameters)
    executions: list[SessionFill] = []
    shares, wanted = plan.held, plan.buy_quantity
    if wanted and bar.open <= plan.buy_limit:
        executions.append(SessionFill(Side.BUY, wanted, bar.open, 0))
        shares += wanted if plan.same_day else 0
        wanted = 0
    if shares and (plan.exit_at_open or bar.open >= at_open or (plan.stop is not None and bar.open <= plan.stop)):
        executions.append(SessionFill(Side.SELL, shares, bar.open, 0))
        return SessionResult(tuple(executions))
    dips = wanted > 0 and bar.low <= plan.buy_limit
    best_after_low = bar.high if low_first else bar.close
    if plan.stop is not None and bar.low <= plan.stop and (shares or (dips and plan.same_day)):
        ambiguous = (bar.high if shares else best_after_low) >= at_open
        path = daily_path(bar.open, bar.high, bar.low, bar.close, minutes)
        executions += _stopped(path, minutes * MINUTE, plan, shares, wanted if dips else 0)
        return SessionResult(tuple(executions), ambiguous=ambiguous)
    rises_first = not low_first and shares > 0 and bar.high >= at_open
    if not dips and not rises_first and not (shares and best_after_low >= at_low):
        return SessionResult(tuple(executions), at_low if shares else None)
    path = daily_path(bar.open, bar.high, bar.low, bar.close, minutes)
    end = minutes * MINUTE
    if rises_first:
        executions.append(SessionFill(Side.SELL, shares, at_open, _reached(path.first_at_or_above(at_open, 0, end))))
        return SessionResult(tuple(executions))
    if dips:
        second = _reached(path.first_at_or_below(plan.buy_limit, 0, end))
        executions.append(SessionFill(Side.BUY, wanted, plan.buy_limit, second))
        shares += wanted if plan.same_day else 0
    if shares and best_after_low >= at_low:
        turn = path.seconds[1 if low_first else 2]
        executions.append(SessionFill(Side.SELL, shares, at_low, _reached(path.first_at_or_above(at_low, turn, end))))
        return SessionResult(tuple(executions))
    return SessionResult(tuple(executions), at_low if shares else None)


def _stopped(path: Path, end: int, plan: SessionPlan, shares: int, wanted: int) -> list[SessionFill]:
    """Return the fills after the open of a session whose low reaches the stop. The stop counts as reached before the target.

    `shares`: after the open. `wanted`: shares bought at the limit on the way down; 0 for none.
    """
    stop, begin, fills = plan.stop if plan.stop is not None else 0, 0, []
    if wanted and (plan.buy_limit > stop or not shares):
        begin = _reached(path.first_at_or_below(plan.buy_limit, 0, end))
        fills.append(SessionFill(Side.BUY, wanted, plan.buy_limit, begin))
        stop = stop if shares else min(stop, plan.buy_limit)
        shares += wanted if plan.same_day else 0
    return [*fills, SessionFill(Side.SELL, shares, stop, _reached(path.first_at_or_below(stop, begin, end)))]


def _reached(second: int | None) -> int:
    """Return `second`, which cannot be None on a daily path."""
    if second is None:
        raise AssertionError("the path of a daily bar does not reach a price between its low and high")
    return second


def walk(path: Path, minutes: int, plan: SessionPlan, parameters: Parameters, step: int = 1) -> SessionResult:
    """Return the result of a session along a price path. `step`: minutes between two steps of the sell monitor."""
    return _Walk(path, minutes * MINUTE, plan, parameters).run(step * MINUTE)


class _Walk:
    """Simulate the exchange and the sell monitor. The attributes are the state between two steps of the monitor."""

    def __init__(self, path: Path, end: int, plan: SessionPlan, parameters: Parameters) -> None:
        self.path, self.end, self.plan, self.parameters = path, end, plan, parameters
        self.executions: list[SessionFill] = []
        self.shares = plan.held
        self.wanted = plan.buy_quantity
        self.sold = False
        self.offered = 0
        self.resting: int | None = None
        self.ambiguous = False

    def run(self, step: int) -> SessionResult:
        """Run the whole session and return its result. `step`: seconds between two steps of the monitor."""
        opened = self.path.price_at(0)
        if self.wanted and opened <= self.plan.buy_limit:
            self._buy(opened, 0)
        if self.plan.exit_at_open and self.shares:
            self._sell(self.shares, opened, 0)
            return SessionResult(tuple(self.executions))
        now = 0
        while now < self.end and (self.shares or self.wanted):
            shares = self.shares
            self._monitor(now)
            self._exchange(now + 1, min(now + step, self.end))
            now += step
            if self.plan.fixed_target is not None and self.shares == shares:
                now = self._after_quiet_steps(now, step)
        return SessionResult(tuple(self.executions), self.resting if self.shares else None, self.ambiguous)

    def _after_quiet_steps(self, now: int, step: int) -> int:
        """Return the next step from `now` on in which a fixed target, the stop or the limit of the buy may be reached."""
        low = self.plan.buy_limit if self.wanted else -1
        if self.shares and self.plan.stop is not None:
            low = max(low, self.plan.stop)
        high = self.resting if self.shares and self.resting is not None else math.inf
        found = self.path.quiet_until(low, high, now)
        return self.end if found is None else max(now, found // step * step)

    def _monitor(self, now: int) -> None:
        """Do one step of the sell monitor: lower the target and offer all shares that may be sold.

        After a sale, and if the target is at or below the buy limit, the buy order is cancelled."""
        if self.sold:
            self.wanted = 0
        if not self.shares:
            return
        last = self.path.price_at(now)
        target = self.plan.target(last, self.parameters)
        self.resting = target if self.resting is None else min(self.resting, target)
        if self.resting <= self.plan.buy_limit:
            self.wanted = 0
        self.offered = self.shares
        if last >= self.resting or (self.plan.stop is not None and last <= self.plan.stop):
            self._sell(self.offered, last, now)
            self.wanted = 0

    def _exchange(self, a: int, b: int) -> None:
        """Fill the orders that the path crosses between the seconds `a` and `b`, in order of time."""
        if self.offered and self.plan.stop is not None and self._stopped(self.plan.stop, a, b):
            return
        hits: list[tuple[int, Side]] = []
        if self.offered and self.resting is not None:
            second = self.path.first_at_or_above(self.resting, a, b)
            hits += [] if second is None else [(second, Side.SELL)]
        if self.wanted:
            second = self.path.first_at_or_below(self.plan.buy_limit, a, b)
            hits += [] if second is None else [(second, Side.BUY)]
        for second, side in sorted(hits, key=lambda hit: hit[0]):
            if side is Side.SELL and self.resting is not None:
                self._sell(self.offered, self.resting, second)
            else:
                self._buy(self.plan.buy_limit, second)

    def _stopped(self, stop: int, a: int, b: int) -> bool:
        """Sell at the stop if the path reaches it between two steps, and return whether it did.

        A target reached between the same two steps counts as later. A gap sells at the price after it.
        """
        second = self.path.first_at_or_below(stop, a, b)
        if second is None:
            return False
        self.ambiguous = self.resting is not None and self.path.first_at_or_above(self.resting, a, b) is not None
        price = self.path.price_at(second) if self.path.gaps_at(second) else stop
        self._sell(self.offered, price, second)
        self.wanted = 0
        return True

    def _buy(self, price: int, second: int) -> None:
        self.executions.append(SessionFill(Side.BUY, self.wanted, price, second))
        self.shares += self.wanted if self.plan.same_day else 0
        self.wanted = 0

    def _sell(self, quantity: int, price: int, second: int) -> None:
        self.executions.append(SessionFill(Side.SELL, quantity, price, second))
        self.shares -= quantity
        self.offered = 0
        self.sold = True
