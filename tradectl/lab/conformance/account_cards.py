"""Define the cards about shares, money and prices."""

from __future__ import annotations

from tradectl.lab.conformance.bench import Bench
from tradectl.lab.conformance.card import card, check
from tradectl.lab.sandboxes.fixture import CASH, FRIDAY, HIGH, MONDAY, OPEN, TUESDAY
from tradectl.model.order import OrderStatus

S = OrderStatus


@card()
def holdings_grow_with_delivery(bench: Bench) -> None:
    """Bought shares can be sold once: T+1 and delivered shares are separate, and `sellable` never exceeds their sum."""
    bench.buy(10, OPEN)
    bench.to(FRIDAY, "17:00")
    bench.to(MONDAY, "10:00")
    (early,) = bench.broker.holdings()
    check("ten shares", early.quantity + early.t1_quantity == 10 and 0 <= early.sellable <= 10)
    bench.to(TUESDAY, "10:00")
    (later,) = bench.broker.holdings()
    check("delivered", (later.quantity, later.t1_quantity, later.sellable) == (10, 0, 10))
    placed = bench.sell(10, OPEN)
    bench.to(TUESDAY, "10:05")
    check("sold", bench.order(placed).status is S.EXECUTED)
    check("nothing more to sell", sum(item.sellable for item in bench.broker.holdings()) == 0)


@card()
def funds_are_what_may_be_spent(bench: Bench) -> None:
    """`available` is the amount that a buy may spend: a waiting order reduces it, and a cancel restores it."""
    before = bench.broker.funds().available
    check("the funds equal the deposited cash", before == CASH)
    placed = bench.buy(10, OPEN - 500)
    check("a waiting buy reduces the funds", before - bench.broker.funds().available >= 10 * (OPEN - 500))
    bench.broker.cancel(placed)
    check("a cancel restores the funds", bench.broker.funds().available == before)


@card()
def quotes_have_a_time_and_a_source(bench: Bench) -> None:
    """A quote has a price in paise, a time, a source and, if the broker reports it, today's band. A symbol without a quote is
    absent."""
    now = bench.fixture.clock.now()
    quotes = bench.broker.quotes(["ACME", "RISE", "NOSUCH"])
    check("quotes of exactly the two known symbols", set(quotes) == {"ACME", "RISE"})
    check("the price", quotes["ACME"].last == OPEN and OPEN <= quotes["RISE"].last <= HIGH)
    check("its time", all(0 <= (now - quote.at).total_seconds() < 120 and quote.source for quote in quotes.values()))
    bands = [(quote.lower_band, quote.upper_band) for quote in quotes.values()]
    check("inside the band if any", all((low is None and high is None) or (low or 0) < OPEN < (high or 0) for low, high in bands))


CARDS = (
    holdings_grow_with_delivery,
    funds_are_what_may_be_spent,
    quotes_have_a_time_and_a_source,
)
