"""The paper exchange on a machine whose clock was ahead: it follows the clock back, and nothing happens twice."""

from collections.abc import Iterator
from datetime import date, datetime
from fractions import Fraction

import pytest

from tests.support.brokers.exchange import Floor, bar, ist, listing, quiet
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import SystemClock
from tradectl.errors import DataError
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.order import Holding, OrderRequest, OrderStatus, OrderType, Side, Variety

DAYS = [date(2023, 7, day) for day in (14, 17, 18)]
D, NEXT = DAYS[1], DAYS[2]


class SetClock(SystemClock):
    """A machine's clock that a test sets; it stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def to(self, day: date, text: str) -> None:
        self.moment = ist(day, text)


@pytest.fixture
def market(floor) -> Iterator[Floor]:
    """With 100 shares, bought this morning. In the end all books must balance, when every wrong time has passed."""
    made = floor(quiet("ACME", DAYS), at=ist(D, "10:00"))
    made.buy(100, 10000)
    yield made
    made.to(NEXT, "15:45")


def on_machine(market: Floor) -> tuple[PaperBroker, SetClock]:
    clock = SetClock(ist(D, "10:30"))
    return PaperBroker(market.file, "asha", clock, market.market, market.sessions, durable=False), clock


def sell(broker: PaperBroker, tag: str, *, side: Side = Side.SELL, amo: bool = False) -> str:
    variety = Variety.AMO if amo else Variety.REGULAR
    return broker.place(OrderRequest(tag, "ACME", side, 100, 10500 if side is Side.SELL else 9900, OrderType.LIMIT, variety))


def statuses(broker: PaperBroker) -> dict[str | None, OrderStatus]:
    return {order.tag: order.status for order in broker.orders()}


@pytest.mark.parametrize("again", [False, True], ids=["one process", "a process each"])
def test_an_order_that_the_wrong_time_ended_can_be_placed_anew(market: Floor, again: bool) -> None:
    broker, clock = on_machine(market)
    sell(broker, "FIRST")
    clock.to(D, "16:30")
    assert statuses(broker)["FIRST"] is OrderStatus.CANCELLED
    if again:
        broker.close()
        broker, clock = on_machine(market)
    clock.to(D, "11:01")
    sell(broker, "SECOND")
    assert statuses(broker) | {"TAG1": None} == {"TAG1": None, "FIRST": OrderStatus.CANCELLED, "SECOND": OrderStatus.ONGOING}
    clock.to(D, "15:31")
    assert statuses(broker)["SECOND"] is OrderStatus.CANCELLED
    broker.close()


def test_an_order_of_tomorrow_alone_is_cancelled(market: Floor) -> None:
    """It would cover the shares for nobody to sell."""
    broker, clock = on_machine(market)
    clock.to(NEXT, "10:30")
    sell(broker, "TOMORROW")
    clock.to(D, "10:31")
    (order,) = [order for order in broker.orders() if order.tag == "TOMORROW"]
    assert (order.status, "clock was ahead" in order.reason) == (OrderStatus.CANCELLED, True)
    sell(broker, "TODAY")
    assert statuses(broker)["TODAY"] is OrderStatus.ONGOING
    broker.close()


def test_an_order_for_the_next_session_waits_for_it(market: Floor) -> None:
    broker, clock = on_machine(market)
    clock.to(D, "16:30")
    sell(broker, "BUY", side=Side.BUY, amo=True)
    clock.to(D, "10:31")
    assert statuses(broker)["BUY"] is OrderStatus.PENDING
    clock.to(NEXT, "10:00")
    assert statuses(broker)["BUY"] is OrderStatus.ONGOING
    broker.close()


def test_the_next_day_begins_in_its_own_time(market: Floor) -> None:
    broker, clock = on_machine(market)
    clock.to(NEXT, "10:30")
    broker.orders()
    clock.to(D, "10:31")
    cash = broker.funds().cash
    clock.to(NEXT, "09:20")
    assert broker.funds().cash == cash
    assert broker.holdings() == (Holding("ACME", 100, 0, 100),)
    broker.close()


def test_a_corporate_action_is_never_carried_out_twice(floor) -> None:
    split = CorporateAction("ACME", NEXT, ActionKind.SPLIT, Fraction(5), 0, "")
    bars = [*(bar(day, *[10000] * 4) for day in DAYS[:2]), bar(NEXT, *[2000] * 4)]
    market = floor(listing("ACME", bars, actions=[split]), at=ist(D, "10:00"))
    market.buy(100, 10000)
    broker, clock = on_machine(market)
    clock.to(NEXT, "10:30")
    assert sum(held.quantity + held.t1_quantity for held in broker.holdings()) == 500
    clock.to(D, "10:31")
    with pytest.raises(DataError, match="corporate action up to 2023-07-18 has already changed the shares"):
        broker.orders()
    clock.to(NEXT, "10:31")
    assert sum(held.quantity + held.t1_quantity for held in broker.holdings()) == 500
    broker.close()
    market.to(NEXT, "15:45")
