"""A faulty exchange behind the brokers' sandboxes: what it does to a command is what the book shows, whoever hears of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.brokers.kotak import CLIENT, MemoryVault, credentials, nobody
from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.kotak_neo import ADAPTER
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.errors import Ambiguous, LoginNeeded, OrderRefused
from tradectl.lab.faults import Fault, FaultyBroker, Promise
from tradectl.lab.sandboxes.fixture import FRIDAY, OPEN, Fixture, ist
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox
from tradectl.lab.sandboxes.openalgo import ROOT, OpenAlgoSandbox
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, Side, Variety

S = OrderStatus
At = Callable[..., AbstractContextManager[KotakNeoBroker]]


@pytest.fixture
def kotak(tmp_path: Path) -> At:
    """The adapter over a sandbox that begins anew each time, and knows what the one before it has remembered."""

    @contextmanager
    def opened(at: str, *faults: Fault) -> Iterator[KotakNeoBroker]:
        fixture = Fixture(tmp_path, ist(FRIDAY, at))
        state, memory = tmp_path / "faults.json", tmp_path / "memory"

        def behind() -> FaultyBroker:
            return FaultyBroker(fixture.exchange(), fixture.clock, faults, Promise.REFUSES, seed=1, state=state, rate=1)

        with KotakNeoSandbox(behind, clock=fixture.clock, market=lambda: fixture.market, client=CLIENT, memory=memory) as sandbox:
            vault, addresses = MemoryVault(credentials()), {"login": sandbox.url}
            account = BrokerAccount(
                "kit", fixture.clock, fixture.sessions, fixture.market, vault, tmp_path / "scrips", addresses=addresses
            )
            ADAPTER.login(account, nobody)
            broker = KotakNeoBroker(account)
            yield broker
            broker.close()
            assert sandbox.broken == []

    return opened


def order(tag: str, quantity: int = 10, *, side: Side = Side.BUY, amo: bool = False) -> OrderRequest:
    return OrderRequest(tag, "ACME", side, quantity, OPEN - 500, variety=Variety.AMO if amo else Variety.REGULAR)


def only(broker: KotakNeoBroker) -> OrderReport:
    (found,) = broker.orders()
    return found


def test_an_undone_cancel_is_not_shown_as_cancelled(kotak: At) -> None:
    with kotak("16:10") as broker:
        placed = broker.place(order("TAGA", amo=True))
    with kotak("16:11", Fault.CANCEL_CROSSES_FILL) as broker:
        broker.cancel(placed)
        assert only(broker).status is S.PENDING


def test_a_change_whose_answer_was_lost_has_written_over_the_tag(kotak: At) -> None:
    with kotak("10:00") as broker:
        placed = broker.place(order("TAGA"))
    with kotak("10:01", Fault.REPLY_LOST) as broker:
        with pytest.raises(Ambiguous):
            broker.modify(placed, quantity=12, price=OPEN - 500)
        assert (only(broker).tag, only(broker).quantity) == (None, 12)


def test_a_change_that_was_lost_has_not(kotak: At) -> None:
    with kotak("10:00") as broker:
        placed = broker.place(order("TAGA"))
    with kotak("10:01", Fault.REQUEST_LOST) as broker:
        with pytest.raises(Ambiguous):
            broker.modify(placed, quantity=12, price=OPEN - 500)
        assert (only(broker).tag, only(broker).quantity) == ("TAGA", 10)


def test_a_tag_not_yet_in_the_book_is_refused_all_the_same(kotak: At) -> None:
    with kotak("10:00", Fault.SLOWER_BOOK) as broker:
        broker.place(order("TAGA"))
        assert broker.orders() == ()
        with pytest.raises(OrderRefused) as refusal:
            broker.place(order("TAGA"))
        assert refusal.value.code == "repeated_tag"


def test_a_server_that_was_started_again_gives_no_number_twice(kotak: At) -> None:
    for tag in ("TAGA", "TAGB"):
        with kotak("10:00") as broker, pytest.raises(OrderRefused):
            broker.place(order(tag, side=Side.SELL))  # of shares that are not there
    with kotak("10:00") as broker:
        assert [(row.tag, row.status) for row in broker.orders()] == [("TAGA", S.REJECTED), ("TAGB", S.REJECTED)]
        assert len({row.broker_order_id for row in broker.orders()}) == 2


def test_a_session_that_the_broker_has_ended_asks_for_a_login(kotak: At) -> None:
    with kotak("10:00", Fault.SESSION_EXPIRED) as broker:
        for call in (broker.orders, lambda: broker.place(order("TAGA"))):
            with pytest.raises(LoginNeeded):
                call()


@contextmanager
def openalgo(folder: Path, *faults: Fault) -> Iterator[Callable[..., requests.Response]]:
    """What a path of OpenAlgo's answers, asked with the API key."""
    fixture = Fixture(folder, ist(FRIDAY, "10:00"))

    def behind() -> FaultyBroker:
        state = folder / "faults.json"
        return FaultyBroker(fixture.exchange(), fixture.clock, faults, Promise.NOTHING, seed=1, state=state, rate=1)

    with OpenAlgoSandbox(behind, fixture.clock, api_key="key") as sandbox:
        yield lambda path, **body: requests.post(sandbox.url + ROOT + path, json={"apikey": "key", **body}, timeout=3)
        assert sandbox.broken == []


BUY = {
    "strategy": "s",
    "symbol": "ACME",
    "exchange": "NSE",
    "action": "BUY",
    "quantity": "10",
    "pricetype": "LIMIT",
    "price": "100",
}


def test_an_answer_lost_behind_openalgo_is_a_broken_connection(tmp_path: Path) -> None:
    with openalgo(tmp_path, Fault.REPLY_LOST) as ask:
        with pytest.raises(requests.ConnectionError):
            ask("placeorder", **BUY)
        assert [row["symbol"] for row in ask("orderbook").json()["data"]["orders"]] == ["ACME"]


def test_an_ended_session_behind_openalgo_is_an_unknown_key(tmp_path: Path) -> None:
    with openalgo(tmp_path, Fault.SESSION_EXPIRED) as ask:
        answer = ask("orderbook")
    assert (answer.status_code, answer.json()["message"]) == (403, "Invalid openalgo apikey")


def test_an_unreadable_book_behind_openalgo_is_not_empty(tmp_path: Path) -> None:
    with openalgo(tmp_path, Fault.BOOK_UNAVAILABLE) as ask:
        assert [ask(path).status_code for path in ("orderbook", "tradebook", "holdings", "funds")] == [503] * 4


def test_doubled_rows_are_in_orders_and_not_in_trades_without_id(tmp_path: Path) -> None:
    with openalgo(tmp_path, Fault.DUPLICATE_REPORTS) as ask:
        ask("placeorder", **BUY)
        told = {path: ask(path).json()["data"] for path in ("orderbook", "tradebook", "positionbook")}
    assert [len(told["orderbook"]["orders"]), len(told["tradebook"]), int(told["positionbook"][0]["quantity"])] == [2, 1, 10]
