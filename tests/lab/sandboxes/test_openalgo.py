"""The adapter over real sockets: what goes over the wire, in which modes nothing does, and what OpenAlgo does not tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import requests
from msgspec.structs import replace

from tests.support.benches import OpenAlgoBench, nobody
from tests.support.brokers.slow import Slow
from tradectl.brokers.openalgo import ADAPTER
from tradectl.errors import (
    Ambiguous,
    Blocked,
    BrokerUnavailable,
    ConfigurationError,
    LoginNeeded,
    OrderRefused,
    TradectlError,
)
from tradectl.lab.sandboxes.fixture import FRIDAY, MONDAY, OPEN, TUESDAY, Fixture, ist
from tradectl.lab.sandboxes.openalgo import ROOT, OpenAlgoSandbox
from tradectl.lab.sandboxes.server import Request, Response, Trouble
from tradectl.model.order import Holding, OrderRequest, OrderStatus, OrderType, Side

LOW = OPEN - 500


class Noting(OpenAlgoSandbox):
    """Keeps the bodies that came, and can be made to answer something else."""

    def __init__(self, *words: object, **more: object) -> None:
        super().__init__(*words, **more)  # type: ignore[arg-type]
        self.bodies: list[tuple[str, dict[str, object]]] = []
        self.instead: dict[str, Response] = {}

    def answer(self, request: Request) -> Response:
        name = request.path.removeprefix(ROOT)
        self.bodies.append((name, request.json() if request.body else {}))
        return self.instead.get(name) or super().answer(request)

    def sent(self, name: str) -> list[dict[str, object]]:
        return [body for path, body in self.bodies if path == name]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAlgoBench]:
    monkeypatch.setattr("tests.support.benches.OpenAlgoSandbox", Noting)
    made = OpenAlgoBench(Fixture(tmp_path, ist(FRIDAY, "10:00")))
    yield made
    made.close()


def server(bench: OpenAlgoBench) -> Noting:
    assert isinstance(bench.sandbox, Noting)
    return bench.sandbox


def asked(bench: OpenAlgoBench) -> list[str]:
    """The paths that were asked from now on."""
    bench.sandbox.requests.clear()
    return bench.sandbox.requests  # type: ignore[return-value]


def test_an_order_is_limit_and_delivery_and_sends_no_tag(bench: OpenAlgoBench) -> None:
    placed = bench.buy(10, LOW)
    bench.broker.modify(placed, quantity=12, price=LOW + 5)
    bench.broker.cancel(placed)
    terms = {"product": "CNC", "pricetype": "LIMIT", "trigger_price": "0", "disclosed_quantity": "0"}
    names = {"apikey": "kit-key", "strategy": "tradectl"}
    share = {"symbol": "ACME", "exchange": "NSE", "action": "BUY"}
    assert server(bench).sent("placeorder") == [{**names, **share, **terms, "quantity": "10", "price": "95.00"}]
    assert server(bench).sent("modifyorder") == [
        {**names, **share, **terms, "orderid": placed, "quantity": "12", "price": "95.05"}
    ]
    assert server(bench).sent("cancelorder") == [{**names, "orderid": placed}]


def test_what_it_cannot_do_is_blocked_before_anything_is_sent(bench: OpenAlgoBench) -> None:
    requests_made = asked(bench)
    with pytest.raises(Blocked, match="takes no after-market orders"):
        bench.buy(10, LOW, amo=True)
    with pytest.raises(Blocked, match="only limit orders"):
        bench.broker.place(OrderRequest("T", "ACME", Side.BUY, 1, 0, OrderType.MARKET))
    for price in (0, -5):
        for ask in (
            lambda price=price: bench.buy(1, price),
            lambda price=price: bench.broker.modify("1", quantity=1, price=price),
        ):
            with pytest.raises(OrderRefused, match="above zero") as refused:
                ask()
            assert refused.value.code == "price"
    assert requests_made == []
    for day, at in ((FRIDAY, "16:05"), (date(2023, 7, 15), "11:00"), (MONDAY, "08:59")):
        bench.fixture.clock.move_to(ist(day, at))
        with pytest.raises(Blocked, match="takes no orders now"):
            bench.buy(10, LOW)
    assert requests_made == []


def test_in_analyzer_mode_nothing_is_sent(bench: OpenAlgoBench) -> None:
    bench.sandbox.analyze = True
    for act in (lambda: bench.buy(10, LOW), lambda: bench.broker.cancel("1")):
        with pytest.raises(ConfigurationError, match="sends no real orders"):
            act()
    assert [body for name, body in server(bench).bodies if name in {"placeorder", "cancelorder"}] == []
    with pytest.raises(ConfigurationError, match="sends no real orders"):
        ADAPTER.login(bench.account, nobody)
    for read in (bench.broker.orders, bench.broker.trades, bench.broker.holdings, bench.broker.funds):
        with pytest.raises(ConfigurationError, match="sends no real orders"):
            read()


def test_an_order_delayed_past_the_close_is_not_sent(bench: OpenAlgoBench) -> None:
    """At some brokers behind OpenAlgo it would become one for the next day."""
    bench.buy(10, LOW)
    sent = len(server(bench).sent("placeorder"))
    slow = replace(bench.account, limiter=Slow(bench.fixture.clock, ist(FRIDAY, "16:30")))
    with pytest.raises(Blocked, match="takes no orders now"):
        ADAPTER.open(slow).place(OrderRequest("T", "ACME", Side.BUY, 11, LOW))
    assert len(server(bench).sent("placeorder")) == sent


def test_a_server_switched_between_two_commands_is_found_out(bench: OpenAlgoBench) -> None:
    """The second order went to OpenAlgo's own sandbox: nothing of it is real, and no third one is sent."""
    bench.buy(10, LOW)
    bench.sandbox.analyze = True
    for sent in (2, 2):
        with pytest.raises(ConfigurationError, match="sends no real orders"):
            bench.buy(11, LOW)
        assert len(server(bench).sent("placeorder")) == sent
    bench.sandbox.analyze = False
    assert [item.quantity for item in bench.broker.orders()] == [10]


def test_the_mode_is_asked_once_and_again_after_some_minutes(bench: OpenAlgoBench) -> None:
    server(bench).bodies.clear()
    for quantity in (1, 2, 3):
        bench.buy(quantity, LOW)
    assert len(server(bench).sent("analyzer")) == 1
    bench.fixture.clock.sleep(301)
    bench.buy(4, LOW)
    assert len(server(bench).sent("analyzer")) == 2


@pytest.mark.parametrize(
    "data", [{"mode": "live"}, {"mode": "analyze", "analyze_mode": True}, {"mode": "live", "analyze_mode": 1}]
)
def test_a_mode_that_is_not_plainly_live_sends_nothing(bench: OpenAlgoBench, data: dict[str, object]) -> None:
    server(bench).instead["analyzer"] = Response.of({"status": "success", "data": data})
    with pytest.raises((ConfigurationError, BrokerUnavailable)):
        bench.buy(10, LOW)
    assert server(bench).sent("placeorder") == []


@pytest.mark.parametrize("order_id", [None, "", "None"])
def test_a_success_without_an_order_id_is_ambiguous(bench: OpenAlgoBench, order_id: str | None) -> None:
    """A broker's refusal with status 200 is passed on as one."""
    server(bench).instead["placeorder"] = Response.of({"status": "success", "orderid": order_id})
    with pytest.raises(Ambiguous, match="without an order id"):
        bench.buy(10, LOW)


def test_an_order_that_waits_for_a_persons_approval_is_ambiguous(bench: OpenAlgoBench) -> None:
    bench.sandbox.semi_auto = True
    with pytest.raises(Ambiguous, match="Action Center"):
        bench.buy(10, LOW)
    with pytest.raises(ConfigurationError, match="semi-auto"):
        bench.broker.cancel("1")


def test_a_refused_cancel_that_comes_as_a_500_is_ambiguous(bench: OpenAlgoBench) -> None:
    """So does its Zerodha adapter answer; the book tells what became of the order."""
    placed = bench.buy(10, OPEN)
    bench.to(FRIDAY, "10:05")
    bench.sandbox.cancel_status = 500
    with pytest.raises(Ambiguous):
        bench.broker.cancel(placed)
    assert bench.order(placed).status is OrderStatus.EXECUTED


@pytest.mark.parametrize("cause", ["key", "broker"])
def test_a_wrong_key_and_a_server_without_a_login_ask_for_one(bench: OpenAlgoBench, cause: str) -> None:
    account = bench.account
    if cause == "key":
        account = replace(account, vault=type(account.vault)({"api_key": "wrong"}))  # type: ignore[call-arg]
    else:
        bench.sandbox.logged_in = False
    with pytest.raises(LoginNeeded, match="does not know the API key, or is not logged in at its broker"):
        ADAPTER.login(account, nobody)
    if cause == "key":
        assert account.vault.session() is None


@pytest.mark.parametrize("ask", [lambda bench: bench.broker.orders(), lambda bench: bench.buy(1, LOW)], ids=["read", "command"])
def test_a_key_that_is_known_again_is_used_again(bench: OpenAlgoBench, ask: Callable[[OpenAlgoBench], object]) -> None:
    """It says so too while its own database is locked, or while somebody logs in there: nobody has to log in here for that."""
    bench.sandbox.logged_in = False
    with pytest.raises(LoginNeeded, match="does not know the API key"):
        ask(bench)
    bench.sandbox.logged_in = True
    ask(bench)


def test_words_of_the_broker_behind_about_a_token_end_no_session(bench: OpenAlgoBench) -> None:
    server(bench).instead["orderbook"] = Response.of({"status": "error", "message": "Invalid token"}, 400)
    session = bench.account.vault.session()
    with pytest.raises(LoginNeeded):
        bench.broker.orders()
    assert bench.account.vault.session() == session


def test_a_broker_that_tells_no_funds_is_not_logged_in(bench: OpenAlgoBench) -> None:
    server(bench).instead["funds"] = Response.of({"status": "success", "data": {}})
    with pytest.raises(LoginNeeded, match="reports no funds"):
        ADAPTER.login(bench.account, nobody)
    with pytest.raises(BrokerUnavailable, match="cannot be read"):
        bench.broker.funds()


def test_a_key_is_needed_and_a_session_ends_at_night(bench: OpenAlgoBench) -> None:
    without = replace(bench.account, vault=type(bench.account.vault)({}))  # type: ignore[call-arg]
    with pytest.raises(ConfigurationError):
        ADAPTER.login(without, nobody)
    with pytest.raises(LoginNeeded, match="no session at OpenAlgo yet"):
        ADAPTER.open(without).orders()
    bench.fixture.clock.move_to(ist(MONDAY, "10:00"))
    for act in (bench.broker.orders, lambda: bench.buy(1, LOW)):
        with pytest.raises(LoginNeeded, match="OpenAlgo has ended"):
            act()


@pytest.mark.parametrize("tells", [False, True], ids=["as documented", "newer versions"])
def test_bought_today_is_not_sellable_and_sold_is_gone(bench: OpenAlgoBench, tells: bool) -> None:
    bench.sandbox.shows_t1 = bench.sandbox.shows_trade_ids = tells
    bought = bench.buy(10, OPEN)
    bench.to(FRIDAY, "10:05")
    assert list(bench.broker.holdings()) == [Holding("ACME", 0, 10, 0)]
    assert bench.order(bought).filled_quantity == 10
    bench.to(MONDAY, "10:00")
    assert list(bench.broker.holdings()) == [Holding("ACME", 10, 0, 10)]
    bench.to(TUESDAY, "10:00")
    bench.sell(4, OPEN)
    bench.to(TUESDAY, "10:05")
    assert list(bench.broker.holdings()) == [Holding("ACME", 6, 0, 6)]


def test_cash_is_what_may_be_spent_and_what_resting_buys_hold(bench: OpenAlgoBench) -> None:
    before = bench.broker.funds()
    bench.buy(10, LOW)
    after = bench.broker.funds()
    assert (before.blocked, after.blocked) == (0, 10 * LOW)
    assert after.cash == after.available + after.blocked


def test_a_failed_trade_book_is_no_book_without_trades(bench: OpenAlgoBench) -> None:
    bench.buy(10, OPEN)
    bench.to(FRIDAY, "10:05")
    for spoilt in ({"status": "success", "data": None}, {"status": "success"}, {"status": "error", "message": "no"}):
        server(bench).instead["tradebook"] = Response.of(spoilt)
        for read in (bench.broker.orders, bench.broker.trades):
            with pytest.raises(BrokerUnavailable):
                read()


def test_the_books_are_the_same_objects_where_nothing_happened(bench: OpenAlgoBench) -> None:
    bench.buy(10, OPEN)
    bench.to(FRIDAY, "10:05")
    assert bench.broker.orders() is bench.broker.orders()
    assert bench.broker.trades() is bench.broker.trades()


def test_an_order_that_the_book_does_not_show_is_not_changed(bench: OpenAlgoBench) -> None:
    with pytest.raises(OrderRefused, match="has no order 42") as refusal:
        bench.broker.modify("42", quantity=1, price=LOW)
    assert refusal.value.code == "unknown_order"
    assert server(bench).sent("modifyorder") == []


def test_quotes_are_asked_in_batches(bench: OpenAlgoBench) -> None:
    symbols = [f"S{number:03}" for number in range(60)]
    assert set(bench.broker.quotes(["ACME", *symbols, "RISE"])) == {"ACME", "RISE"}
    assert [len(body["symbols"]) for body in server(bench).sent("multiquotes")] == [50, 12]  # type: ignore[arg-type]
    assert bench.broker.quotes([]) == bench.broker.preopen_prices(["ACME"]) == {}


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("placeorder", {"apikey": "kit-key"}, 400),
        ("placeorder", {"apikey": "kit-key", "after_market_order": True}, 400),
        ("orderbook", {}, 400),
        ("orderbook", {"apikey": "other"}, 403),
        ("ping", {"apikey": "kit-key"}, 200),
        ("nothing", {"apikey": "kit-key"}, 404),
    ],
)
def test_the_sandbox_refuses_what_openalgos_schema_refuses(
    bench: OpenAlgoBench, name: str, body: dict[str, object], status: int
) -> None:
    answer = requests.post(f"{bench.sandbox.url}{ROOT}{name}", json=body, timeout=5)
    assert answer.status_code == status
    assert requests.get(f"{bench.sandbox.url}{ROOT}orderbook", timeout=5).status_code == 405


@pytest.mark.parametrize("error", [LoginNeeded, BrokerUnavailable])
def test_a_mode_that_cannot_be_asked_sends_nothing(bench: OpenAlgoBench, error: type[TradectlError]) -> None:
    if error is LoginNeeded:
        bench.sandbox.logged_in = False
    else:
        bench.sandbox.trouble(Trouble.UNAVAILABLE, path=f"{ROOT}analyzer", times=3)
    with pytest.raises(error) as failure:
        bench.buy(10, LOW)
    assert not isinstance(failure.value, Ambiguous)
    assert server(bench).sent("placeorder") == []
