"""An order of a book without tags that no order of the ledger explains: which refused order it may be, and which it is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.support.afar import put
from tests.support.hands import Opaque, operate
from tests.support.trading import D, T, Trading, entry, ist, stock
from tradectl.execution.contradicted_refusals import doubt_refused
from tradectl.ledger.rows import Order
from tradectl.model.order import OrderReport, OrderStatus, ReasonCode, Side, Variety
from tradectl.ports import Capabilities

Make = Callable[..., Trading]
S = OrderStatus


def sent(
    market: Trading, status: OrderStatus, *, leg: str = "1", number: str | None = None, code: ReasonCode | None = None
) -> Order:
    """A buy of ten at 100.00 that was sent at 09:05, and what the ledger has of it."""
    intent = replace(entry(10, 10000), leg=leg, variety=Variety.REGULAR)
    order = market.record(market.claim(f"sends {leg}", T), intent, f"TAG{leg}")
    book = market.ledger.book
    if status is S.PENDING and number is None:
        return book.intents.record_not_sent(order, market.clock.now())
    if status is S.CANCELLED:
        book.intents.move(order, status, "no", market.clock.now(), code=code)
        return book.order(order.id)
    return book.intents.record_outcome(order, status, market.clock.now(), broker_order_id=number, reason="no", code=code)


def shown(number: str = "B1", **changes: object) -> OrderReport:
    at = ist(D, "09:05") + timedelta(seconds=1)
    row = OrderReport(number, None, "ACME", Side.BUY, 10, 10000, 0, S.ONGOING, "", Variety.REGULAR, at, at)
    return replace(row, **changes)


def opened(market: Trading, *reports: OrderReport) -> list[str]:
    """The tags of the orders that are UNKNOWN again."""
    return [order.tag for order in doubt_refused(market.ledger.book, reports, market.clock.now())]


@pytest.fixture
def market(trading: Make) -> Trading:
    return trading(stock(), at=ist(D, "09:05"))


@pytest.mark.parametrize("status", [S.REJECTED, S.RETRY_PENDING, S.PENDING, S.CANCELLED])
def test_what_was_given_up_or_waits_is_unknown_again(market: Trading, status: OrderStatus) -> None:
    order = sent(market, status)
    assert opened(market, shown()) == ["TAG1"]
    now = market.ledger.book.order(order.id)
    assert (now.status, now.sending_at is not None, "B1, BUY 10 ACME at 100.00" in now.reason) == (S.UNKNOWN, True, True)
    assert opened(market, shown()) == [], "it explains the order from now on"


@pytest.mark.parametrize(
    "report",
    [
        shown(quantity=11),
        shown(side=Side.SELL),
        shown(symbol="BETA"),
        shown(price=10005),
        shown(price=9900),
        shown(placed_at=ist(D, "09:02")),
        shown(placed_at=ist(T, "09:06")),
        shown(status=S.CANCELLED),
        shown(status=S.REJECTED),
        shown(status=S.EXECUTED, filled_quantity=10, price=10005),
        shown(tag="mine"),
    ],
)
def test_another_order_explains_nothing(market: Trading, report: OrderReport) -> None:
    sent(market, S.REJECTED)
    assert opened(market, report) == []


def test_a_price_that_the_limit_allows_may_be_the_average(market: Trading) -> None:
    sent(market, S.REJECTED)
    assert opened(market, shown(status=S.EXECUTED, filled_quantity=10, price=9985)) == ["TAG1"]


def test_each_report_explains_one_order_doubtful_ones_first(market: Trading) -> None:
    sent(market, S.REJECTED)
    sent(market, S.UNKNOWN, leg="2")
    assert opened(market, shown()) == []
    assert opened(market, shown(), shown("B2")) == ["TAG1"]


def test_an_order_that_has_the_number_explains_it(market: Trading) -> None:
    sent(market, S.REJECTED)
    sent(market, S.PENDING, leg="2", number="B1")
    assert opened(market, shown()) == []
    assert opened(market, shown(), shown("B2")) == ["TAG1"]


def test_what_a_person_decided_stays_decided(market: Trading) -> None:
    sent(market, S.CANCELLED, code=ReasonCode.DECIDED)
    assert opened(market, shown()) == []


def test_a_book_without_tags_never_proves_an_absence(market: Trading) -> None:
    """Even where the broker declares how soon it shows an order."""

    class Tagless(Opaque):
        capabilities = Capabilities(timedelta(0), refuses_repeated_tag=False, preopen_prices=True, tag_length=0)

    put(market, Tagless(market.broker))
    order = sent(market, S.UNKNOWN)
    market.ledger.executions.finish(market.claim_of("sends 1"), "failed", {}, now=market.clock.now(), steps=1)
    for _ in range(3):
        assert operate(market, "reconcile").code == 7
        market.clock.sleep(60)
    assert market.ledger.book.order(order.id).status is S.UNKNOWN
