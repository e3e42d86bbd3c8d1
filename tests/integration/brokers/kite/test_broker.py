"""The account at Zerodha over real sockets: Kite's sandbox, and behind it a paper exchange that is also seen without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import CASH, bar, ist, listing, quiet
from tests.support.brokers.slow import Slow
from tests.support.zerodha import House, house
from tradectl.brokers.kite import ADAPTER
from tradectl.brokers.kite.broker import KiteBroker
from tradectl.cli.broker import compared, compared_text
from tradectl.errors import (
    Ambiguous,
    Blocked,
    BrokerUnavailable,
    DataError,
    LoginNeeded,
    NotWhitelisted,
    OrderRefused,
    TradectlError,
    UsageError,
)
from tradectl.exchange.rates import ZERODHA, Row, Tariff
from tradectl.lab.sandboxes.server import Request, Response, Trouble
from tradectl.model.order import OrderRequest, OrderStatus, OrderType, Side, Variety

THURSDAY, FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2023, 7, day) for day in (13, 14, 17, 18, 19))
DAYS = [THURSDAY, FRIDAY, MONDAY, TUESDAY, WEDNESDAY]
S = OrderStatus


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """A Monday at ten, in a market that stands at Rs 100; BETA is trade-for-trade."""
    beta = listing("BETA", [bar(day, *[10000] * 4, series="BE") for day in DAYS], series="BE")
    with house(tmp_path, quiet("ACME", DAYS), beta, at=ist(MONDAY, "10:00")) as made:
        yield made


@pytest.fixture
def kite(home: House) -> KiteBroker:
    return home.log_in()


def order(tag: str = "T1", side: Side = Side.BUY, quantity: int = 10, price: int = 9900, **facts: Any) -> OrderRequest:
    return OrderRequest(tag, facts.pop("symbol", "ACME"), side, quantity, price, **facts)


def commands(home: House) -> list[tuple[str, str]]:
    return [item for item in home.sandbox.requests if item[0] != "GET" and item[1].startswith("/orders")]


def same_account(home: House, kite: KiteBroker) -> None:
    """What the adapter tells of shares, money and prices is what the exchange has."""
    near = home.near()
    held = [replace(item, isin="") for item in kite.holdings()]  # the exchange's own list has no ISINs
    assert sorted(held, key=str) == sorted(near.holdings(), key=str)
    assert kite.funds() == near.funds()
    quotes = near.quotes(["ACME", "BETA"])
    assert kite.quotes(["ACME", "BETA", "NOBODY"]) == {name: replace(item, source="kite") for name, item in quotes.items()}
    near.close()


def test_an_order_is_placed_changed_cancelled_and_filled(home: House, kite: KiteBroker) -> None:
    resting = kite.place(order("RESTING"))
    kite.modify(resting, quantity=11, price=9905)
    filled = kite.place(order("FILLED", price=10000))
    at_market = kite.place(order("MARKET", price=0, order_type=OrderType.MARKET))
    kite.cancel(resting)
    assert [
        (row.broker_order_id, row.tag, row.status, row.quantity, row.price, row.filled_quantity) for row in kite.orders()
    ] == [
        (resting, "RESTING", S.CANCELLED, 11, 9905, 0),
        (filled, "FILLED", S.EXECUTED, 10, 10000, 10),
        (at_market, "MARKET", S.EXECUTED, 10, 0, 10),
    ]
    assert [(trade.broker_order_id, trade.price) for trade in kite.trades()] == [(filled, 10000), (at_market, 10000)]


def test_the_same_answer_is_the_same_object(home: House, kite: KiteBroker) -> None:
    kite.place(order())
    orders, trades = kite.orders(), kite.trades()
    home.clock.sleep(60)
    assert kite.orders() is orders
    assert kite.trades() is trades
    kite.place(order("T2"))
    assert kite.orders() is not orders


def test_an_amo_is_changed_by_the_path_of_its_time(home: House, kite: KiteBroker) -> None:
    home.clock.move_to(ist(MONDAY, "16:10"))
    number = kite.place(order(variety=Variety.AMO))
    kite.modify(number, quantity=11, price=9900)
    home.clock.move_to(ist(TUESDAY, "08:30"))
    kite = home.log_in()
    kite.modify(number, quantity=12, price=9900)
    home.clock.move_to(ist(TUESDAY, "09:05"))
    kite.modify(number, quantity=13, price=9900)
    home.clock.move_to(ist(TUESDAY, "10:00"))
    kite.cancel(number)
    path = f"/orders/{{}}/{number}"
    assert commands(home) == [
        ("POST", "/orders/amo"), ("PUT", path.format("amo")), ("PUT", path.format("amo")), ("PUT", path.format("regular")),
        ("DELETE", path.format("regular")),
    ]  # fmt: skip
    (row,) = kite.orders()
    assert (row.variety, row.status, row.quantity) == (Variety.AMO, S.CANCELLED, 13)


@pytest.mark.parametrize("tag", ["", "T-1", "A" * 21, "नमस्ते"])
def test_a_tag_that_kite_would_not_keep_is_not_sent(home: House, kite: KiteBroker, tag: str) -> None:
    with pytest.raises(ValueError, match="1 to 20 letters and digits"):
        kite.place(order(tag))
    assert commands(home) == []


def test_nothing_is_sent_between_the_amo_window_and_the_exchange(home: House, kite: KiteBroker) -> None:
    home.clock.move_to(ist(MONDAY, "16:10"))
    number = kite.place(order(variety=Variety.AMO))
    home.clock.move_to(ist(TUESDAY, "08:54"))
    kite = home.log_in()
    home.clock.move_to(ist(TUESDAY, "08:56"))
    sent = len(commands(home))
    for command in (
        lambda: kite.place(order("T2")),
        lambda: kite.cancel(number),
        lambda: kite.modify(number, quantity=1, price=9900),
    ):
        with pytest.raises(Blocked, match="08:55:00"):
            command()
    assert len(commands(home)) == sent


@pytest.mark.parametrize(
    ("what", "until", "words"),
    [
        ("place", "08:55:01", "08:55:00"), ("modify", "08:55:01", "08:55:00"), ("cancel", "08:55:01", "08:55:00"),
        ("modify", "09:00:31", "moved between"), ("cancel", "09:00:31", "moved between"),
    ],
)  # fmt: skip
def test_a_command_delayed_into_another_hour_is_not_sent(
    home: House, kite: KiteBroker, what: str, until: str, words: str
) -> None:
    """Neither in the quiet minutes, nor by the path of before."""
    home.clock.move_to(ist(MONDAY, "16:10"))
    number = kite.place(order(variety=Variety.AMO))
    home.clock.move_to(ist(TUESDAY, "08:00"))
    home.log_in()
    slow = ADAPTER.open(home.account(limiter=Slow(home.clock, ist(TUESDAY, until))))
    slow.orders()
    sent = len(commands(home))
    ask = {
        "place": lambda: slow.place(order("T2")),
        "modify": lambda: slow.modify(number, quantity=1, price=9900),
        "cancel": lambda: slow.cancel(number),
    }
    home.clock.move_to(ist(TUESDAY, "08:54:59"))
    with pytest.raises(Blocked, match=words):
        ask[what]()
    assert len(commands(home)) == sent


@pytest.mark.parametrize("price", [0, -5])
def test_a_limit_order_without_a_price_is_not_sent(home: House, kite: KiteBroker, price: int) -> None:
    """With a price of 0 a change would make a market order of it."""
    number = kite.place(order())
    sent = len(commands(home))
    for ask in (lambda: kite.place(order("T2", price=price)), lambda: kite.modify(number, quantity=10, price=price)):
        with pytest.raises(OrderRefused, match="above zero") as refused:
            ask()
        assert refused.value.code == "price"
    assert len(commands(home)) == sent


def test_what_kite_lists_not_or_in_another_series_is_not_bought(home: House, kite: KiteBroker) -> None:
    with pytest.raises(UsageError, match="NOBODY"):
        kite.place(order(symbol="NOBODY"))
    kite.place(order("T2", symbol="BETA", price=10000))
    facts = home.market._listings["BETA"]  # our own market data has not heard of the move
    mine = type(home.market)(quiet("ACME", DAYS), dataclasses.replace(facts, instrument=replace(facts.instrument, series="EQ")))
    other = ADAPTER.open(home.account(market=mine))
    with pytest.raises(DataError, match="series BE at Kite and EQ"):
        other.place(order("T3", symbol="BETA"))
    assert len(commands(home)) == 1
    with pytest.raises(OrderRefused) as refusal:  # a sale passes to Kite, which knows best
        other.place(order("T4", Side.SELL, symbol="BETA"))
    assert refusal.value.code == "holdings"


@pytest.mark.parametrize(
    ("facts", "code", "passing"),
    [
        ({"quantity": 10_000_000}, "funds", True),
        ({"side": Side.SELL}, "holdings", False),
        ({"price": 9901}, "tick", False),
        ({"price": 15000}, "band", False),
        ({"variety": Variety.AMO}, "phase", False),
    ],
)
def test_a_refusal_is_proof_and_has_a_code(kite: KiteBroker, facts: dict[str, Any], code: str, passing: bool) -> None:
    with pytest.raises(OrderRefused) as refusal:
        kite.place(order(**facts))
    assert (refusal.value.code, refusal.value.passing) == (code, passing)
    assert kite.orders() == ()


@pytest.mark.parametrize(
    ("facts", "code", "passing"),
    [({"quantity": 10_000_000}, "funds", True), ({"side": Side.SELL}, "holdings", False), ({"price": 15000}, "band", False)],
)
def test_a_refusal_in_the_orders_row_is_proof_too(tmp_path: Path, facts: dict[str, Any], code: str, passing: bool) -> None:
    with house(tmp_path, quiet("ACME", DAYS), at=ist(MONDAY, "10:00"), late=True) as home:
        kite = home.log_in()
        with pytest.raises(OrderRefused) as refusal:
            kite.place(order("T1", **facts))
        assert (refusal.value.code, refusal.value.passing) == (code, passing)
        (row,) = kite.orders()
        assert (row.tag, row.status, row.reason) == ("T1", S.REJECTED, refusal.value.reason)
        home.sandbox.trouble(Trouble.BAD_GATEWAY, method="GET", path="/orders/", times=3)
        number = kite.place(order("T2", **facts))  # the row could not be looked at: the book tells
        assert kite.orders()[-1].broker_order_id == number
        assert kite.orders()[-1].status is S.REJECTED


def test_a_change_of_an_unlisted_order_is_refused_without_a_call(home: House, kite: KiteBroker) -> None:
    with pytest.raises(OrderRefused, match="no order 999"):
        kite.cancel("999")
    assert commands(home) == []


@pytest.mark.parametrize(
    ("trouble", "error", "made"),
    [
        (Trouble.LOST, Ambiguous, 0), (Trouble.CUT, Ambiguous, 1), (Trouble.HALF, Ambiguous, 1),
        (Trouble.MALFORMED, Ambiguous, 1), (Trouble.UNAVAILABLE, Ambiguous, 0), (Trouble.BAD_GATEWAY, Ambiguous, 1),
        (Trouble.TOO_MANY, Ambiguous, 0),
    ],
)  # fmt: skip
def test_a_command_that_goes_wrong_was_sent_once(
    home: House, kite: KiteBroker, trouble: Trouble, error: type[TradectlError], made: int
) -> None:
    home.sandbox.trouble(trouble, method="POST", path="/orders")
    with pytest.raises(error):
        kite.place(order())
    assert (len(commands(home)), len(kite.orders())) == (1, made)


def test_a_read_is_tried_again_and_never_empty(home: House, kite: KiteBroker) -> None:
    kite.place(order())
    home.sandbox.trouble(Trouble.BAD_GATEWAY, path="/orders", times=2)
    assert len(kite.orders()) == 1
    home.sandbox.trouble(Trouble.MALFORMED, path="/orders", times=3)
    with pytest.raises(BrokerUnavailable):
        kite.orders()


def test_another_processs_login_is_used_and_a_dead_session_told(home: House, kite: KiteBroker) -> None:
    kite.place(order("T0"))
    home.sandbox.tokens.end(home.vault.stored.tokens["access_token"])
    home.clock.sleep(1)
    home.log_in().orders()
    assert kite.place(order())
    assert commands(home) == [("POST", "/orders/regular")] * 2
    home.sandbox.tokens.end(home.vault.stored.tokens["access_token"])
    with pytest.raises(LoginNeeded, match="rejected the session"):
        kite.place(order("T2"))
    assert len(commands(home)) == 3


@pytest.mark.parametrize("ask", [KiteBroker.orders, lambda kite: kite.place(order())], ids=["read", "command"])
def test_a_refusal_of_an_old_session_does_not_end_a_new_one(
    home: House, kite: KiteBroker, ask: Callable[[KiteBroker], Any]
) -> None:
    """A request goes out with the old token; before its 403 comes a person logs in anew, and the ticker connects with that."""
    old = home.vault.stored
    assert old is not None
    kite.orders(), kite.quotes(["ACME"])
    home.clock.sleep(1)
    home.log_in()
    new, home.vault.stored = home.vault.stored, old
    assert new is not None
    home.sandbox.tokens.end(old.tokens["access_token"])
    answer, tokens = home.sandbox.answer, []

    def meanwhile(request: Request) -> Response:
        tokens.append(request.headers["authorization"].rpartition(":")[2])
        home.vault.stored = new
        assert kite._api.credentials()[1] == new.tokens["access_token"]
        return answer(request)

    home.sandbox.answer = meanwhile
    ask(kite)
    assert tokens[:2] == [old.tokens["access_token"], new.tokens["access_token"]]
    assert home.vault.stored == new


def test_a_session_that_kite_does_not_know_is_over_for_everybody(home: House, kite: KiteBroker) -> None:
    """Else the next `tradectl login` would find it stored, and not log in. A newer one is tried once, and ends where it is as
    dead; this process then waits for the next login like any other."""
    first = home.vault.stored
    assert first is not None
    home.sandbox.tokens.end(first.tokens["access_token"])
    with pytest.raises(LoginNeeded, match="rejected the session"):
        kite.orders()
    assert home.vault.stored.expires_at <= home.clock.now()
    asked = len(home.sandbox.requests)
    with pytest.raises(LoginNeeded, match="has ended"):
        kite.orders()
    assert len(home.sandbox.requests) == asked
    home.clock.sleep(1)
    other = home.log_in()
    assert kite.orders() == other.orders() == ()
    home.clock.sleep(1)
    home.log_in()
    second = home.vault.stored
    home.sandbox.tokens._access.clear()
    with pytest.raises(LoginNeeded, match="rejected the session"):
        kite.orders()
    assert home.vault.stored.tokens == second.tokens
    assert home.vault.stored.expires_at <= home.clock.now()


def test_without_a_session_or_after_its_end_nobody_is_asked(home: House, kite: KiteBroker) -> None:
    home.clock.move_to(ist(TUESDAY, "08:00"))
    asked = len(home.sandbox.requests)
    with pytest.raises(LoginNeeded, match="has ended for today"):
        kite.orders()
    home.vault.stored = None
    with pytest.raises(LoginNeeded, match="no session at Kite yet"):
        kite.orders()
    assert len(home.sandbox.requests) == asked
    home.log_in()
    assert kite.orders() == ()


def test_an_unlisted_address_is_named(tmp_path: Path) -> None:
    with house(tmp_path, quiet("ACME", DAYS), at=ist(MONDAY, "10:00"), allowed=["10.0.0.1"]) as home:
        kite = home.log_in()
        with pytest.raises(NotWhitelisted, match=r"127\.0\.0\.1"):
            kite.place(order())
        assert kite.orders() == ()


@pytest.mark.parametrize("t1_inside", [False, True])
def test_shares_and_money_are_those_of_the_exchange_for_days(tmp_path: Path, t1_inside: bool) -> None:
    """Bought, sold on the same day, held over nights, sold in parts, trade-for-trade too; with either reading of `quantity`."""
    beta = listing("BETA", [bar(day, *[10000] * 4, series="BE") for day in DAYS], series="BE")
    with house(tmp_path, quiet("ACME", DAYS), beta, at=ist(FRIDAY, "10:00"), t1_inside=t1_inside) as home:
        kite = home.log_in()
        number = 0

        def trade(side: Side, quantity: int, symbol: str = "ACME", *, amo: bool = False, price: int = 10000) -> None:
            nonlocal number
            number += 1
            variety = Variety.AMO if amo else Variety.REGULAR
            kite.place(order(f"N{number}", side, quantity, price, symbol=symbol, variety=variety))
            same_account(home, kite)

        same_account(home, kite)
        trade(Side.BUY, 100)
        trade(Side.BUY, 50, "BETA")
        trade(Side.SELL, 30)
        trade(Side.BUY, 10, price=9950)
        home.clock.move_to(ist(FRIDAY, "18:00"))
        same_account(home, kite)
        trade(Side.BUY, 20, amo=True)
        for day in (MONDAY, TUESDAY):
            home.clock.move_to(ist(day, "08:00"))
            kite = home.log_in()
            same_account(home, kite)
            home.clock.move_to(ist(day, "11:00"))
            same_account(home, kite)
            trade(Side.SELL, 15)
            trade(Side.BUY, 25)
            trade(Side.SELL, 40)
            trade(Side.SELL, 10, "BETA")
            trade(Side.SELL, 10, price=10500)
            home.clock.move_to(ist(day, "18:00"))
            same_account(home, kite)
        kite.cancel(kite.place(order("LAST", Side.BUY, 1, 9900, variety=Variety.AMO)))
        assert {item.symbol: item.sellable for item in kite.holdings()} == {"ACME": 30, "BETA": 30}
        assert kite.funds().cash < CASH


OWN_ROWS = (
    Row("2018-01-01", "brokerage", "delivery", "both", "0"),
    Row("2018-01-01", "brokerage", "intraday", "both", "3000"),
    Row("2018-01-01", "dp", "delivery", "sell", "13"),
)


def test_kites_charges_are_compared_with_ours(home: House, kite: KiteBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    kite.place(order(price=10000))
    kite.place(order("T2", quantity=4, price=9900))
    assert kite.charges(kite.orders()) == []
    honest = home.sandbox._note

    def dearer(row: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Kite has a new rate of stamp duty that our table does not have yet."""
        found = honest(row, now)
        return {**found, "charges": {**found["charges"], "stamp_duty": 0.45}}

    monkeypatch.setattr(home.sandbox, "_note", dearer)
    (difference,) = kite.charges(kite.orders())
    assert (difference.line, difference.theirs, difference.ours, difference.symbol) == ("stamp", 45, 15, "ACME")
    lines = kite.charge_lines(kite.orders(), ZERODHA)
    assert [line.line for line in lines] == ["stt", "exchange", "sebi", "brokerage", "stamp", "gst"], "one order has traded"
    assert [line.line for line in lines if not line.equal] == ["stamp"]
    text = compared_text([compared(line) for line in lines], ZERODHA).splitlines()
    assert [row.split()[-1] for row in text[1:7]] == ["equal", "equal", "equal", "equal", "0.30", "equal"]
    assert "5 lines equal, 1 differ; our figures use the table Zerodha" in text
    dearer_stamp = Tariff("own", [*OWN_ROWS, Row("2018-01-01", "stamp", "delivery", "buy", "4500")])
    assert all(line.equal for line in kite.charge_lines(kite.orders(), dearer_stamp)), "the operator's new rate explains it"


def test_candles_are_bars_of_ours_and_nothing_of_the_future(home: House, kite: KiteBroker) -> None:
    assert [(item.session, item.close, item.series) for item in kite.prices.daily("BETA", THURSDAY, TUESDAY)] == [
        (THURSDAY, 10000, "BE"),
        (FRIDAY, 10000, "BE"),
    ]
    with pytest.raises(UsageError):
        kite.prices.daily("NOBODY", THURSDAY, FRIDAY)


def test_names_with_signs_go_over_the_wire(tmp_path: Path) -> None:
    names = ["M&M", "BAJAJ-AUTO"]
    with house(tmp_path, *(quiet(name, DAYS) for name in names), at=ist(MONDAY, "10:00")) as home:
        kite = home.log_in()
        assert set(kite.quotes(names)) == set(names)
        for number, name in enumerate(names):
            kite.place(order(f"N{number}", price=10000, symbol=name))
        assert [(row.symbol, row.status) for row in kite.orders()] == [(name, S.EXECUTED) for name in names]
        assert {item.symbol for item in kite.holdings()} == set(names)


def test_long_histories_and_many_quotes_are_asked_in_parts(tmp_path: Path) -> None:
    shares = [quiet(f"S{number:03d}", [MONDAY]) for number in range(501)]
    with house(tmp_path, *shares, at=ist(MONDAY, "10:00")) as home:
        kite = home.log_in()
        assert len(kite.quotes([f"S{number:03d}" for number in range(501)])) == 501
        assert [path for _, path in home.sandbox.requests].count("/quote") == 2
        kite.prices.daily("S000", MONDAY - timedelta(days=2000), MONDAY)
        assert sum(path.startswith("/instruments/historical") for _, path in home.sandbox.requests) == 2
