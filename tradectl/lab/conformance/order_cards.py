"""Define the cards about orders in the book: placed, changed, cancelled, filled, refused."""

from __future__ import annotations

from datetime import date

from tradectl.errors import Ambiguous, Blocked, OrderRefused, TradectlError, UsageError
from tradectl.lab.conformance.bench import Bench
from tradectl.lab.conformance.card import card, check, raises
from tradectl.lab.sandboxes.fixture import CASH, FRIDAY, HIGH, OPEN
from tradectl.model.order import OrderRequest, OrderStatus, Side

S = OrderStatus


@card()
def an_empty_book_is_empty(bench: Bench) -> None:
    """On a day without orders, the lists of orders, trades and holdings are empty, without an error."""
    book = (bench.broker.orders(), bench.broker.trades(), bench.broker.holdings())
    check("empty lists", [len(part) for part in book] == [0, 0, 0])


@card()
def a_placed_order_is_in_the_book(bench: Bench) -> None:
    """A placed order is in the book under the returned id, with its terms, alive and unfilled."""
    request = bench.request(10, OPEN - 500)
    found = bench.order(bench.broker.place(request))
    check("one order", len(bench.broker.orders()) == 1)
    terms = (request.symbol, request.side, request.quantity, request.price, request.variety)
    check("the terms of the request", (found.symbol, found.side, found.quantity, found.price, found.variety) == terms)
    check("it is alive", found.status in {S.PENDING, S.ONGOING} and found.filled_quantity == 0)
    check("its tag", found.tag == (request.tag if bench.can.tag_length else None))
    check("its time", abs((found.placed_at - bench.fixture.clock.now()).total_seconds()) < 60)


@card()
def a_modified_order_is_read_back(bench: Bench) -> None:
    """After a change of quantity and price, the book shows the new values under the same id."""
    placed = bench.buy(10, OPEN - 500)
    bench.broker.modify(placed, quantity=12, price=OPEN - 400)
    found = bench.order(placed)
    check("the new numbers", (found.quantity, found.price, found.filled_quantity) == (12, OPEN - 400, 0))
    check("it is alive", found.status in {S.PENDING, S.ONGOING})


@card()
def a_cancelled_order_has_ended(bench: Bench) -> None:
    """A cancelled order stays in the book as CANCELLED, and cannot be cancelled or changed again."""
    placed = bench.buy(10, OPEN - 500)
    bench.broker.cancel(placed)
    check("CANCELLED", bench.order(placed).status is S.CANCELLED)
    raises(OrderRefused, lambda: bench.broker.cancel(placed))
    raises(OrderRefused, lambda: bench.broker.modify(placed, quantity=5, price=OPEN - 500))


@card()
def a_bought_order_fills_and_is_a_trade(bench: Bench) -> None:
    """A buy at the market price is EXECUTED, with trades of its whole quantity, each with its own id."""
    placed = bench.buy(10, OPEN)
    bench.to(FRIDAY, "10:05")
    found = bench.order(placed)
    trades = [trade for trade in bench.broker.trades() if trade.broker_order_id == placed]
    check("EXECUTED", found.status is S.EXECUTED and found.filled_quantity == 10)
    check("the trades fill it", sum(trade.quantity for trade in trades) == 10 and {trade.side for trade in trades} == {Side.BUY})
    check("their ids differ", len({trade.trade_id for trade in trades}) == len(trades) > 0)
    check("their price", all(trade.price == OPEN and trade.symbol == "ACME" for trade in trades))


@card()
def parts_fill_before_a_cancel(bench: Bench) -> None:
    """A partly filled order that is cancelled is CANCELLED, with its filled quantity."""
    placed = bench.buy(400, HIGH, "THIN")
    bench.to(FRIDAY, "10:03")
    before = bench.order(placed)
    check("a part is filled", 0 < before.filled_quantity < 400 and before.status is S.ONGOING)
    bench.broker.cancel(placed)
    after = bench.order(placed)
    check("CANCELLED with its fills", after.status is S.CANCELLED and after.filled_quantity == before.filled_quantity)
    trades = [trade for trade in bench.broker.trades() if trade.broker_order_id == placed]
    check("the trades add up to its filled quantity", sum(trade.quantity for trade in trades) == after.filled_quantity)


@card()
def a_cancel_that_crosses_the_fill_is_refused(bench: Bench) -> None:
    """A cancel of an order that has just traded is refused, and the book shows EXECUTED."""
    placed = bench.buy(10, OPEN)
    bench.to(FRIDAY, "10:05")
    raises(OrderRefused, lambda: bench.broker.cancel(placed))
    check("EXECUTED", bench.order(placed).status is S.EXECUTED)


@card()
def too_little_money_is_a_refusal_that_may_pass(bench: Bench) -> None:
    """An order beyond the funds is refused with a reason, at once or by a REJECTED row, and no order is alive."""
    request = bench.request(2 * CASH // OPEN, OPEN)
    try:
        placed = bench.broker.place(request)
    except OrderRefused as refusal:
        check("the refusal is temporary and has a reason", refusal.passing and bool(refusal.reason))
    else:
        check("REJECTED, with a reason", bench.order(placed).status is S.REJECTED and bool(bench.order(placed).reason))
    check("nothing is alive", not [item for item in bench.broker.orders() if item.status in {S.PENDING, S.ONGOING, S.UNKNOWN}])


@card()
def shares_that_are_not_there_are_not_sold(bench: Bench) -> None:
    """A sell without shares is refused, at once or by a REJECTED row."""
    request = bench.request(5, OPEN, side=Side.SELL)
    try:
        placed = bench.broker.place(request)
    except OrderRefused as refusal:
        check("a reason", bool(refusal.reason))
    else:
        check("REJECTED, with a reason", bench.order(placed).status is S.REJECTED and bool(bench.order(placed).reason))


@card()
def an_unknown_symbol_is_refused(bench: Bench) -> None:
    """An order for an unknown symbol raises an error, and the book shows no order. The error is not Ambiguous, except at a broker
    without tags, where OpenAlgo passes on another broker's message."""
    raises(TradectlError, lambda: bench.buy(1, OPEN, "NOSUCH"), but=Ambiguous if bench.can.tag_length else None)
    check("nothing is in the book", not bench.broker.orders())


@card()
def a_closed_market_refuses_a_regular_order(bench: Bench) -> None:
    """A regular order on a Saturday is refused, at once or by a REJECTED row."""
    bench.to(date(2023, 7, 15), "11:00")
    try:
        placed = bench.buy(1, OPEN)
    except (OrderRefused, Blocked) as refusal:
        check("a reason", bool(str(refusal)))
    else:
        check("REJECTED", bench.order(placed).status is S.REJECTED)


@card()
def a_repeated_tag_is_as_declared(bench: Bench) -> None:
    """A repeated tag on the same day is refused with the code repeated_tag if the broker declares so; else it makes a second
    order."""
    request = bench.request(10, OPEN - 500)
    bench.broker.place(request)
    if bench.can.refuses_repeated_tag:
        refusal = raises(OrderRefused, lambda: bench.broker.place(request))
        check("the code is repeated_tag", isinstance(refusal, OrderRefused) and refusal.code == "repeated_tag")
        check("one order", len(bench.under(request)) == 1)
    else:
        bench.broker.place(request)
        check("two orders", len(bench.under(request)) == 2)


@card()
def a_book_that_did_not_change_is_the_same_object(bench: Bench) -> None:
    """An unchanged order book is returned as the same object. After a change it is another object."""
    placed = bench.buy(10, OPEN - 500)
    first = bench.broker.orders()
    check("the same object", bench.broker.orders() is first)
    bench.broker.cancel(placed)
    check("another object", bench.broker.orders() is not first)


@card()
def a_tag_that_does_not_fit_is_not_sent(bench: Bench) -> None:
    """A client tag that is too long for the broker is refused before the order is sent. At a broker without tags, the order is
    sent without its tag."""
    request = OrderRequest("T" * (bench.can.tag_length + 1), "ACME", Side.BUY, 1, OPEN - 500)
    if not bench.can.tag_length:
        check("no tag comes back", bench.order(bench.broker.place(request)).tag is None)
        return
    try:
        bench.broker.place(request)
    except (ValueError, UsageError, OrderRefused):
        check("nothing is in the book", not bench.broker.orders())
    else:
        check("the paper exchange keeps any tag", not bench.wired and len(bench.under(request)) == 1)


@card()
def modifications_end_where_declared(bench: Bench) -> None:
    """An order may be changed as often as the broker declares; one more change is refused."""
    placed = bench.buy(10, OPEN - 500)
    for number in range(bench.can.max_modifications):
        bench.broker.modify(placed, quantity=11 + number % 2, price=OPEN - 500)
    raises(OrderRefused, lambda: bench.broker.modify(placed, quantity=20, price=OPEN - 500))
    check("the refused change left it unchanged", bench.order(placed).quantity == 11 + (bench.can.max_modifications - 1) % 2)


CARDS = (
    an_empty_book_is_empty,
    a_placed_order_is_in_the_book,
    a_modified_order_is_read_back,
    a_cancelled_order_has_ended,
    a_bought_order_fills_and_is_a_trade,
    parts_fill_before_a_cancel,
    a_cancel_that_crosses_the_fill_is_refused,
    too_little_money_is_a_refusal_that_may_pass,
    shares_that_are_not_there_are_not_sold,
    an_unknown_symbol_is_refused,
    a_closed_market_refuses_a_regular_order,
    a_repeated_tag_is_as_declared,
    a_book_that_did_not_change_is_the_same_object,
    a_tag_that_does_not_fit_is_not_sent,
    modifications_end_where_declared,
)
