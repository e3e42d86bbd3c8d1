"""The faulty exchange: each fault does what its word says, on a real paper exchange, and every lie can be told again."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import Floor, bar, ist, listing, quiet
from tradectl.clock import VirtualClock
from tradectl.errors import Ambiguous, BrokerUnavailable, LoginNeeded, OrderRefused
from tradectl.lab.faults import Fault, FaultyBroker, Promise
from tradectl.lab.faults.book_view import as_of
from tradectl.model.order import TERMINAL, OrderReport, OrderRequest, OrderStatus, Side, Variety

DAYS = [date(2023, 7, day) for day in (14, 17, 18)]
D, NEXT = DAYS[1], DAYS[2]
S = OrderStatus

Far = Callable[..., FaultyBroker]


@pytest.fixture
def near(floor) -> Floor:
    """A market that stands at Rs 100.00, on a Monday at ten."""
    return floor(quiet("ACME", DAYS), quiet("BETA", DAYS), at=ist(D, "10:00"))


@pytest.fixture
def far(near, tmp_path) -> Far:
    """Makes the same exchange seen from far away; every draw hits unless a rate is given."""

    def make(*faults: Fault, promise: Promise = Promise.REFUSES, seed: int = 1, rate: float = 1.0, **how: object) -> FaultyBroker:
        return FaultyBroker(near.broker, near.clock, faults, promise, seed=seed, state=tmp_path / "faults.json", rate=rate, **how)

    return make


def order(
    tag: str = "T1", side: Side = Side.BUY, quantity: int = 10, price: int = 9900, *, amo: bool = False, symbol: str = "ACME"
) -> OrderRequest:
    return OrderRequest(tag, symbol, side, quantity, price, variety=Variety.AMO if amo else Variety.REGULAR)


def rows(broker: FaultyBroker) -> list[tuple[str | None, OrderStatus, int, int, int]]:
    return [(row.tag, row.status, row.quantity, row.price, row.filled_quantity) for row in broker.orders()]


def row(broker: FaultyBroker, order_id: str) -> OrderReport:
    return next(report for report in broker.orders() if report.broker_order_id == order_id)


def true_row(near: Floor, order_id: str) -> OrderReport:
    return near.order(order_id)


def seconds_until(clock: VirtualClock, seen: Callable[[], bool], most: int = 300) -> int:
    """Whole seconds until something is seen."""
    for passed in range(most + 1):
        if seen():
            return passed
        clock.sleep(1)
    raise AssertionError(f"not seen in {most} s")


# without faults


@pytest.mark.parametrize("promise", Promise)
@pytest.mark.parametrize("faults", [(), (Fault.NONE,), (Fault.PARTIAL_FILLS,)])
def test_without_a_fault_the_layer_is_transparent(near, far, promise, faults) -> None:
    broker = far(*faults, promise=promise)
    bought = broker.place(order("T1", price=10000))
    resting = broker.place(order("T2"))
    broker.modify(resting, quantity=11, price=9905)
    broker.cancel(broker.place(order("T3", symbol="BETA")))
    with pytest.raises(OrderRefused, match="insufficient holdings"):
        broker.place(order("T4", Side.SELL, 11, 10500))
    assert broker.orders() is near.broker.orders()
    assert broker.trades() is near.broker.trades()
    assert broker.holdings() is near.broker.holdings()
    assert broker.funds() is near.broker.funds()
    assert broker.quotes(["ACME"]) == near.broker.quotes(["ACME"]) != {}
    assert [(report.tag, report.status) for report in near.broker.orders()] == [
        ("T1", S.EXECUTED),
        ("T2", S.ONGOING),
        ("T3", S.CANCELLED),
    ]
    assert true_row(near, bought).filled_quantity == 10
    assert not broker.hits


def test_opening_prices_are_passed_on(floor, tmp_path) -> None:
    near = floor(quiet("ACME", DAYS), at=ist(D, "09:09"))
    broker = FaultyBroker(near.broker, near.clock, [], Promise.REFUSES, seed=1, state=tmp_path / "faults.json")
    assert broker.preopen_prices(["ACME"]) == {"ACME": 10000}


@pytest.mark.parametrize(
    ("promise", "refuses", "lag"),
    [(Promise.REFUSES, True, None), (Promise.LAG, False, timedelta(seconds=30)), (Promise.NOTHING, False, None)],
)
def test_a_promise_changes_only_what_it_is_about(near, far, promise, refuses, lag) -> None:
    declared = far(promise=promise).capabilities
    assert (declared.refuses_repeated_tag, declared.visibility_lag) == (refuses, lag)
    assert declared.preopen_prices is near.broker.capabilities.preopen_prices
    assert declared.max_modifications == near.broker.capabilities.max_modifications


def test_a_rate_is_a_part_of_one(far) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        far(rate=1.1)


# commands on their way


def test_a_lost_request_never_arrives(near, far) -> None:
    broker = far(Fault.REQUEST_LOST)
    with pytest.raises(Ambiguous, match="place T1 timed out"):
        broker.place(order())
    resting = near.buy(10, 9900)
    with pytest.raises(Ambiguous, match="timed out"):
        broker.modify(resting, quantity=20, price=9800)
    with pytest.raises(Ambiguous, match="timed out"):
        broker.cancel(resting)
    near.clock.sleep(600)
    broker.deliver_all()
    assert [(report.quantity, report.price, report.status) for report in broker.truth().orders] == [(10, 9900, S.ONGOING)]
    assert broker.hits == {Fault.REQUEST_LOST: 3}


def test_a_command_whose_reply_is_lost_was_carried_out(near, far) -> None:
    broker = far(Fault.REPLY_LOST)
    with pytest.raises(Ambiguous, match="timed out"):
        broker.place(order())
    (placed,) = broker.orders()
    assert placed.tag == "T1"
    with pytest.raises(Ambiguous):
        broker.modify(placed.broker_order_id, quantity=20, price=9800)
    assert rows(broker) == [("T1", S.ONGOING, 20, 9800, 0)]
    with pytest.raises(Ambiguous):
        broker.cancel(placed.broker_order_id)
    assert rows(broker) == [("T1", S.CANCELLED, 20, 9800, 0)]


def test_nobody_hears_of_a_refusal_whose_reply_is_lost(near, far) -> None:
    with pytest.raises(Ambiguous, match="timed out"):
        far(Fault.REPLY_LOST).place(order(price=9999))
    assert near.broker.orders() == ()


def test_half_of_the_commands_with_a_server_error_are_done(near, far) -> None:
    broker = far(Fault.SERVER_ERROR)
    for number in range(60):
        with pytest.raises(Ambiguous, match="502 from the broker"):
            broker.place(order(f"T{number}", quantity=1))
    assert 15 < len(broker.truth().orders) < 45


def test_a_late_reply_is_the_true_one_after_a_while(near, far) -> None:
    broker = far(Fault.REPLY_LATE)
    start = near.clock.now()
    placed = broker.place(order())
    assert timedelta(seconds=10) <= near.clock.now() - start <= timedelta(seconds=40)
    assert row(broker, placed).placed_at == start
    before = near.clock.now()
    with pytest.raises(OrderRefused, match="tick size"):
        broker.place(order("T2", price=9999))
    assert near.clock.now() > before
    assert broker.hits == {Fault.REPLY_LATE: 2}


def test_a_late_request_arrives_some_seconds_later(near, far) -> None:
    broker = far(Fault.REQUEST_LATE)
    start = near.clock.now()
    with pytest.raises(Ambiguous, match="timed out"):
        broker.place(order())
    assert (broker.truth().orders, broker.in_the_network) == ((), 1)
    assert 5 <= seconds_until(near.clock, lambda: bool(broker.orders())) <= 21
    (placed,) = broker.truth().orders
    assert timedelta(seconds=5) <= placed.placed_at - start
    assert broker.in_the_network == 0


@pytest.mark.parametrize("ask", ["orders", "trades", "holdings", "funds"])
def test_a_due_request_arrives_before_any_answer(near, far, ask) -> None:
    broker = far(Fault.REQUEST_LATE)
    with pytest.raises(Ambiguous):
        broker.place(order(price=10000))
    near.clock.sleep(20)
    getattr(broker, ask)()
    assert [report.status for report in near.broker.orders()] == [S.EXECUTED]


def test_a_late_request_outlives_the_process_that_sent_it(near, far) -> None:
    broker = far(Fault.REQUEST_LATE)
    resting = near.buy(10, 9900)
    with pytest.raises(Ambiguous):
        broker.place(order("AMO", Side.BUY, 3, 9850))
    with pytest.raises(Ambiguous):
        broker.modify(resting, quantity=7, price=9905)
    near.clock.sleep(20)
    again = far(Fault.REQUEST_LATE)
    assert again.in_the_network == 2
    assert rows(again) == [("TAG1", S.ONGOING, 7, 9905, 0), ("AMO", S.ONGOING, 3, 9850, 0)]
    assert far(Fault.REQUEST_LATE).in_the_network == 0


def test_a_late_request_is_dropped_where_the_exchange_refuses_it(near, far) -> None:
    broker = far(Fault.REQUEST_LATE)
    near.to(D, "15:29:58")
    with pytest.raises(Ambiguous):
        broker.place(order())
    near.to(D, "15:31")
    assert broker.orders() == ()
    assert broker.in_the_network == 0


def test_a_late_cancel_ends_an_order_later(near, far) -> None:
    resting = near.buy(10, 9900)
    broker = far(Fault.REQUEST_LATE)
    with pytest.raises(Ambiguous):
        broker.cancel(resting)
    assert row(broker, resting).status is S.ONGOING
    broker.deliver_all()
    assert row(broker, resting).status is S.CANCELLED


def test_a_late_request_leaves_the_network_before_it_arrives(near, far, tmp_path) -> None:
    """A process that dies in between loses a request, and never doubles one."""
    broker = far(Fault.REQUEST_LATE, promise=Promise.NOTHING)
    with pytest.raises(Ambiguous):
        broker.place(order())

    class Died(Exception):
        pass

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(near.broker, name)

        def place(self, request: OrderRequest) -> str:
            assert json.loads((tmp_path / "faults.json").read_text())["late"] == []
            near.broker.place(request)
            raise Died

    near.clock.sleep(20)
    dying = FaultyBroker(Watched(), near.clock, [], Promise.NOTHING, seed=1, state=tmp_path / "faults.json")
    with pytest.raises(Died):
        dying.orders()
    assert [report.tag for report in far(promise=Promise.NOTHING).orders()] == ["T1"]


def test_at_most_one_fault_befalls_a_command(near, far) -> None:
    wire = (Fault.REQUEST_LOST, Fault.REPLY_LOST, Fault.REQUEST_LATE, Fault.REPLY_LATE, Fault.SERVER_ERROR)
    broker = far(*wire, rate=0.35)
    answers = {"ok": 0, "doubt": 0}
    for number in range(200):
        near.clock.sleep(1)
        try:
            broker.place(order(f"T{number}", quantity=1))
            answers["ok"] += 1
        except Ambiguous:
            answers["doubt"] += 1
    assert set(broker.hits) == set(wire)
    assert 200 * 0.25 < sum(broker.hits.values()) < 200 * 0.45
    assert answers["doubt"] == sum(broker.hits.values()) - broker.hits[Fault.REPLY_LATE]


# the book


@pytest.mark.parametrize(("fault", "least", "most"), [(Fault.SLOW_BOOK, 1, 26), (Fault.SLOWER_BOOK, 40, 241)])
def test_a_slow_book_shows_an_order_and_its_trades_after_a_lag(near, far, fault, least, most) -> None:
    broker = far(fault, promise=Promise.LAG)
    lags = []
    for number in range(8):
        placed = broker.place(order(f"T{number}", price=10000))
        assert broker.truth().trades[-1].broker_order_id == placed
        assert placed not in {report.broker_order_id for report in broker.orders()}
        lags.append(seconds_until(near.clock, lambda: placed in {report.broker_order_id for report in broker.orders()}))  # noqa: B023
        assert row(broker, placed).status is S.EXECUTED
        assert placed in {trade.broker_order_id for trade in broker.trades()}
    assert least <= min(lags)
    assert max(lags) <= most
    assert len(set(lags)) > 3
    assert broker.hits[fault] > 0


def test_a_slow_book_and_late_requests_stay_below_the_lag(near, far) -> None:
    broker = far(Fault.SLOW_BOOK, Fault.REQUEST_LATE, promise=Promise.LAG)
    for number in range(20):
        with pytest.raises(Ambiguous):
            broker.place(order(f"T{number}", quantity=1))
        shown = seconds_until(near.clock, lambda: any(report.tag == f"T{number}" for report in broker.orders()))  # noqa: B023
        assert shown < Promise.LAG.visibility_lag.total_seconds()


def test_a_slow_book_shows_a_change_late(near, far) -> None:
    broker = far(Fault.SLOW_BOOK)
    placed = broker.place(order())
    near.clock.sleep(25)
    broker.modify(placed, quantity=12, price=9905)
    near.clock.sleep(0.5)
    broker.modify(placed, quantity=14, price=9910)
    assert rows(broker) == [("T1", S.ONGOING, 10, 9900, 0)]
    seconds_until(near.clock, lambda: rows(broker) == [("T1", S.ONGOING, 14, 9910, 0)], 26)
    broker.cancel(placed)
    assert rows(broker) == [("T1", S.ONGOING, 14, 9910, 0)]
    assert true_row(near, placed).status is S.CANCELLED
    seconds_until(near.clock, lambda: rows(broker) == [("T1", S.CANCELLED, 14, 9910, 0)], 26)


def test_another_process_sees_the_same_slow_book(near, far) -> None:
    broker = far(Fault.SLOW_BOOK)
    placed = broker.place(order())
    near.clock.sleep(25)
    broker.modify(placed, quantity=12, price=9905)
    for _ in range(26):
        assert far(Fault.SLOW_BOOK).orders() == broker.orders()
        near.clock.sleep(1)
    assert rows(broker) == [("T1", S.ONGOING, 12, 9905, 0)]


def test_what_a_slow_book_shows_never_goes_back(near, far) -> None:
    """An after-market order is released, changed by us, and filled: seen as pending, live, and executed, in this order."""
    near.to(D, "17:00")
    broker = far(Fault.SLOW_BOOK)
    placed = broker.place(order("T1", price=9900, amo=True))
    near.to(NEXT, "08:59")
    seen = [row(broker, placed)]
    near.to(NEXT, "09:00")
    for second in range(120):
        if second == 60:
            broker.modify(placed, quantity=10, price=10000)
        seen.append(row(broker, placed))
        near.clock.sleep(1)
    near.to(NEXT, "09:08")
    near.clock.sleep(300)
    seen.append(row(broker, placed))
    story = [(report.status, report.price) for report in seen]
    assert list(dict.fromkeys(story)) == [(S.PENDING, 9900), (S.ONGOING, 9900), (S.ONGOING, 10000), (S.EXECUTED, 10000)]
    assert story == sorted(story, key=list(dict.fromkeys(story)).index)
    assert story[1] == (S.PENDING, 9900)


def test_a_slow_book_shows_partial_fills_one_after_the_other(floor, tmp_path) -> None:
    near = floor(
        listing(bars=[bar(day, 10000, 10000, 10000, 10000, 3750) for day in DAYS]), at=ist(D, "10:00"), participation=0.5
    )
    broker = FaultyBroker(near.broker, near.clock, [Fault.SLOW_BOOK], Promise.LAG, seed=3, state=tmp_path / "faults.json")
    placed = broker.place(order(quantity=20, price=10000))
    near.clock.sleep(25)
    filled, truth = [], []
    for _ in range(30):
        near.clock.sleep(10)
        shown = row(broker, placed)
        assert shown.filled_quantity == sum(trade.quantity for trade in broker.trades())
        assert (shown.status is S.EXECUTED) == (shown.filled_quantity == 20)
        filled.append(shown.filled_quantity)
        truth.append(true_row(near, placed).filled_quantity)
    assert filled == sorted(filled)
    assert any(0 < quantity < 20 for quantity in filled)
    assert any(a < b for a, b in zip(filled, truth, strict=True))


def test_the_same_object_comes_again_while_nothing_changes(near, far) -> None:
    broker = far(Fault.SLOW_BOOK, Fault.DUPLICATE_REPORTS)
    empty = broker.orders()
    placed = broker.place(order(price=10000))
    assert broker.orders() is empty
    near.clock.sleep(25)
    shown, trades = broker.orders(), broker.trades()
    assert [report.broker_order_id for report in shown] == [placed, placed]
    near.clock.sleep(300)
    assert broker.orders() is shown
    assert broker.trades() is trades
    broker.place(order("T2", symbol="BETA"))
    near.clock.sleep(25)
    assert broker.orders() is not shown
    assert broker.trades() is trades


def test_duplicate_reports_have_the_same_ids(near, far) -> None:
    broker = far(Fault.DUPLICATE_REPORTS)
    placed = broker.place(order(price=10000))
    assert [report.broker_order_id for report in broker.orders()] == [placed, placed]
    first, second = broker.trades()
    assert first == second
    assert len(broker.truth().orders) == len(broker.truth().trades) == 1


def test_reports_are_shuffled_anew_at_each_moment(near, far) -> None:
    broker = far(Fault.REPORTS_OUT_OF_ORDER)
    placed = [broker.place(order(f"T{number}")) for number in range(8)]
    sequences = set()
    for _ in range(5):
        ids = [report.broker_order_id for report in broker.orders()]
        assert sorted(ids) == placed
        assert broker.orders() is broker.orders()
        sequences.add(tuple(ids))
        near.clock.sleep(1)
    assert len(sequences) > 3
    assert tuple(placed) not in sequences


def test_an_order_and_its_trades_come_apart(near, far) -> None:
    """At a middling rate some orders are shown executed before their trades, some after them; both are whole within 50 s."""
    broker = far(Fault.REPORTS_OUT_OF_ORDER, rate=0.4)
    placed = [broker.place(order(f"T{number}", quantity=1, price=10000)) for number in range(20)]
    executed = {report.broker_order_id for report in broker.orders() if report.status is S.EXECUTED}
    traded = {trade.broker_order_id for trade in broker.trades()}
    assert len(broker.orders()) == 20
    assert executed - traded
    assert traded - executed
    assert {report.filled_quantity for report in broker.orders() if report.broker_order_id not in executed} == {0}
    near.clock.sleep(4)
    assert {report.broker_order_id for report in broker.orders() if report.status is S.EXECUTED} == executed
    near.clock.sleep(46)
    assert {report.broker_order_id for report in broker.orders() if report.status is S.EXECUTED} == set(placed)
    assert {trade.broker_order_id for trade in broker.trades()} == set(placed)


def test_an_accepted_order_is_rejected_later_for_ever(near, far) -> None:
    broker = far(Fault.REJECTED_LATER)
    placed = broker.place(order())
    shown = row(broker, placed)
    assert (shown.status, shown.filled_quantity) == (S.REJECTED, 0)
    assert true_row(near, placed).status is S.CANCELLED
    near.to(NEXT, "10:00")
    assert row(far(Fault.REJECTED_LATER), placed) == shown
    near.to(D + timedelta(days=8), "10:00")
    assert row(broker, placed) == shown


def test_half_of_the_later_rejected_buys_lacked_funds(near, far) -> None:
    near.broker.manual_trade("BETA", Side.BUY, 40, 10000)
    broker = far(Fault.REJECTED_LATER)
    bought = {broker.place(order(f"B{number}", quantity=1)) for number in range(40)}
    sold = {broker.place(order(f"S{number}", Side.SELL, 1, 10500, symbol="BETA")) for number in range(40)}
    reasons = {(report.passing, report.reason) for report in broker.orders() if report.status is S.REJECTED}
    passing = {report.broker_order_id for report in broker.orders() if report.passing}
    assert reasons == {
        (False, "rejected by the exchange after it was accepted"),
        (True, "RMS:Margin Exceeds, found after the order was accepted"),
    }
    assert 10 < len(passing) < 30
    assert passing < bought
    assert {report.broker_order_id for report in broker.orders() if report.status is S.REJECTED} == bought | sold
    again = far(Fault.REJECTED_LATER)
    assert {report.broker_order_id for report in again.orders() if report.passing} == passing


def test_what_was_not_rejected_yet_lacked_no_funds_yet(near, far) -> None:
    broker = far(Fault.REJECTED_LATER)
    placed = [broker.place(order(f"T{number}", quantity=1)) for number in range(40)]
    passing = next(report for report in broker.orders() if report.broker_order_id in placed and report.passing)
    earlier = as_of(replace(passing, updated_at=passing.placed_at + timedelta(seconds=2)), (), (), passing.placed_at)
    assert (earlier.status, earlier.passing, earlier.reason) == (S.ONGOING, False, "")


def test_what_has_filled_is_not_rejected_later(near, far) -> None:
    broker = far(Fault.REJECTED_LATER)
    assert row(broker, broker.place(order(price=10000))).status is S.EXECUTED


def test_some_orders_are_rejected_later_and_cancels_stay(near, far) -> None:
    broker = far(Fault.REJECTED_LATER, rate=0.35)
    placed = [broker.place(order(f"T{number}", quantity=1)) for number in range(40)]
    rejected = {report.broker_order_id for report in broker.orders() if report.status is S.REJECTED}
    assert 5 < len(rejected) < 25
    for order_id in set(placed) - rejected:
        broker.cancel(order_id)
        assert row(broker, order_id).status is S.CANCELLED


def test_a_cancel_that_crosses_a_fill_is_not_carried_out(near, far) -> None:
    broker = far(Fault.CANCEL_CROSSES_FILL)
    resting = near.buy(10, 9900)
    broker.cancel(resting)
    assert row(broker, resting).status is S.ONGOING
    near.broker.modify(resting, quantity=10, price=10000)
    assert row(broker, resting).status is S.EXECUTED
    with pytest.raises(OrderRefused, match="cannot be changed"):
        broker.cancel(resting)


def test_a_later_cancel_may_pass(near, far) -> None:
    broker = far(Fault.CANCEL_CROSSES_FILL, rate=0.5)
    resting = near.buy(10, 9900)
    tries = 0
    while row(broker, resting).status is S.ONGOING:
        broker.cancel(resting)
        tries += 1
        near.clock.sleep(5)
    assert tries < 10
    assert broker.hits[Fault.CANCEL_CROSSES_FILL] == tries - 1


def test_a_modify_sometimes_crosses_a_fill(near, far) -> None:
    broker = far(Fault.CANCEL_CROSSES_FILL)
    resting = near.buy(10, 9900)
    carried_out = 0
    for number in range(20):
        before = row(broker, resting).quantity
        broker.modify(resting, quantity=11 + number, price=9900)
        carried_out += row(broker, resting).quantity != before
        near.clock.sleep(1)
    assert 3 < carried_out < 17
    assert broker.hits[Fault.CANCEL_CROSSES_FILL] == 20 - carried_out


def test_an_ignored_change_changes_nothing_or_only_the_quantity(near, far) -> None:
    broker = far(Fault.CHANGE_IGNORED)
    resting = near.buy(10, 9900)
    seen = set()
    for number in range(20):
        before = row(broker, resting).quantity
        broker.modify(resting, quantity=11 + number, price=9800)
        after = row(broker, resting)
        assert after.price == 9900
        assert after.quantity in {before, 11 + number}
        seen.add(after.quantity == before)
        near.clock.sleep(1)
    assert seen == {True, False}
    broker.cancel(resting)
    assert row(broker, resting).status is S.CANCELLED


def test_the_book_is_emptied_overnight(near, far) -> None:
    broker = far(Fault.BOOK_EMPTIED)
    broker.place(order("T1", price=10000))
    broker.place(order("T2"))
    near.to(D, "16:30")
    waiting = broker.place(order("T3", amo=True))
    near.to(D, "23:59:59")
    shown = broker.orders()
    assert [report.status for report in shown] == [S.EXECUTED, S.CANCELLED, S.PENDING]
    assert len(broker.trades()) == 1
    near.to(NEXT, "00:00")
    assert [report.broker_order_id for report in broker.orders()] == [waiting]
    assert broker.trades() == ()
    assert len(broker.truth().orders) == 3
    assert len(broker.truth().trades) == 1


# reads that fail


@pytest.mark.parametrize(
    ("read", "arguments"),
    [("orders", ()), ("trades", ()), ("holdings", ()), ("funds", ()), ("quotes", (["ACME"],)), ("preopen_prices", (["ACME"],))],
)
def test_a_read_that_fails_raises_and_commands_pass(near, far, read, arguments) -> None:
    broker = far(Fault.BOOK_UNAVAILABLE)
    with pytest.raises(BrokerUnavailable, match=read.split("_", maxsplit=1)[0]) as failed:
        getattr(broker, read)(*arguments)
    assert not isinstance(failed.value, Ambiguous)
    broker.cancel(broker.place(order()))


def test_each_kind_of_read_fails_for_whole_minutes_of_its_own(near, far) -> None:
    broker = far(Fault.BOOK_UNAVAILABLE, rate=0.5)

    def works(read: Callable[[], object]) -> bool:
        try:
            read()
        except BrokerUnavailable:
            return False
        return True

    minutes = []
    for _ in range(20):
        first = works(broker.orders), works(broker.trades)
        near.clock.sleep(59)
        assert (works(broker.orders), works(broker.trades)) == first
        near.clock.sleep(1)
        minutes.append(first)
    assert set(minutes) == {(True, True), (True, False), (False, True), (False, False)}


def test_an_expired_session_answers_nothing_and_sends_nothing(near, far) -> None:
    broker = far(Fault.SESSION_EXPIRED)
    for call in (broker.orders, broker.funds, lambda: broker.place(order()), lambda: broker.cancel("X")):
        with pytest.raises(LoginNeeded, match="log in again"):
            call()
    assert broker.truth().orders == ()


def test_a_session_expires_for_whole_minutes(near, far) -> None:
    broker = far(Fault.SESSION_EXPIRED, rate=0.35)
    expired = 0
    for _ in range(60):
        before = broker.hits[Fault.SESSION_EXPIRED]
        for _ in range(3):
            try:
                broker.orders()
            except LoginNeeded:
                expired += 1
            near.clock.sleep(20)
        assert broker.hits[Fault.SESSION_EXPIRED] - before in {0, 3}
    assert 3 * 10 < expired < 3 * 35


# tags


def test_a_repeated_tag_is_refused_where_that_is_promised(near, far) -> None:
    broker = far(promise=Promise.REFUSES)
    broker.place(order())
    with pytest.raises(OrderRefused) as refused:
        broker.place(order())
    assert refused.value.code == "repeated_tag"
    assert len(broker.orders()) == 1


@pytest.mark.parametrize("promise", [Promise.LAG, Promise.NOTHING])
def test_a_repeated_tag_without_a_promise_is_another_order(near, far, promise) -> None:
    broker = far(promise=promise)
    first = [broker.place(order()) for _ in range(2)]
    third = far(promise=promise).place(order())
    assert len({*first, third}) == 3
    assert [report.tag for report in near.broker.orders()] == ["T1", "T1.1", "T1.2"]
    assert [report.tag for report in broker.orders()] == ["T1"] * 3 == [report.tag for report in broker.truth().orders]
    assert broker.orders() is broker.orders()


def test_a_tag_resent_while_the_first_is_late_makes_two_orders(near, far) -> None:
    with pytest.raises(Ambiguous):
        far(Fault.REQUEST_LATE, promise=Promise.LAG).place(order())
    near.clock.sleep(3)
    broker = far(promise=Promise.LAG)
    broker.place(order())
    broker.deliver_all()
    assert [report.tag for report in broker.truth().orders] == ["T1", "T1"]


def test_an_order_without_a_tag_keeps_none(near, far) -> None:
    near.buy(1, 10000)
    by_hand = near.broker.manual_trade("ACME", Side.SELL, 1, 10000)
    assert row(far(promise=Promise.LAG), by_hand).tag is None


# selling more than there is


def test_untagged_orders_of_one_moment_have_their_own_fates(far) -> None:
    def outcome(seed: int, symbol: str) -> bool:
        try:
            return bool(far(Fault.REQUEST_LOST, seed=seed, rate=0.5).place(order("", symbol=symbol)))
        except Ambiguous:
            return False

    assert {(outcome(seed, "ACME"), outcome(seed, "BETA")) for seed in range(8)} > {(True, False), (False, True)}


def test_a_sell_beyond_what_is_held_is_written_down(near, far, tmp_path) -> None:
    broker = far()
    broker.place(order("B", price=10000))
    resting = broker.place(order("S1", Side.SELL, 7, 10500))
    assert broker.oversold == ()
    with pytest.raises(OrderRefused):
        broker.place(order("S2", Side.SELL, 4, 10500))
    with pytest.raises(OrderRefused):
        broker.modify(resting, quantity=11, price=10500)
    broker.modify(resting, quantity=10, price=10500)
    lines = (
        "2023-07-17 10:00:00 place S2: SELL 4 ACME with 7 on sale and 10 held; "
        "refused: insufficient holdings: 3 may be sold, 4 ordered",
        f"2023-07-17 10:00:00 modify {resting}: SELL 11 ACME with 0 on sale and 10 held; "
        "refused: insufficient holdings: 10 may be sold, 11 ordered",
    )
    assert far().oversold == broker.oversold == lines


def test_a_sell_refused_for_another_reason_is_no_short_sale(near, far) -> None:
    broker = far(promise=Promise.REFUSES)
    broker.place(order("B", price=10000))
    broker.place(order("S", Side.SELL, 10, 10500))
    with pytest.raises(OrderRefused, match="already exists"):
        broker.place(order("S", Side.SELL, 10, 10500))
    with pytest.raises(OrderRefused, match="tick"):
        broker.place(order("S2", Side.SELL, 10, 10501))
    assert broker.oversold == ()


def test_a_sell_sent_twice_in_doubt_is_written_down(near, far) -> None:
    near.buy(10, 10000)
    with pytest.raises(Ambiguous):
        far(Fault.REQUEST_LATE, promise=Promise.NOTHING).place(order("S", Side.SELL, 10, 10500))
    broker = far(promise=Promise.NOTHING)
    broker.place(order("S", Side.SELL, 10, 10500))
    broker.deliver_all()
    (line,) = broker.oversold
    assert "place S: SELL 10 ACME with 10 on sale and 10 held; refused" in line


# who listens, and telling it all again


class Killed(BaseException):
    """As a kill: nothing catches it."""


def test_calls_are_heard_before_and_commands_also_after(near, far) -> None:
    heard: list[tuple[str, int]] = []
    broker = far(on_call=lambda name: heard.append((name, len(near.broker.orders()))))
    placed = broker.place(order())
    broker.modify(placed, quantity=11, price=9900)
    broker.cancel(placed)
    with pytest.raises(OrderRefused):
        broker.place(order("T2", price=9999))
    broker.orders()
    broker.trades()
    broker.holdings()
    broker.funds()
    broker.quotes(["ACME"])
    broker.preopen_prices(["ACME"])
    assert heard == [
        ("place", 0), ("place:done", 1), ("modify", 1), ("modify:done", 1), ("cancel", 1), ("cancel:done", 1), ("place", 1),
        ("place:done", 1), ("orders", 1), ("trades", 1), ("holdings", 1), ("funds", 1), ("quotes", 1), ("preopen_prices", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(("at", "arrived"), [("place", 0), ("place:done", 1)])
@pytest.mark.parametrize("fault", [Fault.NONE, Fault.REPLY_LOST, Fault.REPLY_LATE])
def test_a_kill_passes_through_untouched(near, far, at, arrived, fault) -> None:
    killed = Killed(at)

    def kill(name: str) -> None:
        if name == at:
            raise killed

    broker = far(fault, on_call=kill)
    with pytest.raises(Killed) as died:
        broker.place(order())
    assert died.value is killed
    assert len(broker.truth().orders) == arrived


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.REQUEST_LATE])
def test_what_does_not_arrive_is_not_heard_as_done(near, far, fault) -> None:
    heard: list[str] = []
    with pytest.raises(Ambiguous):
        far(fault, on_call=heard.append).place(order())
    assert heard == ["place"]


def test_a_command_that_is_answered_as_refused_was_carried_out(near, far) -> None:
    broker = far(Fault.ANSWERED_AS_REFUSED)
    with pytest.raises(Ambiguous, match="no refusal"):
        broker.place(order("T1", amo=False))
    (placed,) = broker.truth().orders
    with pytest.raises(Ambiguous):
        broker.cancel(placed.broker_order_id)
    (ended,) = broker.truth().orders
    assert (ended.status, broker.hits) == (OrderStatus.CANCELLED, {Fault.ANSWERED_AS_REFUSED: 2})


def test_an_order_refused_in_documented_words_was_carried_out(far) -> None:
    broker = far(Fault.DOCUMENTED_REFUSAL)
    for number in range(6):
        with pytest.raises(OrderRefused):
            broker.place(order(f"T{number}"))
    assert len(broker.truth().orders) == 6


EVERYTHING = [fault for fault in Fault if fault is not Fault.NONE]


def _story(make: Callable[[], FaultyBroker], clock: VirtualClock) -> list[str]:
    """What a caller is told in twenty minutes; `make` gives the broker of each call."""
    told: list[str] = []
    known: list[str] = []

    def hear(call: Callable[[], object]) -> None:
        try:
            told.append(repr(call()))
        except (Ambiguous, BrokerUnavailable, LoginNeeded, OrderRefused) as error:
            told.append(repr(error))

    for number in range(60):
        clock.sleep(20)
        hear(lambda: known.append(make().place(order(f"T{number // 2}", quantity=1, price=9900 + 100 * (number % 2)))))  # noqa: B023
        hear(lambda: make().orders())
        hear(lambda: make().trades())
        if known:
            hear(lambda: make().modify(known[-1], quantity=2 + number, price=9910))  # noqa: B023
            hear(lambda: make().cancel(known[number % len(known)]))  # noqa: B023
        told.append(f"{clock.now()}")
    return told


def test_the_same_seed_gives_a_new_process_the_same_faults(floor, tmp_path) -> None:
    stories = []
    for number, (seed, anew) in enumerate([(7, False), (7, True), (8, False)]):
        near = floor(quiet("ACME", DAYS), at=ist(D, "10:00"))
        state: Path = tmp_path / f"{number}.json"

        def fresh(near: Floor = near, seed: int = seed, state: Path = state) -> FaultyBroker:
            return FaultyBroker(near.broker, near.clock, EVERYTHING, Promise.LAG, seed=seed, state=state)

        kept = fresh()
        stories.append(_story(fresh if anew else lambda kept=kept: kept, near.clock))
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


def test_reading_changes_nothing_of_the_truth(near, far) -> None:
    broker = far(*EVERYTHING, rate=0.35)
    bought = near.buy(10, 10000)
    near.buy(10, 9900)
    before = broker.truth()
    for _ in range(50):
        for read in (broker.orders, broker.trades, broker.holdings, broker.funds):
            try:
                read()
            except (BrokerUnavailable, LoginNeeded):
                continue
        near.clock.sleep(7)
    assert broker.truth() == before
    assert true_row(near, bought).status in TERMINAL


def test_the_file_is_written_only_when_something_must_stay(near, far, tmp_path) -> None:
    broker = far(*EVERYTHING, rate=0.0)
    broker.cancel(broker.place(order(amo=False)))
    quick = far(Fault.REQUEST_LOST, Fault.REPLY_LOST, Fault.REJECTED_LATER, Fault.CHANGE_IGNORED, Fault.DUPLICATE_REPORTS)
    with pytest.raises(Ambiguous):
        quick.place(order("T2"))
    quick.orders()
    assert [path.name for path in tmp_path.glob("faults*")] == ["faults.json"]
    content = json.loads((tmp_path / "faults.json").read_text())
    assert {key: len(value) for key, value in content.items()} == {"late": 0, "before": 1, "oversold": 0}
    moment = datetime.fromisoformat(content["before"][0]["at"])
    assert moment == near.clock.now()
