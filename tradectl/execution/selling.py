"""Compute the sell order that each position should have, and change the actual order to match.

The desired order follows from the position, yesterday's completed bar and the last price alone (`own_sells`: that of an own
strategy). A target is lowered with the price and never raised within the session. A target outside the band is not moved into
it: the sell waits until it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from tradectl.exchange.corporate_actions import rescaled
from tradectl.execution import corporate_action_blocks, sell_coverage, unprotected_positions, unreadable_rows
from tradectl.execution.orders import CommandResult, CommandStatus
from tradectl.execution.own_sells import DesiredSell, OwnSells, Stored, rule_name, strategy_inputs
from tradectl.execution.position_rules import PositionRules
from tradectl.execution.tags import position_leg
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Decision, Intent, Order, Position
from tradectl.ledger.snapshot import Snapshot
from tradectl.ledger.strategies import Strategies
from tradectl.model.market import Quote
from tradectl.model.money import to_rupees
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.model.rule_names import REVERSION
from tradectl.model.series import TRADE_FOR_TRADE
from tradectl.screener.readings import Readings
from tradectl.strategy import exits
from tradectl.strategy.parameters import Parameters

REST_AFTER_REFUSAL = timedelta(minutes=15)
"""How long no new sell is sent after a refusal: its reason rarely passes within a minute."""


class _Terms(Struct, frozen=True):
    """The inputs to the price of a position's sell in one session, without the last price.

    Attributes:
        scale: The multiplier of the session.
        ema: The fast EMA of the last completed bar, in rupees at the session's scale.
        rsi: The RSI of that bar.
        leaves: Whether the position is sold because of that RSI, instead of at its target.
    """

    scale: float
    ema: float
    rsi: float
    leaves: bool


class _Priced(NamedTuple):
    """The terms of a position's sell, and its limit (paise) at the last price."""

    terms: _Terms
    price: int


def _nothing_stored(rule: str) -> Iterable[Any]:  # noqa: ARG001 - Stored
    return ()


@dataclass(frozen=True, slots=True)
class Seller:
    """Sells the positions of one session; one object serves all steps of a run. `decide` records decisions with their reasons.

    From a store without newer bars, no sell is priced by a bar from before `priced_since`: its EMA9 says nothing about today.
    `strategies`: the texts of own strategies. `stored`: returns the run's decisions under one rule."""

    trading: TradingSession
    readings: Readings
    parameters: Parameters
    session: date
    decide: Callable[[list[Decision]], None]
    priced_since: date = date.min
    strategies: Strategies | None = None
    stored: Stored = _nothing_stored
    _own: list[OwnSells] = field(default_factory=list, repr=False, compare=False)
    _known: dict[tuple[str, date, int | None], _Terms] = field(default_factory=dict, repr=False, compare=False)

    def adjust(self, position: Position, quote: Quote, seen: Snapshot) -> bool:
        """Change a position's sell order to the desired sell; return whether a command was sent.

        `seen`: the snapshot of the step. The book is read again before a command. If it has changed, the decision is made again:
        an earlier command of this step may have shown that the position is sold."""
        held = seen.position_of(position.instrument_id)
        if held is None:
            return False
        live = seen.sells(held.instrument_id)
        block = self.action_block(held, seen)
        wanted = None if block else self._price(held, quote)
        if not live if block else self._is_in_place(held, live, wanted, quote):
            return False
        now = self.trading.book.snapshot()
        if now.revision != seen.revision and now != seen:
            return self.adjust(held, quote, now)
        if block:
            return bool([self.trading.cancel_confirmed(order) for order in live])
        return wanted is not None and self._correct(held, live, self._desired(wanted, quote), seen)

    def _is_in_place(self, held: Position, live: Sequence[Order], wanted: _Priced | DesiredSell | None, quote: Quote) -> bool:
        """Return whether a position's sell is as desired, or nothing can be sent for it now."""
        if wanted is None or not _fits(wanted.price, quote):
            return True
        return len(live) == 1 and self._stays(live[0], held, wanted.price)

    @staticmethod
    def _stays(order: Order, position: Position, price: int) -> bool:
        """Return whether a sell stays unchanged: it offers all shares at or below the wanted price. Targets never rise."""
        known = order.status is not OrderStatus.UNKNOWN
        return known and order.remaining == position.quantity and price >= order.price

    def _correct(self, position: Position, live: Sequence[Order], wanted: DesiredSell, seen: Snapshot) -> bool:
        """Send the command that turns the live sells of a position into the wanted sell; return whether a command was sent."""
        odd = self.trading.book.broker.odd
        if odd and unreadable_rows.blocking_row(self.trading.book, position.symbol, Side.SELL) is not None:
            return False
        doubtful = [order for order in live if order.status is OrderStatus.UNKNOWN]
        if doubtful:
            return self._repeat(position, wanted, doubtful)
        if len(live) > 1:  # one sell is wanted; all others offer the same shares
            return bool([self.trading.cancel_confirmed(order) for order in live[1:]])
        resting = live[0] if live else None
        most = self.trading.rules.most_shares(position.symbol)
        sellable = self._quantity(position, most)
        if sellable is None:
            return False
        wanted = replace(wanted, quantity=sellable)
        halted = self.trading.path.trading_state(seen)
        if halted.state == "HALTED" and (resting is None or wanted.quantity >= resting.remaining):
            if resting is not None or wanted.quantity > 0:
                self.trading.path.stopped = str(halted.refusal(Side.SELL))
            return False  # a halted account sends only cancels and smaller quantities
        if resting is None:
            return wanted.quantity > 0 and self._place(position, wanted)
        return self._change(position, resting, wanted, most)

    def action_block(self, position: Position, seen: Snapshot) -> str:
        """Return the corporate action that blocks a position's sell; empty where none does."""
        if self.trading.undisturbed == (seen.positions_revision, self.session):
            return ""  # the reconciliation of this step found no action since any position was opened
        return corporate_action_blocks.block_reason(self.trading, position, self.session)

    def _desired(self, wanted: _Priced | DesiredSell, quote: Quote) -> DesiredSell:
        """Return the sell that a position should have: at target, for its RSI, or as its own strategy wants."""
        if isinstance(wanted, DesiredSell):
            return wanted
        terms = wanted.terms
        if terms.leaves:
            why = f"RSI {terms.rsi:.1f} closed above {self.parameters.rsi_exit:g}"
            return DesiredSell(Purpose.RSI_EXIT, wanted.price, why, quote.last)
        return DesiredSell(Purpose.TARGET, wanted.price, f"EMA9 {terms.ema:.2f}, last {quote.last / 100:.2f}", quote.last)

    def price(self, position: Position, quote: Quote) -> int | None:
        """Return the limit that a position's sell should have now (paise); None where data are missing."""
        wanted = self._price(position, quote, watch=False)
        return wanted.price if wanted is not None else None

    @property
    def own(self) -> OwnSells:
        """Return the sells of the positions of own strategies, made at the first use."""
        if not self._own:
            if self.strategies is None:
                raise AssertionError("a seller of own strategies needs their texts")
            rules = PositionRules(self.trading.book, self.strategies, self.trading.market, self.parameters.universe)
            self._own.append(
                OwnSells(
                    self.trading,
                    rules,
                    self.parameters,
                    self.session,
                    self.decide,
                    outdated=self.outdated,
                    ceiling=self._last_target,
                    stored=self.stored,
                )
            )
        return self._own[0]

    def _price(self, position: Position, quote: Quote, *, watch: bool = True) -> _Priced | DesiredSell | None:
        """Return the terms and the limit (paise) of a position's sell at the last price. `watch`: see `OwnSells.desired`."""
        if position.strategy != REVERSION:
            return self.own.desired(position, quote, watch=watch)
        terms = self._terms(position, quote)
        if terms is None:
            return None
        tick = self.trading.rules.tick_size(position.instrument_id, self.session)
        if terms.leaves:
            return _Priced(terms, exits.rsi_exit_price(quote.last, tick, self.parameters))
        price = exits.target_price(terms.ema, quote.last, tick, self.parameters)
        if self.parameters.freeze == "position":
            before = self._last_target(position, terms.scale, tick)
            price = min(price, before) if before is not None else price
        return _Priced(terms, price)

    def _terms(self, position: Position, quote: Quote) -> _Terms | None:
        """Return the terms of a position's sell from yesterday's completed bar at today's scale; None where data are missing.

        They are computed once a session, since the market data of a run do not change."""
        key = position.instrument_id, position.opened_session, quote.open
        if (known := self._known.get(key)) is not None:
            return known
        reading = self.readings.reading(position.instrument_id, self.session - timedelta(days=1))
        scale = self.trading.market.multiplier(position.instrument_id, self.session, quote.open)
        if reading is None or scale is None or self.outdated(reading.session):
            return None
        leaves = reading.session >= position.opened_session and exits.rsi_exit_due(reading.rsi, self.parameters)
        found = self._known[key] = _Terms(scale, reading.ema_fast_at(scale), reading.rsi, leaves)
        return found

    def outdated(self, last_bar: date) -> bool:
        """Return whether a stock's last bar is too old to price a sell: the bars of the sessions since are not stored.

        Where one of these has at least half as many bars as the bar's own session, the stock did not trade, as in a weekly
        auction: its last bar is then the newest that there is."""
        if last_bar >= self.priced_since:
            return False
        panel = self.trading.market.panel()
        usual = (panel.state[panel.last_index(last_bar)] > 0).sum()
        begin, end = (panel.last_index(day - timedelta(days=1)) + 1 for day in (self.priced_since, self.session))
        return not any(2 * (row > 0).sum() >= usual for row in panel.state[begin:end])

    def _place(self, position: Position, wanted: DesiredSell) -> bool:
        wanted = self._capped(position, wanted)
        intent = Intent(
            instrument_id=position.instrument_id,
            symbol=position.symbol,
            side=Side.SELL,
            purpose=wanted.purpose,
            quantity=wanted.quantity,
            price=wanted.price,
            session=self.session,
            decided=self.session - timedelta(days=1),
            leg=position_leg(position.id),
            position_id=position.id,
            strategy=position.strategy,
            strategy_hash=position.strategy_hash,
        )
        if self._recently_refused(intent, position):
            return False
        if not self._cancel(self._crossing_buys(position, wanted.price)):
            return True
        result = self.trading.path.place(intent)
        done = f"SELL {wanted.quantity} {position.symbol} at {wanted.price / 100:.2f}"
        if result.status is CommandStatus.PLACED:
            self.trading.log("order_placed", done, position.symbol)
        self._record(position, result, done, wanted)
        return result.status is not CommandStatus.DRY

    def _repeat(self, position: Position, wanted: DesiredSell, doubtful: list[Order]) -> bool:
        """Send an UNKNOWN sell again where that is harmless. It blocks every other sell of its symbol."""
        order = doubtful[0]
        same = len(doubtful) == 1 and order.purpose is wanted.purpose and order.session == self.session
        if not same or not self.trading.may_repeat(order):
            return False
        quantity = min(order.quantity, self._quantity(position, self.trading.rules.most_shares(position.symbol)) or 0)
        repeated = replace(wanted, quantity=quantity, price=min(wanted.price, order.price))
        return quantity > 0 and self._place(position, repeated)

    def _change(self, position: Position, resting: Order, wanted: DesiredSell, most: int | None) -> bool:
        """Lower the price or fit the quantity of a resting sell; at the last modification replace it by a new order.

        `most`: the freeze quantity. The filled shares of an order count towards it, so fewer may remain."""
        price, quantity = min(wanted.price, resting.price), wanted.quantity
        if most is not None:
            quantity = min(quantity, max(most - resting.filled_quantity, resting.remaining))
        if quantity == 0:
            return self.trading.cancel_confirmed(resting)
        if price == resting.price and quantity == resting.remaining:
            return False
        if (
            resting.purpose is not wanted.purpose
            or resting.modifications >= self.trading.broker.capabilities.max_modifications - 1
        ):
            return self.trading.cancel_confirmed(resting) and self._replace(position, wanted)
        crossing = self._crossing_buys(position, price)
        if crossing and not (self._cancel(crossing) and self.trading.book.order(resting.id) == resting):
            return True  # the read after the cancels may show that the sell has traded: the next step decides again
        done = f"SELL {quantity} {position.symbol} now at {price / 100:.2f}"
        accepted = partial(self._decide, position, wanted, "resting", f"{done}: {wanted.reason}")
        result = self.trading.path.modify(resting, quantity=resting.filled_quantity + quantity, price=price, accepted=accepted)
        if result.status in {CommandStatus.PLACED, CommandStatus.DRY}:
            return result.status is CommandStatus.PLACED
        self._record(position, result, done, wanted)
        if quantity < resting.remaining:
            self.trading.cancel_confirmed(resting)  # more shares on offer than may be sold: a cancel always passes
        return True

    def _replace(self, position: Position, wanted: DesiredSell) -> bool:
        """Place a new sell for the shares that are left: the cancelled sell may have filled before its end."""
        seen = self.trading.snapshot
        held = seen.position_of(position.instrument_id)
        quantity = self._quantity(held, self.trading.rules.most_shares(held.symbol)) if held is not None else 0
        return held is None or not quantity or self._place(held, replace(wanted, quantity=quantity))

    def _quantity(self, position: Position, most: int | None) -> int | None:
        """Return the shares to offer: all that may be sold, up to the freeze quantity (`most`); None if a row hides them."""
        quantity = self.trading.sellable(position, bought_today=self.trade_for_trade_shares(position))
        return quantity if most is None or quantity is None else min(quantity, most)

    def _crossing_buys(self, position: Position, price: int) -> list[Order]:
        """Return own resting buys at or above a sell price (paise), with which the sell would be a self-trade."""
        buys = self.trading.book.snapshot().alive(position.instrument_id, Side.BUY)
        return [order for order in buys if order.price >= price and order.session >= self.session]  # older ones have ended

    def _cancel(self, orders: Sequence[Order]) -> bool:
        """Cancel orders; return whether each end is confirmed. An unidentified order is not cancelled."""
        ours = [order for order in orders if order.purpose is not Purpose.UNIDENTIFIED]
        ended = [self.trading.cancel_confirmed(order) for order in ours]  # all cancels are sent, even if the first fails
        return all(ended) and len(ours) == len(orders)

    def _recently_refused(self, intent: Intent, position: Position) -> bool:
        """Return whether the last sell was rejected recently, or the broker repeatedly cancelled sells by itself."""
        chain = self.trading.book.intents.chain(intent)
        if not chain:
            return False
        refused = chain[-1:] if chain[-1].status is OrderStatus.REJECTED else []
        if chain[-1].status is OrderStatus.CANCELLED:
            taken_back = sell_coverage.cancelled_by_broker_in(self.trading.book, position, self.session)
            refused = taken_back if len(taken_back) >= unprotected_positions.REPEATED_CANCELS else []
        return bool(refused) and self.trading.clock.now() - refused[-1].updated_at < REST_AFTER_REFUSAL

    def _capped(self, position: Position, wanted: DesiredSell) -> DesiredSell:
        """Return the order capped at the session's lowest target: a new target order is never above an earlier one."""
        if wanted.purpose is not Purpose.TARGET:
            return wanted
        lowest = self.trading.book.lowest_target(position.instrument_id, self.session)
        return wanted if lowest is None or lowest >= wanted.price else replace(wanted, price=lowest)

    def _last_target(self, position: Position, scale: float, tick: int) -> int | None:
        """Return the position's last target price (paise) at today's scale, on the tick; None if there was none."""
        found = self.trading.book.last_target(position.id)
        history = self.trading.market.history(position.instrument_id)
        if found is None or history is None:
            return None
        price, session = found
        index = history.index(session)
        then = float(history.multiplier[index]) if index is not None and session != self.session else scale
        return rescaled(price, then, scale, tick)

    def trade_for_trade_shares(self, position: Position) -> int:
        """Return today's bought shares of a trade-for-trade series, which may not be sold today."""
        series = self.trading.market.instrument(position.instrument_id, self.session).series
        return self.trading.bought_on(position.instrument_id, self.session) if series in TRADE_FOR_TRADE else 0

    def _record(self, position: Position, result: CommandResult, done: str, wanted: DesiredSell) -> None:
        """Record the decision; log a refusal. A lowered target is not logged, since it happens each minute."""
        if result.ok:
            self._decide(position, wanted, "resting", f"{done}: {wanted.reason}")
            return
        reason = f"{done}: {result.reason}"
        self.trading.log(f"order_{result.status}", reason, position.symbol, level="warning")
        self._decide(position, wanted, str(result.status), reason)

    def _decide(self, position: Position, wanted: DesiredSell, verdict: str, reason: str) -> None:
        inputs: dict[str, object] = {"price": to_rupees(wanted.price), "last": to_rupees(wanted.last)}
        rule = str(wanted.purpose)
        if position.strategy != REVERSION:
            inputs, rule = {**inputs, **strategy_inputs(position)}, rule_name(position.strategy, rule)
        self.decide([Decision(position.instrument_id, position.symbol, verdict, rule, reason, inputs)])


def _fits(price: int, quote: Quote) -> bool:
    """Return whether a price is within the day's band."""
    too_low = quote.lower_band is not None and price < quote.lower_band
    return not too_low and (quote.upper_band is None or price <= quote.upper_band)
