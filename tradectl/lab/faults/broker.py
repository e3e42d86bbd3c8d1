"""Implement `ports.Broker` by a simulated exchange behind a network and a broker that fail.

The seed and the moment decide every fault (`kinds`). So a restarted process meets the same faults as the first process would
have met. `truth` returns the exchange's own book, without any fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import Ambiguous, BrokerUnavailable, LoginNeeded, OrderRefused, TradectlError
from tradectl.lab.faults.arrival import Arrival
from tradectl.lab.faults.book_view import BookView
from tradectl.lab.faults.in_flight import InFlight, SentCommand
from tradectl.lab.faults.kinds import COMMAND_FAULTS, ENDS_AFTER, REPLY_DELAY, REQUEST_DELAY, Draws, Fault, Promise, ServerError
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, Side, TradeReport
from tradectl.ports import Broker, Capabilities, Clock, Closable

_SWALLOWS = frozenset({Fault.CANCEL_CROSSES_FILL, Fault.CHANGE_IGNORED})


ExchangeReply = str | OrderRefused
"""The result of a command at the exchange: the broker order id, or the refusal."""


class Truth(Struct, frozen=True):
    """The exchange's own book. `orders` have the callers' tags, so a repeated tag means that an order was accepted twice."""

    orders: tuple[OrderReport, ...]
    trades: tuple[TradeReport, ...]
    holdings: tuple[Holding, ...]
    funds: Funds


def _ignore(name: str) -> None:
    """Ignore a call."""


class FaultyBroker:
    """An exchange behind a faulty network. Errors of the exchange itself pass through.

    Attributes:
        faults: The faults that may happen.
        promise: What the adapter declares about the broker.
        rate: The fraction of moments, and of orders to be rejected, at which a fault happens. A slow, doubled, shuffled or
            emptied book is permanent.
        state: The file of this layer, in an existing folder.
        on_call: Called with the name of a call before it reaches the network. For a command it is called again, as
            `place:done`, after the exchange has decided and before the caller gets the result. Its exceptions pass through.
        hits: How often each fault happened.
    """

    def __init__(
        self,
        exchange: Broker,
        clock: Clock,
        faults: Collection[Fault],
        promise: Promise,
        *,
        seed: int,
        state: Path,
        rate: float = 0.35,
        on_call: Callable[[str], None] = _ignore,
    ) -> None:
        self.exchange = exchange
        self.promise = promise
        self.capabilities: Capabilities = promise.declared(exchange.capabilities)
        self.hits: Counter[Fault] = Counter()
        self._clock = clock
        self._faults = frozenset(faults)
        self._command_faults = {
            name: tuple(fault for fault in COMMAND_FAULTS[name] if fault in self._faults) for name in COMMAND_FAULTS
        }
        self._chance = Draws(seed, rate)
        self._remembered = InFlight(state)
        self._mirror = BookView(self._faults, self._chance, self.hits)
        self._gate = Arrival(exchange, clock, promise, self._mirror, self._remembered)
        self._on_call = on_call
        self.misreport: Callable[[Fault, int], None] | None = None
        """Set by a sandbox's server: replaces the server's true reply; the number chooses the false reply."""

    @property
    def name(self) -> str:
        return self.exchange.name

    def close(self) -> None:
        """Close the exchange if it can be closed."""
        if isinstance(self.exchange, Closable):
            self.exchange.close()

    # commands

    def place(self, request: OrderRequest) -> str:
        return self._send(SentCommand("place", request))

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        self._send(SentCommand("modify", order_id=broker_order_id, quantity=quantity, price=price))

    def cancel(self, broker_order_id: str) -> None:
        self._send(SentCommand("cancel", order_id=broker_order_id))

    # reads

    def orders(self) -> Sequence[OrderReport]:
        now = self._read("orders")
        return self._mirror.orders(self._gate.orders(), self.exchange.trades(), self._remembered.before, now)

    def trades(self) -> Sequence[TradeReport]:
        now = self._read("trades")
        return self._mirror.trades(self.exchange.trades(), now)

    def holdings(self) -> Sequence[Holding]:
        self._read("holdings")
        return self.exchange.holdings()

    def funds(self) -> Funds:
        self._read("funds")
        return self.exchange.funds()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        self._read("quotes")
        return self.exchange.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        self._read("preopen_prices")
        return self.exchange.preopen_prices(symbols)

    # the truth, for the comparison afterwards

    def truth(self) -> Truth:
        """Return the exchange's own book, without any fault. Requests that are still in the network are not in it."""
        exchange = self.exchange
        return Truth(tuple(self._gate.orders()), tuple(exchange.trades()), tuple(exchange.holdings()), exchange.funds())

    @property
    def in_the_network(self) -> int:
        """Return the number of requests that were sent and have not reached the exchange yet."""
        return len(self._remembered.late)

    @property
    def oversold(self) -> tuple[str, ...]:
        """Return a line for each sell of more shares than were held, with the exchange's reply."""
        return self._remembered.oversold

    def deliver_all(self) -> None:
        """Carry out every request that is still in the network, due or not."""
        self._deliver(None)

    # the network

    def _begin_call(self, name: str) -> datetime:
        """Begin a call after all requests that are due; return the current moment. Raises LoginNeeded."""
        self._on_call(name)
        now = self._clock.now()
        self._deliver(now)
        if self._happens(Fault.SESSION_EXPIRED, _minute(now)):
            raise LoginNeeded("the broker has ended this session: log in again")
        return now

    def _read(self, name: str) -> datetime:
        now = self._begin_call(name)
        if self._happens(Fault.BOOK_UNAVAILABLE, name, _minute(now)):
            raise BrokerUnavailable(f"the broker does not reply to {name.replace('_', ' ')}")
        return now

    def _send(self, command: SentCommand) -> str:
        now = self._begin_call(command.name)
        fault = self._drawn(command, now)
        if fault is not Fault.NONE:
            self.hits[fault] += 1
        return _OUTCOMES[fault](self, command, now)

    def _deliver(self, now: datetime | None) -> None:
        """Carry out the requests that are due by `now` (None: all), without returning their results."""
        if self._remembered.late:
            for command in self._remembered.take_due(now):
                with suppress(OrderRefused):
                    self._gate.reach(command)

    def _happens(self, fault: Fault, *when: object) -> bool:
        happens = fault in self._faults and self._chance.hits(fault, *when)
        if happens:
            self.hits[fault] += 1
        return happens

    def _drawn(self, command: SentCommand, now: datetime) -> Fault:
        """Draw the fault of a command. A false reply is drawn only if the command itself could have been carried out."""
        possible = self._command_faults[command.name]
        identity = command.name, command.key, now
        if not possible or not self._chance.hits("befalls", *identity):
            return Fault.NONE
        fault = possible[self._chance.number("which", *identity) % len(possible)]
        if fault in _SWALLOWS and self._gate.alive(command.order_id) is None:
            return Fault.NONE
        if fault is Fault.CANCEL_CROSSES_FILL and command.name == "modify" and self._half_of_times(fault, command, now):
            return Fault.NONE
        return fault

    def _half_of_times(self, fault: Fault, command: SentCommand, now: datetime) -> bool:
        return self._chance.fraction(fault, command.name, command.key, now) < 0.5

    # the outcomes of a command, one for each fault

    def _carried_out(self, command: SentCommand, _: datetime) -> str:
        return _accepted_id(self._execute(command))

    def _request_lost(self, command: SentCommand, _: datetime) -> str:
        raise Ambiguous(f"{command} timed out")

    def _reply_lost(self, command: SentCommand, _: datetime) -> str:
        self._execute(command)
        raise Ambiguous(f"{command} timed out")

    def _request_late(self, command: SentCommand, now: datetime) -> str:
        delay = self._chance.span(REQUEST_DELAY, Fault.REQUEST_LATE, command.name, command.key, now)
        self._remembered.send_late(command, now + delay)
        raise Ambiguous(f"{command} timed out")

    def _reply_late(self, command: SentCommand, now: datetime) -> str:
        result = self._execute(command)
        self._clock.sleep(self._chance.span(REPLY_DELAY, Fault.REPLY_LATE, command.name, command.key, now).total_seconds())
        return _accepted_id(result)

    def _server_error(self, command: SentCommand, now: datetime) -> str:
        if self._half_of_times(Fault.SERVER_ERROR, command, now):
            self._execute(command)
        raise ServerError(f"{command}: 502 from the broker")

    def _answered_as_refused(self, command: SentCommand, now: datetime) -> str:
        """Carry out the command, and reply with an undocumented error."""
        return self._misreported(Fault.ANSWERED_AS_REFUSED, command, now, Ambiguous(f"{command}: the reply is no refusal"))

    def _documented_refusal(self, command: SentCommand, now: datetime) -> str:
        """Carry out the command, and reply with a documented refusal, half of the time for lack of funds."""
        money = self._half_of_times(Fault.DOCUMENTED_REFUSAL, command, now)
        refusal = OrderRefused("refused by the broker", code="funds" if money else "refused", passing=money)
        return self._misreported(Fault.DOCUMENTED_REFUSAL, command, now, refusal)

    def _misreported(self, fault: Fault, command: SentCommand, now: datetime, reply: TradectlError) -> str:
        result = self._execute(command)
        if self.misreport is None:
            raise reply
        self.misreport(fault, self._chance.number(fault, command.name, command.key, now))
        return _accepted_id(result)

    def _swallowed(self, command: SentCommand, _: datetime) -> str:
        return command.order_id

    def _change_ignored(self, command: SentCommand, now: datetime) -> str:
        """Reply OK to a modify, but change nothing, or only the quantity."""
        order = self._gate.alive(command.order_id)
        if order is None or self._half_of_times(Fault.CHANGE_IGNORED, command, now):
            return command.order_id
        return _accepted_id(self._execute(replace(command, price=order.price)))

    def _execute(self, command: SentCommand) -> ExchangeReply:
        """Carry out a command; return the exchange's result, which the caller may or may not get."""
        result: ExchangeReply
        try:
            result = self._gate.reach(command)
            if command.order is not None and command.order.side is Side.SELL:
                self._schedule_cancel(result, command.order.symbol)
        except OrderRefused as refusal:
            result = refusal
        self._on_call(f"{command.name}:done")
        return result

    def _schedule_cancel(self, order_id: str, symbol: str) -> None:
        """Schedule the cancel of an accepted sell by the broker, if such a fault happens."""
        now = self._clock.now()
        for fault in (Fault.TAKEN_BACK, Fault.VANISHED):
            if self._happens(fault, symbol, ist_date(now)):
                after = self._chance.span(ENDS_AFTER, fault, order_id)
                self._remembered.send_late(SentCommand("cancel", order_id=order_id), now + after)


def _accepted_id(result: ExchangeReply) -> str:
    if isinstance(result, OrderRefused):
        raise result
    return result


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


_OUTCOMES: dict[Fault, Callable[[FaultyBroker, SentCommand, datetime], str]] = {
    Fault.NONE: FaultyBroker._carried_out,
    Fault.REQUEST_LOST: FaultyBroker._request_lost,
    Fault.REPLY_LOST: FaultyBroker._reply_lost,
    Fault.REQUEST_LATE: FaultyBroker._request_late,
    Fault.REPLY_LATE: FaultyBroker._reply_late,
    Fault.SERVER_ERROR: FaultyBroker._server_error,
    Fault.ANSWERED_AS_REFUSED: FaultyBroker._answered_as_refused,
    Fault.DOCUMENTED_REFUSAL: FaultyBroker._documented_refusal,
    Fault.CANCEL_CROSSES_FILL: FaultyBroker._swallowed,
    Fault.CHANGE_IGNORED: FaultyBroker._change_ignored,
}
