"""Simulate one symbol's orders in one session, minute by minute (`walk`) or by a closed form with the same result.

In each minute the exchange fills orders up to that time, then the sell monitor makes a step. The open comes before the first
step. A buy waits at its limit from the open. The monitor keeps one sell order for all shares that may be sold, at the lowest
target price so far in the session. A sell at or below the last price trades at once at the last price. A waiting order trades at
its limit when the price path crosses the limit.

On the path of a daily bar only open, high, low and close matter, because a target never falls while the price rises.
`closed_form` compares these four prices; tests compare it with `walk`.

A rule may have a fixed target and a stop instead. The stop is no order: the first step of the monitor that sees a last price at
or below it sells all shares at that price. The target is an order, so it may fill between two steps. A daily bar that reaches
both does not tell which came first. The order of the path counts then, as on the paper exchange, and the result says so.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from tradectl.model.market import Bar
from tradectl.model.order import Side
from tradectl.model.price_path import MINUTE, MinuteBar, Path, daily_path, low_comes_first, minute_path
from tradectl.strategy.exits import target_price
from tradectl.strategy.parameters import Parameters


class SessionPlan(Struct, frozen=True):
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
        stop: The first step of the monitor with a price at or below it sells the shares; None for no stop.
        low: The session's low, below which a sale at the stop is not rounded; only read with a stop.
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
    low: int = 0

    def at_once(self, last: int, second: int) -> int:
        """Return the price (paise) at which a sell at the stop trades: rounded down to the tick, but for the open."""
        return last if second == 0 else max(last // self.tick * self.tick, min(last, self.low))

    def target(self, last: int, parameters: Parameters) -> int:
        """Return the target price in paise. `last`: the last price in paise."""
        price = self.fixed_target
        if price is None:
            price = target_price(self.ema_level, last, self.tick, parameters)
        return price if self.ceiling is None else min(price, self.ceiling)


class SessionFill(Struct, frozen=True):
    """Represent a fill. `price`: paise. `second`: seconds after the open."""

    side: Side
    quantity: int
    price: int
    second: int


class SessionResult(Struct, frozen=True):
    """Hold the fills in order of time.

    Attributes:
        resting: Lowest target of unsold shares in paise; None without unsold shares.
        ambiguous: The daily bar reached both the stop and the target: which came first follows from the path, not from data.
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
        found = walk(daily_path(bar.open, bar.high, bar.low, bar.close, minutes), minutes, plan, parameters)
        return replace(found, ambiguous=_both_reached(bar, plan, parameters, found))
    return closed_form(bar, minutes, plan, parameters)


def _unusual(bar: Bar, plan: SessionPlan, parameters: Parameters) -> bool:
    """Return whether the closed form cannot be used: a price below the open could be at or above its own target.

    That is possible if the open is not a multiple of the tick size, or if the buy limit is not below its target. A fixed target
    does not depend on the price, and the rules cancel a buy that would fill at or above it. No rule has a stop and a target that
    follows the price.
    """
    if plan.fixed_target is not None:
        return plan.buy_quantity > 0 and plan.buy_limit >= plan.target(plan.buy_limit, parameters)
    return (
        plan.stop is not None
        or bar.open % plan.tick != 0
        or (plan.buy_quantity > 0 and plan.buy_limit >= plan.target(plan.buy_limit, parameters))
    )


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
        path = daily_path(bar.open, bar.high, bar.low, bar.close, minutes)
        found = _stopped(path, minutes * MINUTE, plan, at_open, (shares, wanted if dips else 0))
        resting = None if found and found[-1].side is Side.SELL else at_open
        result = SessionResult((*executions, *found), resting)
        return replace(result, ambiguous=_both_reached(bar, plan, parameters, result))
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


def _stopped(path: Path, end: int, plan: SessionPlan, target: int, after_open: tuple[int, int]) -> list[SessionFill]:
    """Return the fills after the open of a session whose low reaches the stop, while the price is above it at the open.

    `after_open`: the shares then, and those bought at the limit on the way down; 0 for none.
    """
    (shares, wanted), offered = after_open, 0
    bought = path.first_at_or_below(plan.buy_limit, 0, end) if wanted else None
    buys = [SessionFill(Side.BUY, wanted, plan.buy_limit, bought)] if bought is not None else []
    if not shares:
        offered, bought = _next_step(_reached(bought)), None
    sold = _first_sale(path, offered, end, plan, target)
    if sold is None:
        return buys
    second, price = sold
    if bought is not None and bought > second:
        return [SessionFill(Side.SELL, shares, price, second)]
    return [*buys, SessionFill(Side.SELL, shares + (wanted if buys and plan.same_day else 0), price, second)]


def _first_sale(path: Path, offered: int, end: int, plan: SessionPlan, target: int) -> tuple[int, int] | None:
    """Return the second and the price at which shares that are offered from a step on are sold; None if they are not.

    A line of a daily path begins and ends at a whole minute, so the step after a falling price is on the same line. The end of
    the session is no step."""
    at_target = path.first_at_or_above(target, offered, end)
    at_stop = path.first_at_or_below(plan.stop, offered, end) if plan.stop is not None else None
    step = _next_step(at_stop) if at_stop is not None else end
    if step < end and (at_target is None or step < at_target):
        return step, plan.at_once(path.price_at(step), step)
    return (at_target, target) if at_target is not None else None


def _next_step(second: int) -> int:
    """Return the second of the monitor's first step at or after a second."""
    return -(-second // MINUTE) * MINUTE


def _both_reached(bar: Bar, plan: SessionPlan, parameters: Parameters, result: SessionResult) -> bool:
    """Return whether the daily bar of a session reaches its stop and its target after the open, with shares held."""
    if plan.stop is None or plan.fixed_target is None or bar.low > plan.stop:
        return False
    if not any(item.side is Side.SELL and item.second for item in result.executions):
        return False
    bought_at_open = any(item.side is Side.BUY and not item.second for item in result.executions)
    whole = plan.held or (bought_at_open and plan.same_day) or low_comes_first(bar.open, bar.high, bar.low)
    return (bar.high if whole else bar.close) >= plan.target(bar.open, parameters)


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
        return SessionResult(tuple(self.executions), self.resting if self.shares else None)

    def _after_quiet_steps(self, now: int, step: int) -> int:
        """Return the next step from `now` on in which a fixed target, the stop or the limit of the buy may be reached."""
        low = self.plan.buy_limit if self.wanted else -1
        if self.shares and self.plan.stop is not None:
            low = max(low, self.plan.stop)
        high = self.resting if self.shares and self.resting is not None else math.inf
        found = self.path.quiet_until(low, high, now)
        return self.end if found is None else max(now, found // step * step)

    def _monitor(self, now: int) -> None:
        """Do one step of the sell monitor: lower the target, offer all shares that may be sold, or sell them at the stop.

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
        stopped = self.plan.stop is not None and last <= self.plan.stop
        if stopped or last >= self.resting:
            self._sell(self.offered, self.plan.at_once(last, now) if stopped else last, now)
            self.wanted = 0

    def _exchange(self, a: int, b: int) -> None:
        """Fill the orders that the path crosses between the seconds `a` and `b`, in order of time."""
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

    def _buy(self, price: int, second: int) -> None:
        self.executions.append(SessionFill(Side.BUY, self.wanted, price, second))
        self.shares += self.wanted if self.plan.same_day else 0
        self.wanted = 0

    def _sell(self, quantity: int, price: int, second: int) -> None:
        self.executions.append(SessionFill(Side.SELL, quantity, price, second))
        self.shares -= quantity
        self.offered = 0
        self.sold = True
