"""Money: what is blocked, what may be spent when, what charges cost, and cash entries that explain every paisa."""

from datetime import date

import pytest

from tests.support.brokers.exchange import bar, ist, listing, quiet
from tradectl.brokers.paper.account import EntryKind
from tradectl.clock import VirtualClock
from tradectl.errors import ConfigurationError, OrderRefused, UsageError
from tradectl.exchange.charges import buy_charges
from tradectl.model.order import Funds, Holding, OrderStatus, Side

DAYS = [date(2023, 7, day) for day in (14, 17, 18, 19)]
D = DAYS[1]
LAKH = 1_00_000_00


def test_an_account_is_opened_once(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"), cash=LAKH)
    market.broker.open_account(LAKH)
    with pytest.raises(ConfigurationError, match=r"opened with 1,00,000.00, not 2,00,000.00"):
        market.broker.open_account(2 * LAKH)
    assert market.broker.funds() == Funds(LAKH, 0, LAKH)


def test_a_resting_buy_blocks_its_limit_and_charges(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"), cash=LAKH)
    order = market.buy(100, 9900)
    blocked = 100 * 9900 + buy_charges(D, 100, 9900)
    assert market.broker.funds() == Funds(LAKH - blocked, blocked, LAKH)
    market.broker.modify(order, quantity=50, price=9900)
    assert market.broker.funds().blocked == 50 * 9900 + buy_charges(D, 50, 9900)
    market.broker.cancel(order)
    assert market.broker.funds() == Funds(LAKH, 0, LAKH)


def test_a_buy_beyond_the_funds_is_refused_and_may_pass_later(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"), cash=LAKH)
    with pytest.raises(
        OrderRefused, match=r"RMS:Margin Exceeds, Required: 1,00,\d\d\d\.\d\d, Available: 1,00,000\.00"
    ) as refused:
        market.buy(1000, 10000)
    assert (refused.value.code, refused.value.passing) == ("funds", True)
    order = market.buy(900, 9900)
    with pytest.raises(OrderRefused, match="Margin"):
        market.broker.modify(order, quantity=1011, price=9900)
    assert market.order(order).quantity == 900


def test_what_a_buy_leaves_is_cash_less_value_less_charges(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"), cash=LAKH)
    market.buy(100, 10000)
    cost = 100 * 10000 + buy_charges(D, 100, 10000)
    assert market.broker.funds() == Funds(LAKH - cost, 0, LAKH - cost)


def test_delivered_shares_pay_the_same_day_and_t1_the_next(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"), cash=LAKH)
    market.buy(100, 10000)
    market.to(DAYS[2], "10:00")
    assert market.broker.holdings() == (Holding("ACME", 100, 0, 100),)
    market.sell(50, 10000)
    funds = market.broker.funds()
    assert funds.available == funds.cash
    market.buy(20, 10000)
    sold = market.sell(20, 10000)
    assert market.order(sold).status is OrderStatus.EXECUTED
    funds = market.broker.funds()
    assert funds.cash - funds.available == 20 * 10000
    market.to(DAYS[3], "08:00")
    funds = market.broker.funds()
    assert funds.available == funds.cash


def test_shares_bought_over_a_settlement_holiday_stay_t1(floor) -> None:
    """2026-02-01 was a Sunday session without settlement: Friday's purchase is delivered on Monday only."""
    friday, sunday, monday = date(2026, 1, 30), date(2026, 2, 1), date(2026, 2, 2)
    market = floor(quiet("ACME", [friday, sunday, monday]), at=ist(friday, "10:00"))
    market.buy(100, 10000)
    assert market.broker.holdings() == (Holding("ACME", 0, 100, 100),)
    market.to(sunday, "10:00")
    assert market.broker.holdings() == (Holding("ACME", 0, 100, 100),)
    market.sell(10, 10000)
    assert market.broker.funds().cash - market.broker.funds().available == 10 * 10000
    market.to(monday, "08:00")
    assert market.broker.holdings() == (Holding("ACME", 90, 0, 90),)


def test_a_settlement_holiday_delivers_a_session_later(floor) -> None:
    """On 2026-08-26 the exchange trades and the banks are closed."""
    days = [date(2026, 8, day) for day in (21, 24, 25, 26, 27, 28)]
    market = floor(quiet("ACME", days), at=ist(days[1], "10:00"))
    market.buy(100, 10000)
    market.to(days[2], "10:00")
    market.buy(50, 10000)
    market.to(days[3], "10:00")
    assert market.broker.holdings() == (Holding("ACME", 100, 50, 150),)
    market.sell(120, 10000)
    waiting = market.broker.funds().cash - market.broker.funds().available
    assert waiting == 20 * 10000
    market.to(days[4], "08:00")
    assert market.broker.holdings() == (Holding("ACME", 30, 0, 30),)
    assert market.broker.funds().cash == market.broker.funds().available


def test_money_of_t1_shares_waits_over_a_settlement_holiday(floor) -> None:
    """What is sold before its delivery on 2026-03-18 is paid on the 20th: on the 19th the banks are closed."""
    bought, sold, closed, paid = (date(2026, 3, day) for day in (17, 18, 19, 20))
    market = floor(quiet("ACME", [date(2026, 3, 16), bought, sold, closed, paid]), at=ist(bought, "10:00"))
    market.buy(100, 10000)
    market.to(sold, "10:00")
    market.buy(10, 10000)
    market.sell(110, 10000)
    waiting = market.broker.funds().cash - market.broker.funds().available
    assert waiting == 10 * 10000
    market.to(closed, "10:00")
    assert market.broker.funds().cash - market.broker.funds().available == waiting
    funds = market.another().funds()
    assert funds.cash - funds.available == waiting
    market.to(paid, "08:00")
    assert market.broker.funds().cash == market.broker.funds().available


def test_charges_are_posted_as_they_grow_and_fall(floor) -> None:
    """A same-day sale turns a delivery buy into an intraday one, so a part of its charges comes back."""
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"))
    market.buy(100, 10000)
    delivery = market.broker.statement().charges_total
    assert delivery == buy_charges(D, 100, 10000)
    market.sell(100, 10000)
    statement = market.broker.statement()
    assert 0 < statement.charges_total < delivery
    assert statement.charges == {(D, "ACME"): statement.charges_total}
    assert [entry.kind for entry in statement.cash_entries] == [
        EntryKind.DEPOSIT, EntryKind.BUY, EntryKind.CHARGES, EntryKind.SELL, EntryKind.CHARGES,
    ]  # fmt: skip
    assert statement.cash_entries[-1].amount > 0


def test_the_worked_example_of_the_charges_table(floor) -> None:
    """market.md 7: buy 100 x 1,000 and sell 100 x 1,050 later costs Rs 118.74 and Rs 124.27."""
    buy_day, sell_day = date(2026, 9, 15), date(2026, 9, 16)
    days = [bar(date(2026, 9, 11), *[100000] * 4), bar(buy_day, *[100000] * 4), bar(sell_day, *[105000] * 4)]
    market = floor(listing("ACME", days), at=ist(buy_day, "10:00"))
    market.buy(100, 100000)
    market.to(sell_day, "10:00")
    market.sell(100, 105000)
    statement = market.broker.statement()
    assert statement.charges == {(buy_day, "ACME"): 11874, (sell_day, "ACME"): 12427}
    assert (statement.realised, statement.holdings) == (5_000_00, ())
    assert statement.cash == statement.deposits + 5_000_00 - 11874 - 12427


def test_a_statement_shows_holdings_at_their_average(floor) -> None:
    market = floor(listing("ACME", [bar(DAYS[0], *[10000] * 4), bar(D, 10000, 10000, 9000, 9000)]), at=ist(D, "09:15"))
    market.buy(10, 10000)
    market.buy(20, 9505)
    market.to(D, "16:00")
    (line,) = market.broker.statement().holdings
    assert (line.quantity, line.cost, line.average) == (30, 10 * 10000 + 20 * 9505, 9670)


def test_selling_takes_the_days_own_shares_first_then_the_oldest(floor) -> None:
    market = floor(
        listing("ACME", [bar(DAYS[0], *[10000] * 4), bar(D, *[10000] * 4), bar(DAYS[2], *[11000] * 4)]), at=ist(D, "10:00")
    )
    market.buy(10, 10000)
    market.to(DAYS[2], "10:00")
    market.buy(10, 11000)
    market.sell(15, 11000)
    statement = market.broker.statement()
    assert statement.realised == 5 * 1000
    assert market.broker.holdings() == (Holding("ACME", 5, 0, 5),)


def test_a_manual_sale_changes_the_same_account(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"))
    market.buy(100, 10000)
    market.broker.manual_trade("ACME", Side.SELL, 40, 10010)
    assert market.broker.holdings() == (Holding("ACME", 0, 60, 60),)
    with pytest.raises(OrderRefused, match="insufficient holdings"):
        market.broker.manual_trade("ACME", Side.SELL, 61, 10010)


def test_a_time_before_the_last_event_is_refused(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"))
    market.buy(100, 10000)
    earlier = market.another_at(VirtualClock(ist(D, "09:30")))
    with pytest.raises(UsageError, match="was already run until 2023-07-17 10:00 IST"):
        earlier.orders()
    earlier.close()
