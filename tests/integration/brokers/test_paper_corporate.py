"""Corporate actions on what is held: quantities, cost, fractions, dividends, and when new shares may be sold."""

from datetime import date
from fractions import Fraction

import pytest

from tests.support.brokers.exchange import bar, ist, listing
from tradectl.brokers.paper.account import EntryKind
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.order import Holding, OrderStatus

DAYS = [date(2025, 3, day) for day in (10, 11, 12, 13)]
BUY, EX, NEXT, THIRD = DAYS


def action(
    kind: ActionKind, ratio: Fraction = Fraction(1), dividend: int = 0, ex: date = EX, subject: str = ""
) -> CorporateAction:
    return CorporateAction("ACME", ex, kind, ratio, dividend, subject)


def held(floor, *actions: CorporateAction, quantity: int = 101, after: int = 10000, days: list[date] = DAYS, price: int = 10000):
    """A floor on the evening of the buying day, with shares bought at `price`, that trade at `after` from the ex-date on."""
    bars = [bar(days[0], *[price] * 4), *(bar(day, *[after] * 4) for day in days[1:])]
    market = floor(listing("ACME", bars, actions=actions), at=ist(days[0], "10:00"))
    market.buy(quantity, price)
    return market


def test_a_split_multiplies_the_shares_and_keeps_the_cost(floor) -> None:
    market = held(floor, action(ActionKind.SPLIT, Fraction(5)), after=2000)
    market.to(EX, "08:00")
    assert market.broker.holdings() == (Holding("ACME", 101, 404, 101),)
    (line,) = market.broker.statement().holdings
    assert (line.quantity, line.cost, line.average) == (505, 101 * 10000, 2000)
    market.to(NEXT, "08:00")
    assert market.broker.holdings()[0].sellable == 101
    market.to(THIRD, "08:00")
    assert market.broker.holdings() == (Holding("ACME", 505, 0, 505),)


def test_new_shares_are_sold_only_when_they_are_credited(floor) -> None:
    market = held(floor, action(ActionKind.BONUS, Fraction(2)), after=5000)
    market.to(EX, "10:00")
    sold = market.sell(101, 5000)
    assert market.order(sold).status is OrderStatus.EXECUTED
    market.to(NEXT, "16:30")
    amo = market.sell(101, 5000, amo=True)
    market.to(THIRD, "10:00")
    assert market.order(amo).status is OrderStatus.EXECUTED
    assert market.broker.statement().realised == 101 * 2 * 5000 - 101 * 10000


def test_bonus_shares_took_15_sessions_before_october_2024(floor) -> None:
    days = [date(2023, 7, day) for day in (3, 4)]
    market = held(floor, action(ActionKind.BONUS, Fraction(2), ex=days[1]), days=days, after=5000)
    market.to(date(2023, 7, 24), "12:00")
    assert market.broker.holdings()[0].sellable == 101
    market.to(date(2023, 7, 25), "12:00")
    assert market.broker.holdings()[0].sellable == 202


def test_a_fraction_is_paid_in_cash_at_the_previous_close(floor) -> None:
    market = held(floor, action(ActionKind.BONUS, Fraction(3, 2)), after=6665)
    market.to(EX, "08:00")
    assert sum((item.quantity + item.t1_quantity) for item in market.broker.holdings()) == 151
    (entry,) = [entry for entry in market.broker.statement().cash_entries if entry.kind is EntryKind.CASH_IN_LIEU]
    assert entry.amount == 3333
    assert entry.note == "a fraction of bonus"


def test_a_split_and_a_bonus_on_one_day_both_count(floor) -> None:
    """As BAJFINANCE on 2025-06-16: split 2 for 1 and bonus 4 for 1, ten shares for one."""
    market = held(floor, action(ActionKind.SPLIT, Fraction(2)), action(ActionKind.BONUS, Fraction(5)), quantity=7, after=1000)
    market.to(THIRD, "10:00")
    assert market.broker.holdings() == (Holding("ACME", 70, 0, 70),)
    assert market.broker.statement().cash_in_lieu == 0


def test_two_actions_of_one_day_follow_as_in_the_ledger(floor) -> None:
    market = held(floor, action(ActionKind.BONUS, Fraction(3, 2)), action(ActionKind.SPLIT, Fraction(2)), quantity=7, after=3335)
    market.to(EX, "08:00")
    assert market.broker.statement().cash_in_lieu == 3333
    assert market.broker.statement().holdings[0].quantity == 20


def test_a_consolidation_exchanges_the_shares_at_once(floor) -> None:
    market = held(floor, action(ActionKind.CONSOLIDATION, Fraction(1, 10)), after=100000)
    market.to(EX, "10:00")
    assert market.broker.holdings() == (Holding("ACME", 10, 0, 10),)
    assert market.broker.statement().cash_in_lieu == 10000
    assert market.order(market.sell(10, 100000)).status is OrderStatus.EXECUTED


def test_a_consolidation_that_leaves_nothing_is_a_loss(floor) -> None:
    market = held(floor, action(ActionKind.CONSOLIDATION, Fraction(1, 1000)), after=100000)
    market.to(EX, "10:00")
    statement = market.broker.statement()
    assert (statement.holdings, statement.realised, statement.cash_in_lieu) == ((), -101 * 10000, 101 * 10000)


def test_a_dividend_is_paid_on_shares_before_the_days_bonus(floor) -> None:
    market = held(floor, action(ActionKind.BONUS, Fraction(2)), action(ActionKind.DIVIDEND, dividend=250), after=5000)
    cash = market.broker.funds().cash
    market.to(EX, "08:00")
    assert market.broker.funds().cash == cash + 101 * 250
    assert market.broker.statement().dividends == 101 * 250


def test_shares_bought_on_the_ex_date_get_nothing(floor) -> None:
    market = held(floor, action(ActionKind.DIVIDEND, dividend=250), quantity=10)
    market.to(EX, "10:00")
    market.buy(90, 10000)
    market.to(THIRD, "10:00")
    assert market.broker.statement().dividends == 10 * 250


def test_a_demerger_leaves_the_quantity_and_a_note(floor) -> None:
    market = held(floor, action(ActionKind.DEMERGER, subject="Demerger of the other half"), after=8000)
    market.to(EX, "10:00")
    assert market.broker.holdings() == (Holding("ACME", 101, 0, 101),)
    (note,) = [entry for entry in market.broker.statement().cash_entries if entry.kind is EntryKind.SPUN_OFF]
    assert (note.amount, note.note) == (0, "101 shares: Demerger of the other half")


def test_the_band_of_an_ex_date_is_around_the_adjusted_close(floor) -> None:
    market = held(floor, action(ActionKind.SPLIT, Fraction(5)), after=2000)
    market.to(EX, "09:05")
    quote = market.broker.quotes(["ACME"])["ACME"]
    assert (quote.last, quote.lower_band, quote.upper_band) == (10000, 1600, 2400)


@pytest.mark.parametrize("jump", [False, True])
def test_days_that_nobody_asked_about_bring_the_same_actions(floor, jump) -> None:
    market = held(floor, action(ActionKind.SPLIT, Fraction(5)), action(ActionKind.DIVIDEND, dividend=100, ex=NEXT), after=2000)
    if not jump:
        for day in DAYS[1:]:
            market.to(day, "08:00")
            market.broker.orders()
    market.to(THIRD, "10:00")
    statement = market.broker.statement()
    assert (statement.dividends, statement.holdings[0].quantity) == (505 * 100, 505)
