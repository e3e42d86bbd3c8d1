"""Rows of docs/reference/broker-behaviour.md. The name of a test is that of its row."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.integration.execution.conftest import trading
from tests.integration.tasks.test_buy import analysed, signal
from tests.lab.behaviour.at_brokers import Row, Wire, at_broker
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, DAYS, D, Trading, entry, stock
from tradectl.errors import BrokerUnavailable, OrderRefused
from tradectl.lab.sandboxes.market import MarketListing
from tradectl.model.order import OrderRequest, OrderStatus, Side, Variety

__all__ = ["trading"]

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "broker-behaviour.md"
BROKERS = ("kite", "kotak_neo", "openalgo", "dhan", "paper")
CLOSE, FALLEN, LAST = 65500, 65000, 64670
"""With these 0.8 x EMA9 + 0.2 x last is 652.54: 652.55 on a tick of 0.05, 653.00 on a tick of 0.50."""
OURS, OTHER, SPLIT = "INE100A01010", "INE999X01011", "INE100A01028"
WHAT = "ALPHA: {} of 117 shares have no live sell order"


def table() -> dict[str, dict[str, str]]:
    """The cells of the page by row and broker."""
    rows = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    head, *cells = [[cell.strip() for cell in row] for row in rows]
    assert tuple(head[1:]) == BROKERS
    return {row[0]: dict(zip(BROKERS, row[1:], strict=True)) for row in cells}


TABLE = table()


def offered(row: str) -> pytest.MarkDecorator:
    """Play a row at each adapter whose cell does not say that it is not offered."""
    names = [name for name, cell in TABLE[row].items() if not cell.startswith("not offered: ") and name != "paper"]
    return pytest.mark.parametrize("name", names)


def alpha(isin: str = OURS) -> MarketListing:
    """It closes at 655.00 each day, at 650.00 on D, and trades at 646.70 from then on."""
    days = dict.fromkeys(DAYS[DAYS.index(AFTER) :], (LAST,) * 4)
    listing = stock("ALPHA", price=CLOSE, on={D: (FALLEN,) * 4, **days})
    listing.instrument = replace(listing.instrument, isin=isin)
    return listing


@pytest.fixture
def held(trading: Callable[..., Trading]) -> Trading:
    """117 ALPHA, bought yesterday; it is 10:00, and the sell monitor has not run today."""
    market: Trading = trading(alpha(), stock("ZULU"))
    market.buy(117, CLOSE, symbol="ALPHA")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    return market


def step(market: Trading, code: int = 0) -> str:
    """One step of the sell monitor, and what it says."""
    said = operate(market, "sell-monitor", "--once")
    assert said.code == code, said
    return said.err


def sells(market: Trading) -> list[OrderStatus]:
    return [order.status for order in market.orders(Side.SELL, AFTER)]


def causes(market: Trading) -> list[str]:
    return [item["cause"] for item in operate(market, "status", "--json").object["result"]["unprotected"]]


def test_every_row_is_played_or_declared() -> None:
    played = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(TABLE) <= played
    assert all(cell.removeprefix("not offered") not in {"", ":"} for row in TABLE.values() for cell in row.values())


# -- orders by hand ---------------------------------------------------------------------------------------------------------

HAND: dict[str, Row] = {
    "kite": {
        "order_id": "260824000999999", "status": "OPEN", "status_message": None, "order_timestamp": "2023-07-19 09:15:05",
        "exchange_timestamp": None, "variety": "regular", "exchange": "NSE", "tradingsymbol": "ZULU", "order_type": "LIMIT",
        "transaction_type": "BUY", "product": "CNC", "quantity": 40, "price": 832.4, "filled_quantity": 0, "tag": "mktp",
        "tags": ["mktp", "mktp:2.00", "autoslice", "iceberg"],
    },
    "kotak_neo": {
        "nOrdNo": "260824000999999", "ordSt": "open", "exSeg": "nse_cm", "prod": "CNC", "trdSym": "ZULU-EQ", "trnsTp": "B",
        "qty": 40, "prc": "832.40", "fldQty": 0, "rejRsn": "--", "ordDtTm": "19-Jul-2023 09:15:05",
        "GuiOrdId": "1689738305-1-ASHA1-ADMINAPI",
    },
    "dhan": {
        "orderId": "112307190099999", "correlationId": "1000000001-1689738305000", "orderStatus": "PENDING",
        "transactionType": "BUY", "exchangeSegment": "NSE_EQ", "productType": "CNC", "orderType": "LIMIT", "validity": "DAY",
        "tradingSymbol": "ZULU", "securityId": "999999", "quantity": 40, "price": 832.4, "filledQty": 0,
        "afterMarketOrder": False, "createTime": "2023-07-19 09:15:05", "updateTime": "2023-07-19 09:15:05",
        "exchangeTime": "2023-07-19 09:15:05", "omsErrorDescription": "CONFIRMED",
    },
}  # fmt: skip


@offered("system_tags")
def test_system_tags(held: Trading, name: str) -> None:
    with at_broker(held, name) as wire:
        wire.edits["orders"] = lambda rows: [*rows, HAND[name]]
        found = result_of(held, "reconcile")
        assert (found["agrees"], found["unknown"], len(found["external"])) == (True, [], 1)
        step(held)
        assert wire.quantities == [117]


# -- the list of the day ----------------------------------------------------------------------------------------------------


def with_tick(name: str, rupees: str) -> Callable[[str], str]:
    """The list of a broker, with another tick for every share."""

    def edit(text: str) -> str:
        if name == "openalgo":
            return text.replace('"tick_size": 0.05', f'"tick_size": {rupees}')
        if name == "kite":
            return text.replace(",0.05,", f",{rupees},")
        head, *rows = text.splitlines()
        at = head.split(",").index("TICK_SIZE" if name == "dhan" else "dTickSize")
        paise = str(round(float(rupees) * 100))
        changed = [",".join(paise if place == at else cell for place, cell in enumerate(row.split(","))) for row in rows]
        return "\n".join([head, *changed]) + "\n"

    return edit


@offered("tick")
def test_tick(held: Trading, name: str) -> None:
    with at_broker(held, name) as wire:
        wire.listed = with_tick(name, "0.5")
        step(held)
        assert wire.prices == ["653.00"]


def test_tick_on_paper(held: Trading) -> None:
    step(held)
    assert [order.price for order in held.orders(Side.SELL, AFTER)] == [65255]


@pytest.mark.parametrize(("tick", "price"), [("0.5", "658.00"), ("0.01", "658.25"), ("5", "655.00")])
@pytest.mark.parametrize("name", ["kite", "kotak_neo", "dhan"])  # OpenAlgo takes no order in the evening
def test_tick_of_a_buy(trading: Callable[..., Trading], name: str, tick: str, price: str) -> None:
    """The limit of 658.275 is rounded down, and for tomorrow it fits the exchange's tick of 0.05 too."""
    market = trading(alpha())
    analysed(market, replace(signal("ALPHA", limit=65825), close=CLOSE))
    with at_broker(market, name) as wire:
        wire.listed = with_tick(name, tick)
        assert operate(market, "buy").code == 0
        assert wire.prices == [price]


def test_tick_of_a_list_of_yesterday(trading: Callable[..., Trading]) -> None:
    """Before 08:30 Kite's newest list may be yesterday's: the price then fits both its tick and the exchange's rule of today."""
    market: Trading = trading(alpha())
    market.to(AFTER, "08:00")
    with at_broker(market, "kite") as wire:
        wire.listed = with_tick("kite", "0.02")
        trading_session = market.trading(market.claim("test", AFTER))
        assert trading_session.rules.listed is not None
        listed = trading_session.rules.listed.order_rules("ALPHA")
        assert listed is not None
        assert (listed.listed_on, listed.tick_size, trading_session.rules.tick_size("ALPHA", AFTER)) == (D, 2, 10)


@offered("symbol_not_listed")
def test_symbol_not_listed(held: Trading, name: str) -> None:
    """The position is named, and the step goes on to the others."""
    without = ",ALPHA,"
    with at_broker(held, name) as wire:
        wire.listed = lambda text: "\n".join(line for line in text.splitlines() if without not in line) + "\n"
        operate(held, "sell-monitor", "--once")
        held.to(AFTER, "10:03")
        assert f"{WHAT.format(117)} (data missing): {name}'s list of the day does not have ALPHA" in step(held, 11)
        answer = held.trading(held.claim("test", AFTER)).path.place(
            replace(entry(1, CLOSE, session=AFTER, symbol="ALPHA"), variety=Variety.REGULAR)
        )
        assert (answer.status, "ALPHA" in answer.reason, wire.posted) == ("refused", True, [])


def with_freeze(most: int) -> Callable[[str], str]:
    """Kotak's list with the column of freeze quantities."""

    def edit(text: str) -> str:
        head, *rows = text.splitlines()
        return "\n".join([f"{head},lFreezeQty,iMaxOrderSize", *(f"{row},{most},-1" for row in rows)]) + "\n"

    return edit


@offered("freeze_quantity")
def test_freeze_quantity(held: Trading, name: str) -> None:
    """A sell has no more shares than one order may have; the rest has no sell, and the finding says why."""
    with at_broker(held, name) as wire:
        wire.listed = with_freeze(100)
        said = step(held, 11)
        assert f"{WHAT.format(17)} (freeze quantity): the broker takes at most 100 shares in one order" in said
        assert (wire.quantities, causes(held)) == ([100], ["freeze_quantity"])


@offered("freeze_quantity")
def test_freeze_quantity_of_a_buy(trading: Callable[..., Trading], name: str) -> None:
    market = trading(alpha())
    analysed(market, replace(signal("ALPHA", limit=65825), close=CLOSE))
    with at_broker(market, name) as wire:
        wire.listed = with_freeze(100)
        found = result_of(market, "buy")
        assert (found["skipped_limit"], wire.posted) == (1, [])
        assert "freeze_quantity" in operate(market, "why", "ALPHA").out
        with pytest.raises(OrderRefused, match="101 shares exceed the freeze quantity at Kotak, 100"):
            market.world.broker.place(OrderRequest("TAG1", "ALPHA", Side.BUY, 101, 65000, variety=Variety.AMO))


# -- holdings -----------------------------------------------------------------------------------------------------------------


def on_bse(name: str, row: Row) -> Row:
    """The same shares once more, as the list has them for BSE."""
    return row | {"kotak_neo": {"exchangeSegment": "bse_cm", "exchangeIdentifier": "500001"}}.get(name, {"exchange": "BSE"})


@offered("two_exchanges")
@pytest.mark.parametrize("first", ["NSE", "BSE"])
def test_two_exchanges(held: Trading, name: str, first: str) -> None:
    with at_broker(held, name) as wire:

        def twice(rows: list[Row]) -> list[Row]:
            both = [*rows, *(on_bse(name, row) for row in rows)]
            return both if first == "NSE" else both[::-1]

        wire.edits["holdings"] = twice
        shown = {item.symbol: item for item in held.world.broker.holdings()}
        assert (shown["ALPHA"].quantity + shown["ALPHA"].t1_quantity, shown["ALPHA"].sellable) == (117, 117)
        step(held)
        assert wire.quantities == [117]


def with_isin(name: str, isin: str, wire: Wire) -> None:
    if name in {"kite", "dhan"}:
        wire.edits["holdings"] = lambda rows: [row | {"isin": isin} for row in rows]
    else:
        wire.listed = lambda text: text.replace(OURS, isin)


@offered("other_isin")
def test_other_isin(held: Trading, name: str) -> None:
    """Shares of another security under our symbol are not offered, and named."""
    with at_broker(held, name) as wire:
        with_isin(name, OTHER, wire)
        operate(held, "sell-monitor", "--once")
        held.to(AFTER, "10:03")
        what = f"{WHAT.format(117)} (missing): the broker's shares under this symbol are another security, ISIN {OTHER}"
        assert what in step(held, 11)
        assert (wire.posted, causes(held)) == ([], ["missing"])
        (row,) = result_of(held, "reconcile", code=9)["shares"]
        assert (row["symbol"], row["broker"], OTHER in row["why"]) == ("ALPHA", 0, True)


@offered("other_isin")
def test_other_isin_of_the_same_issuer(held: Trading, name: str) -> None:
    """A newer ISIN of the same issuer and kind is ours: the list behind our market data may be older than a split."""
    with at_broker(held, name) as wire:
        with_isin(name, SPLIT, wire)
        step(held)
        assert (wire.quantities, causes(held)) == ([117], [])


# -- odd rows ---------------------------------------------------------------------------------------------------------------


def odd(name: str, wire: Wire, kind: str, value: Any) -> None:
    """Give each row of ALPHA another quantity."""
    field = {
        ("kotak_neo", "orders"): "qty", ("kotak_neo", "holdings"): "quantity", ("dhan", "holdings"): "totalQty",
    }.get((name, kind), "quantity")  # fmt: skip
    wire.edits[kind] = lambda rows: [row | {field: value} if "ALPHA" in str(row) else row for row in rows]


@offered("odd_row")
@pytest.mark.parametrize("kind", ["orders", "holdings"])
def test_odd_row(trading: Callable[..., Trading], name: str, kind: str) -> None:
    """Half a share in a row of ALPHA: it is named, and BRAVO is sold."""
    market: Trading = trading(alpha(), stock("BRAVO", price=9000))
    market.buy(117, CLOSE, symbol="ALPHA")
    market.buy(50, 9000, symbol="BRAVO")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    with at_broker(market, name) as wire:
        if kind == "orders":
            market.world.broker.place(OrderRequest("BYHAND", "ALPHA", Side.BUY, 1, 60000))
            wire.posted.clear()
        odd(name, wire, kind, 0.5)
        operate(market, "sell-monitor", "--once")
        market.to(AFTER, "10:03")
        said = operate(market, "sell-monitor", "--once")
        assert said.code in {7, 11}, said
        assert ("ALPHA" in said.err, "BRAVO" in said.err) == (True, False)
        assert "BRAVO" in {order.symbol for order in market.orders(Side.SELL, AFTER)}
        (shown,) = result_of(market, "status", code=11)["odd_rows"]
        assert (shown["symbol"], shown["stops"], [row["value"] for row in shown["rows"]]) == ("ALPHA", True, ["0.5"])


@offered("cancel_of_an_odd_row")
@pytest.mark.parametrize("at", ["10:00", "20:00"])
def test_cancel_of_an_odd_row(trading: Callable[..., Trading], name: str, at: str) -> None:
    """The process has never read the order's row, and cannot: the order is cancelled by its id."""
    market: Trading = trading(alpha())
    amo = at == "20:00"
    if amo and name == "openalgo":
        pytest.skip("nothing can wait there for the next session")
    market.to(AFTER, at)
    with at_broker(market, name) as wire:
        session = DAYS[DAYS.index(AFTER) + 1] if amo else AFTER
        intent = replace(entry(10, 60000, session=session, symbol="ALPHA"), variety=Variety.AMO if amo else Variety.REGULAR)
        assert market.trading(market.claim("test", AFTER)).path.place(intent).ok
        odd(name, wire, "orders", 0.5)
        found = result_of(market, "orders", "cancel", "--all", code=7)
        assert [item["cancel"] for item in found["orders"]] == ["unconfirmed"]  # the row that would show it cannot be read
        wire.edits.clear()
        operate(market, "reconcile")
        assert [order.status for order in market.orders(Side.BUY, session)] == [OrderStatus.CANCELLED]


# -- status words -------------------------------------------------------------------------------------------------------------

WORD = {"dhan": "orderStatus", "kite": "status", "kotak_neo": "ordSt", "openalgo": "order_status"}
WAITING = {
    "kite": [
        "AMO REQ RECEIVED", "MODIFY AMO REQ RECEIVED", "CANCEL AMO REQ RECEIVED", "PUT ORDER REQUEST RECEIVED",
        "PUT ORDER REQ RECEIVED", "OPEN QUEUED", "VALIDATION PENDING", "OPEN PENDING",
    ],
    "kotak_neo": [
        "after market order req received", "modify after market order req received", "put order req received",
        "validation pending", "open pending",
    ],
    "dhan": ["TRANSIT"],
    "openalgo": [
        "open queued", "put order request received", "amo req received", "modify amo req received", "cancel amo req received",
        "after market order req received", "modify after market order req received",
    ],
}  # fmt: skip


def worded(name: str, word: str) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [row | {WORD[name]: word} for row in rows]


@offered("waiting_words")
def test_waiting_words(trading: Callable[..., Trading], name: str) -> None:
    """A buy in the evening waits under each of the words: PENDING, and nothing is reported."""
    market: Trading = trading(alpha())
    market.to(AFTER, "09:20")
    with at_broker(market, name) as wire:
        number = market.world.broker.place(OrderRequest("ABCDEFGHIJKLMNO", "ALPHA", Side.BUY, 10, 60000))
        for word in WAITING[name]:
            wire.edits["orders"] = worded(name, word)
            (report,) = market.world.broker.orders()
            assert (report.broker_order_id, report.status, report.unknown_word) == (number, OrderStatus.PENDING, ""), word


@offered("unknown_word")
def test_unknown_word(held: Trading, name: str) -> None:
    with at_broker(held, name) as wire:
        step(held)
        assert sells(held) == [OrderStatus.ONGOING]
        wire.edits["orders"] = worded(name, "FROZEN BY THE EXCHANGE")
        held.to(AFTER, "10:01")
        step(held)
        assert causes(held) == []
        for minute in ("10:03", "10:04"):  # the sell may have ended: it proves no cover, and a second one is not sent
            held.to(AFTER, minute)
            assert f"{WHAT.format(117)} (unknown word): the broker's status" in step(held, 11)
            status = operate(held, "status")
            assert (status.code, causes(held)) == (11, ["unknown_word"])
            assert status.words.startswith(f"UNPROTECTED {WHAT.format(117)} (unknown word)")
        assert (sells(held), wire.quantities) == ([OrderStatus.ONGOING], [117])
        (line,) = held.ledger.logs.list(action="order_word_unknown")
        assert (line.symbol, "frozen by the exchange" in line.message.lower(), "stays ONGOING" in line.message) == (
            "ALPHA", True, True,
        )  # fmt: skip
        found = result_of(held, "reconcile", code=9)
        assert "is not known; the last proved status stays" in found["orders"][0]["why"]
        wire.edits.clear()
        held.to(AFTER, "10:05")
        step(held)
        assert result_of(held, "reconcile")["agrees"]
        assert causes(held) == []


@offered("unknown_word")
def test_unknown_word_with_trades(trading: Callable[..., Trading], name: str) -> None:
    """Trades prove more than a word: with all its shares traded an order is EXECUTED, whatever its word."""
    market: Trading = trading(alpha())
    market.to(AFTER, "10:00")
    with at_broker(market, name) as wire:
        claim = market.claim("test", AFTER)
        intent = replace(entry(10, CLOSE, session=AFTER, symbol="ALPHA"), variety=Variety.REGULAR)
        assert market.trading(claim).path.place(intent).ok
        wire.edits["orders"] = worded(name, "SETTLED IN FULL")
        market.to(AFTER, "10:05")
        operate(market, "reconcile")
        assert [order.status for order in market.orders(Side.BUY, AFTER)] == [OrderStatus.EXECUTED]
        assert [position.quantity for position in market.positions] == [10]


# -- refusals -----------------------------------------------------------------------------------------------------------------

WORDS = "117 quantity needs authorisation at depository."
REPLIES: dict[str, tuple[int, Any]] = {
    "kite": (400, {"status": "error", "message": WORDS, "error_type": "HoldingException", "data": None}),
    "openalgo": (400, {"status": "error", "message": WORDS}),
}
UNPROVED: dict[str, tuple[int, Any]] = {
    "kite": (428, {"status": "error", "message": WORDS, "error_type": "TPINAuthException", "data": None}),
    "openalgo": (428, {"status": "error", "message": WORDS}),
}


@offered("authorisation")
def test_authorisation(held: Trading, name: str) -> None:
    with at_broker(held, name) as wire:
        if name == "dhan":
            told = {
                "orderStatus": "REJECTED",
                "omsErrorDescription": "RMS:12: CDSL TPIN authorisation is pending for this holding",
            }
            wire.edits["orders"] = lambda rows: [row | told for row in rows]
        elif name == "kotak_neo":
            wire.edits["orders"] = lambda rows: [row | {"ordSt": "rejected", "rejRsn": "CDSL TPIN required"} for row in rows]
        else:
            wire.reply = REPLIES[name]
        said = step(held, 11)
        assert f"{WHAT.format(117)} (authorisation): the broker refused the sell: " in said
        assert "Authorise the sale at the depository (TPIN), or sign a DDPI" in said
        assert (causes(held), sells(held)) == (["authorisation"], [OrderStatus.REJECTED])


@offered("authorisation_unproved")
def test_authorisation_unproved(held: Trading, name: str) -> None:
    """The words come with a status that no source documents: the order stays UNKNOWN, and the finding has the remedy."""
    with at_broker(held, name) as wire:
        wire.reply = UNPROVED[name]
        said = step(held, 7)
        assert f"{WHAT.format(117)} (authorisation): the broker replied to its sell order" in said
        assert "sign a DDPI" in said
        assert sells(held) == [OrderStatus.UNKNOWN]


ADDRESS: dict[str, tuple[int, Any]] = {
    "kite": (
        403,
        {
            "status": "error", "error_type": "PermissionException", "data": None,
            "message": "IP (2001:db8::7) is not allowed to place orders for this app. "
            "Update allowed IPs on the Kite developer console",
        },
    ),
    "dhan": (400, {"errorType": "Input_Exception", "errorCode": "DH-905", "errorMessage": "Invalid IP"}),
    "kotak_neo": (403, {"stCode": 100008, "errMsg": "unauthorized: IP not whitelisted", "stat": "Not_Ok"}),
    "openalgo": (403, {"status": "error", "message": "IP (203.0.113.9) is not allowed to place orders for this app."}),
}  # fmt: skip
REMEDY = {
    "kite": ("2001:db8::7", "developers.kite.trade", "connect_by=ipv4"),
    "dhan": ("Invalid IP", "web.dhan.co", "connect_by=ipv4"),
    "kotak_neo": ("NEO app", "two IPv4", "`tradectl login --again`"),
    "openalgo": ("203.0.113.9", "the address of OpenAlgo's machine", "listed"),
}


@offered("unlisted_address")
def test_unlisted_address(held: Trading, name: str) -> None:
    with at_broker(held, name) as wire:
        wire.reply = ADDRESS[name]
        said = step(held, 4)
        assert [part for part in REMEDY[name] if part not in said] == []
        assert "No order is sent until" in said
        assert (sells(held), causes(held)) == ([OrderStatus.PENDING], ["failed"])
        wire.reply = None
        held.to(AFTER, "10:02")
        step(held)
        assert (sells(held), wire.quantities) == ([OrderStatus.ONGOING], [117, 117])


# -- the network --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dual_stack(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A machine whose names have an IPv6 and an IPv4 address, in this order; tells by which it has connected."""
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    seen: list[str] = []
    real = socket.socket.connect

    def addresses(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        kind = socket.SOCK_STREAM
        return [
            (socket.AF_INET6, kind, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, kind, 6, "", ("127.0.0.1", port)),
        ]

    def connect(self: socket.socket, address: Any) -> None:
        seen.append({socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}[self.family])
        real(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", addresses)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return lambda: seen


@pytest.mark.parametrize(("word", "first"), [(None, "ipv4"), ("ipv4", "ipv4"), ("IPv6", "ipv6"), ("any", "ipv6")])
@offered("connect_by")
def test_connect_by(held: Trading, name: str, word: str | None, first: str, dual_stack: Callable[[], list[str]]) -> None:
    """Only IPv4 answers here. IPv6 comes first: with ipv4 it is never tried, with ipv6 nothing else is."""
    told = {} if word is None else {"connect_by": word}
    if first == "ipv6" and word != "any":
        unreached = pytest.raises(BrokerUnavailable, match=r"could not be reached by ipv6 \(the setting connect_by")
        with unreached, at_broker(held, name, told=told):
            pass
        assert "ipv6" in dual_stack()
        return
    with at_broker(held, name, told=told) as wire:
        dual_stack().clear()
        step(held)
        assert wire.quantities == [117]
        assert dual_stack()[0] == first
        assert ("ipv6" in dual_stack()) == (word == "any")


@offered("connect_by")
def test_connect_by_another_word(held: Trading, name: str) -> None:
    with (
        pytest.raises(Exception, match="connect_by must be ipv4, ipv6 or any, not 'ipv5'"),
        at_broker(held, name, told={"connect_by": "ipv5"}),
    ):
        pass


def bought_today(market: Trading) -> None:
    """10 more ALPHA, bought by hand today: positions and trades have them, holdings do not."""
    market.broker.manual_trade("ALPHA", Side.BUY, 10, LAST)


@offered("positions_outage")
def test_positions_outage(held: Trading, name: str) -> None:
    with at_broker(held, name) as wire:
        bought_today(held)
        before = {item.symbol: item for item in held.world.broker.holdings()}
        wire.down.add("positions")
        assert {item.symbol: item for item in held.world.broker.holdings()} == before
        step(held)
        assert wire.quantities == [117]
        wire.down.add("trades")
        held.to(AFTER, "10:01")
        step(held, 6)


@offered("holdings_outage")
def test_holdings_outage(held: Trading, name: str) -> None:
    """No proof, no order: nothing is sold by half of the truth, the position stays in the book, and it is named."""
    with at_broker(held, name) as wire:
        wire.down.add("holdings")
        step(held, 6)
        assert (wire.posted, causes(held), [position.quantity for position in held.positions]) == (
            [], ["broker_unreachable"], [117],
        )  # fmt: skip
        wire.down.clear()
        held.to(AFTER, "10:01")
        step(held)
        assert (wire.quantities, causes(held)) == ([117], [])


@offered("funds")
def test_funds(trading: Callable[..., Trading], name: str) -> None:
    """What may be spent is net of what is spent today and of what resting buys hold."""
    market: Trading = trading(alpha(), stock("ZULU"))
    market.to(AFTER, "10:00")
    with at_broker(market, name):
        bought_today(market)
        before = market.broker.funds()
        assert market.world.broker.funds().available == before.available
        market.world.broker.place(OrderRequest("ABCDEFGHIJKLMNO", "ZULU", Side.BUY, 100, 9000))
        after = market.broker.funds()
        assert before.available - after.available > 100 * 9000
        assert abs(market.world.broker.funds().available - after.available) <= 1
