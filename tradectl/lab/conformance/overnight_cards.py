"""Define the cards about after-market orders."""

from __future__ import annotations

from tradectl.errors import Blocked, OrderRefused
from tradectl.lab.conformance.bench import Bench
from tradectl.lab.conformance.card import card, check, raises
from tradectl.lab.sandboxes.fixture import FRIDAY, MONDAY, OPEN
from tradectl.model.order import ALIVE, OrderStatus, Variety

S = OrderStatus


@card()
def an_amo_waits_over_the_night(bench: Bench) -> None:
    """An after-market order waits as PENDING under one id, may be changed in the evening and in the pre-open, and trades. If the
    broker has no after-market orders, the order raises Blocked and the book stays empty. If the broker does not change waiting
    orders, the change is refused and the order stays unchanged."""
    bench.to(FRIDAY, "16:05")
    if not bench.can.amo:
        raises(Blocked, lambda: bench.buy(10, OPEN, amo=True))
        check("nothing is in the book", not bench.broker.orders())
        return
    placed = bench.buy(10, OPEN, amo=True)
    check("it waits", bench.order(placed).status is S.PENDING and bench.order(placed).variety is Variety.AMO)
    if bench.can.amo_changes:
        bench.broker.modify(placed, quantity=9, price=OPEN)
    else:
        raises(OrderRefused, lambda: bench.broker.modify(placed, quantity=9, price=OPEN))
    quantity = 9 if bench.can.amo_changes else 10
    bench.to(MONDAY, "08:30")
    check("it waits in the morning", bench.order(placed).status is S.PENDING and bench.order(placed).quantity == quantity)
    bench.to(MONDAY, "09:05")
    bench.broker.modify(placed, quantity=8, price=OPEN)
    check("it was changed in the pre-open", bench.order(placed).quantity == 8)
    bench.to(MONDAY, "09:20")
    check("it traded", bench.order(placed).status is S.EXECUTED and bench.order(placed).filled_quantity == 8)


@card()
def an_amo_is_cancelled_in_the_morning(bench: Bench) -> None:
    """A waiting after-market order can be cancelled before the exchange opens, and in the pre-open. If the broker has no
    after-market orders, no order of one day is alive on the next day."""
    if not bench.can.amo:
        bench.buy(10, OPEN - 500)
        bench.to(MONDAY, "08:30")
        alive = [item for item in bench.broker.orders() if item.status in ALIVE]
        check("nothing is alive in the morning", not alive)
        return
    bench.to(FRIDAY, "16:05")
    first, second = bench.buy(10, OPEN, amo=True), bench.buy(10, OPEN, "RISE", amo=True)
    bench.to(MONDAY, "08:30")
    bench.broker.cancel(first)
    check("cancelled before the open", bench.order(first).status is S.CANCELLED)
    bench.to(MONDAY, "09:02")
    bench.broker.cancel(second)
    check("cancelled in the pre-open", bench.order(second).status is S.CANCELLED)


@card(wired=True)
def nothing_is_sent_while_amos_are_released(bench: Bench) -> None:
    """Between 08:55 and 09:00:30, when a broker sends its after-market orders to the exchange, no command is sent. If the broker
    has no after-market orders, no order is sent before the pre-open, and an order in the pre-open is live at once and can be
    cancelled."""
    if not bench.can.amo:
        bench.to(MONDAY, "08:57")
        raises(Blocked, lambda: bench.buy(10, OPEN))
        bench.to(MONDAY, "09:05")
        early = bench.buy(10, OPEN)
        check("it is live in the pre-open", bench.order(early).status is S.ONGOING)
        bench.broker.cancel(early)
        check("CANCELLED in the pre-open", bench.order(early).status is S.CANCELLED)
        return
    bench.to(FRIDAY, "16:05")
    placed = bench.buy(10, OPEN, amo=True)
    bench.to(MONDAY, "08:57")
    raises(Blocked, lambda: bench.broker.cancel(placed))
    raises(Blocked, lambda: bench.broker.modify(placed, quantity=9, price=OPEN))
    bench.to(MONDAY, "09:00:31")
    bench.broker.cancel(placed)
    check("CANCELLED", bench.order(placed).status is S.CANCELLED)


CARDS = (
    an_amo_waits_over_the_night,
    an_amo_is_cancelled_in_the_morning,
    nothing_is_sent_while_amos_are_released,
)
