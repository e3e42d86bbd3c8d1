"""Carry out a command that reaches the exchange, even if its caller no longer waits for the reply.

Some brokers accept a repeated tag, but the simulated exchange refuses it. So the exchange gets the order under an inner tag
(`TAG.1`, `TAG.2`), which callers do not see. The tags of callers contain no dot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from tradectl.errors import OrderRefused
from tradectl.lab.faults.book_view import BookView
from tradectl.lab.faults.in_flight import InFlight, SentCommand
from tradectl.lab.faults.kinds import Promise
from tradectl.model.moment import to_ist
from tradectl.model.order import ALIVE, OrderReport, Side
from tradectl.ports import Broker, Clock

_REPEATED = re.compile(r"\.\d+$")


class Arrival:
    """Carry out commands at the exchange, and record each sell of more shares than are held.

    The simulated exchange refuses such a sell, but a real broker may sell short.
    """

    def __init__(self, exchange: Broker, clock: Clock, promise: Promise, mirror: BookView, remembered: InFlight) -> None:
        self._exchange = exchange
        self._clock = clock
        self._promise = promise
        self._mirror = mirror
        self._remembered = remembered
        self._named: tuple[Sequence[OrderReport], Sequence[OrderReport]] = ((), ())

    def reach(self, command: SentCommand) -> str:
        """Carry out a command and return the broker order id. Raises OrderRefused."""
        before = self.alive(command.order_id) if command.order is None else None
        if before is not None and self._mirror.lags:
            self._remembered.keep(before, self._clock.now())
        short = self._short(command, before)
        try:
            order_id = self._under_inner_tag(command).carry_out(self._exchange)
        except OrderRefused as refusal:
            if refusal.code == "holdings":  # after another refusal, a real broker would not have sold
                self._note(short, f"refused: {refusal.reason}")
            raise
        self._note(short, f"accepted as {order_id}")
        if command.order is not None and self._mirror.rejects(order_id):
            with suppress(OrderRefused):  # an order that is already filled cannot be rejected
                self._exchange.cancel(order_id)
        return order_id

    def alive(self, order_id: str) -> OrderReport | None:
        """Return the exchange's row of an order that can still be changed; None for another order."""
        rows = (row for row in self._exchange.orders() if row.broker_order_id == order_id and row.status in ALIVE)
        return next(rows, None)

    def orders(self) -> Sequence[OrderReport]:
        """Return the exchange's orders under their callers' tags.

        Without an inner tag this is the exchange's own object, so that an unchanged book stays the same object.
        """
        reports = self._exchange.orders()
        if self._promise.refuses_repeated_tag:
            return reports
        if self._named[0] is not reports:
            named = tuple(_under_caller_tag(report) for report in reports)
            same = all(a is b for a, b in zip(named, reports, strict=True))
            self._named = reports, reports if same else named
        return self._named[1]

    def _short(self, command: SentCommand, before: OrderReport | None) -> str:
        """Return a line if a sell, together with all other live sells, exceeds the held shares; else an empty text."""
        order = command.order or before
        if order is None or order.side is not Side.SELL or command.name == "cancel":
            return ""
        wanted = command.order.quantity if command.order else command.quantity - (before.filled_quantity if before else 0)
        waiting = sum(
            row.quantity - row.filled_quantity
            for row in self._exchange.orders()
            if row.status in ALIVE
            and row.side is Side.SELL
            and row.symbol == order.symbol
            and row.broker_order_id != command.order_id
        )
        held = sum(item.quantity + item.t1_quantity for item in self._exchange.holdings() if item.symbol == order.symbol)
        return (
            f"{command}: SELL {wanted} {order.symbol} with {waiting} on sale and {held} held" if waiting + wanted > held else ""
        )

    def _note(self, short: str, said: str) -> None:
        if short:
            self._remembered.note_oversold(f"{to_ist(self._clock.now()):%Y-%m-%d %H:%M:%S} {short}; {said}")

    def _under_inner_tag(self, command: SentCommand) -> SentCommand:
        order = command.order
        if order is None or not order.tag or self._promise.refuses_repeated_tag:
            return command
        used = {row.tag for row in self._exchange.orders()}
        names = (f"{order.tag}.{number}" if number else order.tag for number in range(len(used) + 1))
        return replace(command, order=replace(order, tag=next(name for name in names if name not in used)))


def _under_caller_tag(report: OrderReport) -> OrderReport:
    if not report.tag or "." not in report.tag:
        return report
    return replace(report, tag=_REPEATED.sub("", report.tag))
