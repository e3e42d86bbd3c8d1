"""Kotak: the life of orders through the adapter, over real sockets, with the paper exchange behind the sandbox."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import bar, ist, listing, quiet
from tests.support.brokers.kotak import MakeNeo, Neo
from tests.support.brokers.slow import Slow
from tradectl.brokers.kotak_neo.amo_windows import KotakHours
from tradectl.brokers.kotak_neo.api import reading
from tradectl.errors import (
    Ambiguous,
    Blocked,
    BrokerUnavailable,
    ConfigurationError,
    DataError,
    OrderRefused,
    TradectlError,
    UsageError,
)
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.server import Response, Trouble
from tradectl.model.order import Holding, OrderRequest, OrderStatus, OrderType, Side, TradeReport, Variety

WEDNESDAY, THURSDAY, FRIDAY, MONDAY = (date(2023, 7, day) for day in (12, 13, 14, 17))
PLACE = "/quick/order/rule/ms/place"


@pytest.fixture
def acme(neo: MakeNeo) -> Neo:
    """A stock at 100.00 that never moves, on a Thursday at 10:00."""
    return neo(quiet("ACME", [WEDNESDAY, THURSDAY, FRIDAY, MONDAY]), at=ist(THURSDAY, "10:00"))


def test_an_order_is_sent_as_a_limit_order_for_delivery(acme: Neo) -> None:
    number = acme.buy(10, 9500, tag="ABCDEFGHIJKLMNO")
    assert acme.sandbox.heard == [
        (
            PLACE,
            {
                "am": "NO", "dq": "0", "es": "nse_cm", "mp": "0", "pc": "CNC", "pr": "95.00", "pt": "L", "qt": "10", "rt": "DAY",
                "tp": "0", "ts": "ACME-EQ", "tt": "B", "ig": "ABCDEFGHIJKLMNO", "os": "NEOTRADEAPI",
            },
        )
    ]  # fmt: skip
    report = acme.order(number)
    assert (report.tag, report.symbol, report.side) == ("ABCDEFGHIJKLMNO", "ACME", Side.BUY)
    assert (report.quantity, report.price, report.filled_quantity) == (10, 9500, 0)
    assert (report.status, report.variety, report.reason) == (OrderStatus.ONGOING, Variety.REGULAR, "")
    assert report.placed_at == report.updated_at == ist(THURSDAY, "10:00")


def test_an_order_that_fills_is_executed_with_its_trade(acme: Neo) -> None:
    number = acme.buy(10, 10000)
    assert acme.order(number).status is OrderStatus.EXECUTED
    (fill,) = acme.fills(number)
    assert (fill.symbol, fill.side, fill.quantity, fill.price, fill.at) == ("ACME", Side.BUY, 10, 10000, ist(THURSDAY, "10:00"))
    assert fill.trade_id.startswith("20230713-")


def test_an_amo_of_the_evening_is_changed_at_0905(acme: Neo) -> None:
    """Placed at night, changed as an after-market order; at 09:05 it is an ordinary one, and its tag is gone from then on."""
    acme.to(THURSDAY, "16:05")
    number = acme.buy(10, 9000, amo=True, tag="EVENING")
    assert (acme.order(number).status, acme.order(number).variety) == (OrderStatus.PENDING, Variety.AMO)
    acme.to(FRIDAY, "08:00")
    with pytest.raises(TradectlError):
        acme.broker.orders()
    acme.login()
    assert (acme.order(number).status, acme.order(number).tag) == (OrderStatus.PENDING, "EVENING")
    acme.to(FRIDAY, "09:05")
    assert acme.order(number).status is OrderStatus.ONGOING
    acme.broker.modify(number, quantity=12, price=10050)
    report = acme.order(number)
    assert (report.quantity, report.price, report.tag) == (12, 10050, None)
    acme.to(FRIDAY, "09:15")
    assert acme.order(number).status is OrderStatus.EXECUTED
    assert [fill.price for fill in acme.fills(number)] == [10000]
    assert [asked["am"] for _, asked in acme.sandbox.heard] == ["YES", "NO"]


def test_an_amo_that_waits_is_changed_and_cancelled_as_one(acme: Neo) -> None:
    acme.to(THURSDAY, "20:00")
    changed, cancelled = acme.buy(10, 9000, amo=True), acme.buy(5, 9000, amo=True, tag="GONE")
    acme.broker.modify(changed, quantity=20, price=9100)
    acme.broker.cancel(cancelled)
    report = acme.order(changed)
    assert (report.status, report.quantity, report.price, report.tag) == (OrderStatus.PENDING, 20, 9100, None)
    report = acme.order(cancelled)
    assert (report.status, report.tag, report.variety) == (OrderStatus.CANCELLED, "GONE", Variety.AMO)
    assert [asked["am"] for _, asked in acme.sandbox.heard] == ["YES"] * 4


def test_a_cancelled_order_shows_its_tag_unless_changed(acme: Neo) -> None:
    kept, lost = acme.buy(1, 9000, tag="KEPT"), acme.buy(1, 9000, tag="LOST")
    acme.broker.modify(lost, quantity=2, price=9100)
    for number in (kept, lost):
        acme.broker.cancel(number)
        assert acme.order(number).status is OrderStatus.CANCELLED
    assert (acme.order(kept).tag, acme.order(lost).tag) == ("KEPT", None)


def test_an_order_fills_in_parts_and_keeps_them_when_cancelled(neo: MakeNeo) -> None:
    stock = quiet("ACME", [WEDNESDAY, THURSDAY], 10000)
    kotak = neo(stock, at=ist(THURSDAY, "10:00"), participation=0.01)
    number = kotak.buy(25, 10000)
    assert (kotak.order(number).status, kotak.order(number).filled_quantity) == (OrderStatus.ONGOING, 10)
    kotak.to(THURSDAY, "10:01")
    assert kotak.order(number).filled_quantity == 20
    kotak.broker.cancel(number)
    report = kotak.order(number)
    assert (report.status, report.filled_quantity) == (OrderStatus.CANCELLED, 20)
    assert sum(fill.quantity for fill in kotak.fills(number)) == 20


def test_a_finished_order_is_not_changed(acme: Neo) -> None:
    number = acme.buy(10, 10000)
    for ask in (lambda: acme.broker.modify(number, quantity=5, price=10000), lambda: acme.broker.cancel(number)):
        with pytest.raises(OrderRefused) as refused:
            ask()
        assert (refused.value.code, refused.value.passing) == ("finished", False)
    with pytest.raises(OrderRefused, match="Bad Input"):
        acme.broker.cancel("230713000000000")


def test_want_of_money_may_pass_and_other_rejections_do_not(neo: MakeNeo) -> None:
    """Kotak takes both orders and rejects them in its book, where they are seen at once."""
    kotak = neo(quiet("ACME", [WEDNESDAY, THURSDAY]), at=ist(THURSDAY, "10:00"), cash=500_00)
    with pytest.raises(OrderRefused, match="RMS:Margin Exceeds") as refused:
        kotak.buy(10, 10000, tag="POOR")
    assert (refused.value.code, refused.value.passing) == ("funds", True)
    with pytest.raises(OrderRefused, match="circuit limit") as refused:
        kotak.buy(1, 20000, tag="WILD")
    assert not refused.value.passing
    reports = {report.tag: report for report in kotak.broker.orders()}
    assert [(tag, report.status) for tag, report in reports.items()] == [
        ("POOR", OrderStatus.REJECTED),
        ("WILD", OrderStatus.REJECTED),
    ]
    assert reports["POOR"].reason.startswith("RMS:Margin Exceeds")
    assert kotak.floor.broker.orders() == ()


@pytest.mark.parametrize(("price", "passing"), [(20000, False), (10000, True)])
def test_a_rejection_not_seen_at_once_is_found_in_the_book(neo: MakeNeo, price: int, *, passing: bool) -> None:
    kotak = neo(quiet("ACME", [WEDNESDAY, THURSDAY]), at=ist(THURSDAY, "10:00"), cash=500_00)
    kotak.broker.quotes(["ACME"])
    kotak.sandbox.trouble(Trouble.UNAVAILABLE, method="GET", path="/quick/user/orders/")
    report = kotak.order(kotak.buy(10, price, tag="LATE"))
    assert (report.status, report.passing) == (OrderStatus.REJECTED, passing)


def test_a_repeated_tag_is_refused_that_day_and_taken_the_next(acme: Neo) -> None:
    acme.to(THURSDAY, "17:00")
    first = acme.buy(1, 9000, amo=True, tag="SAME")
    for variety in (True, False):
        with pytest.raises(OrderRefused, match="already exists") as refused:
            acme.buy(1, 9000, amo=variety, tag="SAME")
        assert (refused.value.code, refused.value.passing) == ("repeated_tag", False)
    acme.to(FRIDAY, "08:00")
    acme.login()
    second = acme.buy(1, 9000, amo=True, tag="SAME")
    assert [report.broker_order_id for report in acme.broker.orders() if report.tag == "SAME"] == [first, second]


@pytest.mark.parametrize(
    ("trouble", "error", "placed"),
    [
        (Trouble.LOST, Ambiguous, 0),
        (Trouble.CUT, Ambiguous, 1),
        (Trouble.HALF, Ambiguous, 1),
        (Trouble.MALFORMED, Ambiguous, 1),
        (Trouble.SLOW, Ambiguous, 1),
        (Trouble.UNAVAILABLE, Ambiguous, 0),
        (Trouble.BAD_GATEWAY, Ambiguous, 1),
        (Trouble.TOO_MANY, Ambiguous, 0),
    ],
)
def test_after_trouble_the_book_tells_what_became_of_the_order(
    acme: Neo, trouble: Trouble, error: type[TradectlError], placed: int
) -> None:
    """And the same tag again is refused where the order is there, and makes it where it is not."""
    acme.broker.quotes(["ACME"])
    acme.sandbox.trouble(trouble, path=PLACE)
    with pytest.raises(error) as failure:
        acme.buy(10, 9500, tag="ONCE")
    assert isinstance(failure.value, Ambiguous) is (error is Ambiguous)
    assert acme.sandbox.requests.count(("POST", PLACE)) == 1
    assert [report.tag for report in acme.broker.orders()] == ["ONCE"] * placed
    if placed:
        with pytest.raises(OrderRefused, match="already exists"):
            acme.buy(10, 9500, tag="ONCE")
    else:
        acme.buy(10, 9500, tag="ONCE")
    assert [report.tag for report in acme.broker.orders()] == ["ONCE"]


def test_an_order_that_was_taken_without_a_number_is_ambiguous(acme: Neo) -> None:
    acme.sandbox.instead[PLACE] = Response.of({"stat": "Ok", "nOrdNo": "", "stCode": 200})
    with pytest.raises(Ambiguous, match="no order number"):
        acme.buy(1, 9500)


@pytest.mark.parametrize(
    ("at", "allowed"), [("08:54:59", True), ("08:55:00", False), ("09:00:00", False), ("09:00:29", False), ("09:00:30", True)]
)
def test_nothing_is_sent_while_the_night_is_handed_over(acme: Neo, at: str, allowed: bool) -> None:
    acme.to(THURSDAY, "17:00")
    number = acme.buy(1, 9000, amo=True)
    acme.to(FRIDAY, "08:00")
    acme.login()
    acme.to(FRIDAY, at)
    asked = len(acme.sandbox.heard)
    if allowed:
        acme.broker.modify(number, quantity=2, price=9000)
        assert acme.order(number).quantity == 2
        return
    for ask in (
        lambda: acme.broker.modify(number, quantity=2, price=9000),
        lambda: acme.broker.cancel(number),
        lambda: acme.buy(1, 9000),
    ):
        with pytest.raises(Blocked, match="until 09:00:30"):
            ask()
    assert len(acme.sandbox.heard) == asked
    assert acme.order(number).quantity == 1


@pytest.mark.parametrize(
    ("what", "until", "words"),
    [
        ("place", "08:55:01", "until 09:00:30"), ("modify", "08:55:01", "until 09:00:30"),
        ("cancel", "08:55:01", "until 09:00:30"), ("place", "09:00:31", "from 16:05 to 08:55"),
        ("modify", "09:00:31", "moved between"), ("cancel", "09:00:31", "moved between"),
    ],
)  # fmt: skip
def test_a_command_delayed_into_another_hour_is_not_sent(acme: Neo, what: str, until: str, words: str) -> None:
    """Neither while the night is handed over, nor as what it no longer is."""
    acme.to(THURSDAY, "17:00")
    number = acme.buy(1, 9000, amo=True)
    acme.to(FRIDAY, "08:00")
    acme.login()
    slow = type(acme.broker)(replace(acme.account, limiter=Slow(acme.floor.clock, ist(FRIDAY, until))))
    slow.quotes(["ACME"])
    asked = len(acme.sandbox.heard)
    ask = {
        "place": lambda: slow.place(OrderRequest("LATE", "ACME", Side.BUY, 1, 9000, variety=Variety.AMO)),
        "modify": lambda: slow.modify(number, quantity=2, price=9000),
        "cancel": lambda: slow.cancel(number),
    }
    acme.to(FRIDAY, "08:54:59")
    with pytest.raises(Blocked, match=words):
        ask[what]()
    assert len(acme.sandbox.heard) == asked


@pytest.mark.parametrize("price", [0, -5])
def test_a_limit_order_without_a_price_is_not_sent(acme: Neo, price: int) -> None:
    """Kotak fills one at a price of its own."""
    number = acme.buy(1, 9000)
    asked = len(acme.sandbox.heard)
    for ask in (lambda: acme.buy(1, price), lambda: acme.broker.modify(number, quantity=1, price=price)):
        with pytest.raises(OrderRefused, match="above zero") as refused:
            ask()
        assert refused.value.code == "price"
    assert len(acme.sandbox.heard) == asked


def test_after_market_orders_wait_for_the_window_that_is_set(acme: Neo) -> None:
    acme.to(THURSDAY, "15:50")
    with pytest.raises(Blocked, match="from 16:05 to 08:55, and it is 15:50"):
        acme.buy(1, 9000, amo=True)
    assert acme.sandbox.heard == []


@pytest.mark.parametrize(
    ("day", "at", "queued", "waits"),
    [
        (THURSDAY, "08:54", None, True),
        (THURSDAY, "09:00:30", None, False),
        (THURSDAY, "15:44", None, False),
        (THURSDAY, "15:50", True, True),
        (THURSDAY, "15:50", False, False),
        (THURSDAY, "16:00", None, True),
        (date(2023, 7, 15), "12:00", None, True),
        (date(2023, 11, 12), "17:00", None, True),
        (date(2023, 11, 12), "18:20", None, False),
    ],
)
def test_the_book_is_read_for_waiting_orders_only_where_needed(
    sessions: SessionTable, day: date, at: str, queued: bool | None, waits: bool
) -> None:
    """A window from 15:45 overlaps the post-close; 2023-11-12 was Muhurat, in the evening of a Sunday."""

    def asked() -> bool:
        assert queued is not None
        return queued

    assert KotakHours.of(sessions, "15:45", "08:55").waits(ist(day, at), asked) is waits


def test_nothing_is_sent_where_a_needed_book_does_not_answer(neo: MakeNeo) -> None:
    """A read that fails says nothing of the command that it was for."""
    kotak = neo(quiet("ACME", [WEDNESDAY, THURSDAY]), at=ist(THURSDAY, "15:50"))
    kotak.vault.credentials["amo_from"] = "15:45"
    adapter = type(kotak.broker)(kotak.account)
    number = adapter.place(OrderRequest("LATE", "ACME", Side.BUY, 1, 9000))
    asked = len(kotak.sandbox.heard)
    kotak.sandbox.trouble(Trouble.CUT, method="GET", path="/quick/user/orders/", times=3)
    with pytest.raises(BrokerUnavailable) as failure:
        adapter.cancel(number)
    assert not isinstance(failure.value, Ambiguous)
    assert len(kotak.sandbox.heard) == asked
    adapter.cancel(number)
    assert kotak.sandbox.heard[-1][1] == {"on": number, "am": "NO"}


def test_a_window_that_is_no_window_is_a_matter_of_configuration(sessions: SessionTable) -> None:
    with pytest.raises(ConfigurationError, match="16:05"):
        KotakHours.of(sessions, "four", "08:55")


def test_market_orders_and_prices_off_the_tick_are_not_sent(acme: Neo) -> None:
    with pytest.raises(Blocked, match="limit orders"):
        acme.broker.place(OrderRequest("M", "ACME", Side.BUY, 1, 0, OrderType.MARKET))
    with pytest.raises(OrderRefused, match="tick size") as refused:
        acme.buy(1, 9503)
    assert refused.value.code == "tick"
    assert acme.sandbox.heard == []


def test_what_the_trader_does_within_the_day_is_not_ours(acme: Neo) -> None:
    """An intraday (MIS) short of the same stock, covered later: no order and no trade of ours, and it takes no share away."""
    number = acme.buy(10, 10000)
    before = acme.broker.orders(), acme.broker.trades(), acme.broker.holdings()
    at = ist(THURSDAY, "09:40")
    acme.sandbox.intraday += [
        TradeReport("501", "230713000000501", "ACME", Side.SELL, 10, 10000, at),
        TradeReport("502", "230713000000502", "ACME", Side.BUY, 4, 9900, at),
    ]
    with urlopen(told(acme, "/quick/user/trades")) as answer:
        assert [row["prod"] for row in json.load(answer)["data"]] == ["CNC", "MIS", "MIS"]
    assert (acme.broker.orders(), acme.broker.trades(), acme.broker.holdings()) == before
    assert [(item.broker_order_id, item.quantity) for item in acme.broker.trades()] == [(number, 10)]


def told(kotak: Neo, path: str) -> HttpRequest:
    """A read as the adapter asks it."""
    return HttpRequest(kotak.sandbox.url + path, headers=dict(reading(kotak.vault.stored)))


def test_a_command_at_a_server_in_trouble_is_ambiguous(acme: Neo) -> None:
    """Kotak's gateway answers 200 with the true status in the body."""
    acme.broker.quotes(["ACME"])
    acme.sandbox.instead[PLACE] = Response.of({"stat": "Not_Ok", "errMsg": "cannot reach the order system", "stCode": 502})
    with pytest.raises(Ambiguous, match="cannot reach"):
        acme.buy(1, 9500)
    acme.sandbox.instead["/quick/user/orders"] = Response.of({"stCode": 503, "data": []})
    with pytest.raises(BrokerUnavailable, match="replied 200"):
        acme.broker.orders()


def test_a_book_that_has_not_changed_is_the_same_object(acme: Neo) -> None:
    number = acme.buy(1, 9000)
    looks = [(acme.broker.orders(), acme.broker.trades()) for _ in range(3)]
    assert all(a is b and c is d for (a, c), (b, d) in pairwise(looks))
    acme.broker.modify(number, quantity=2, price=9000)
    assert acme.broker.orders() is not looks[0][0]
    assert acme.broker.trades() is looks[0][1]


def test_an_empty_book_is_empty_only_where_kotak_says_so(acme: Neo) -> None:
    assert acme.broker.orders() == () == acme.broker.trades()
    path = "/quick/user/orders"
    for said in ({"stat": "Ok", "data": None, "stCode": 200}, {"stat": "Ok", "data": [], "stCode": 200}):
        acme.sandbox.instead[path] = Response.of(said)
        assert acme.broker.orders() == ()
    for said in (
        {"stat": "Not_Ok", "stCode": 5203},
        {"stat": "Not_Ok", "errMsg": "no response from the order system", "stCode": 5203},
        {"data": None},
        {"stat": "Ok", "stCode": 200},
        {"stat": "Ok", "data": "none", "stCode": 200},
        [],
    ):
        acme.sandbox.instead[path] = Response.of(said)
        with pytest.raises(BrokerUnavailable):
            acme.broker.orders()


def test_what_kotak_lists_not_or_otherwise_is_not_bought(neo: MakeNeo) -> None:
    """A position is sold in whatever series its shares are by now."""
    market = (quiet("ACME", [WEDNESDAY, THURSDAY]), quiet("NEWS", [WEDNESDAY, THURSDAY]))
    kotak = neo(*market, at=ist(THURSDAY, "10:00"))
    kotak.buy(5, 10000)
    kotak.sandbox.scrips.series["ACME"] = "BE"
    for file in kotak.account.folder.iterdir():
        file.unlink()
    adapter = type(kotak.broker)(kotak.account)
    with pytest.raises(DataError, match="in series BE at Kotak, not EQ"):
        adapter.place(OrderRequest("B", "ACME", Side.BUY, 1, 10000))
    with pytest.raises(UsageError, match="NOBODY"):
        adapter.place(OrderRequest("C", "NOBODY", Side.BUY, 1, 10000))
    assert kotak.sandbox.requests.count(("POST", PLACE)) == 1
    with pytest.raises(OrderRefused):  # the paper exchange trades it as EQ, and knows no ACME-BE
        adapter.place(OrderRequest("D", "ACME", Side.SELL, 1, 10000))
    assert kotak.sandbox.heard[-1][1]["ts"] == "ACME-BE"


def test_the_account_is_what_the_exchange_says_it_is(neo: MakeNeo) -> None:
    """Shares of before, bought today, and sold today; money; quotes with their bands and times."""
    days = [WEDNESDAY, THURSDAY, FRIDAY]
    moving = listing("MOVE", [bar(day, 10000, 10400, 9900, 10200) for day in days])
    tied = quiet("TIED", days, series="BE")
    kotak = neo(moving, quiet("ACME", days), tied, at=ist(WEDNESDAY, "10:00"))
    kotak.buy(10, 10000)
    kotak.to(THURSDAY, "10:00")
    kotak.login()
    kotak.buy(5, 10000), kotak.sell(8, 10000), kotak.buy(3, 10000, "TIED"), kotak.buy(7, 9500, "MOVE")
    paper, broker = kotak.floor.broker, kotak.broker
    shares = {item.symbol: item.quantity + item.t1_quantity for item in paper.holdings()}
    assert {item.symbol: item.quantity + item.t1_quantity for item in broker.holdings()} == shares == {"ACME": 7, "TIED": 3}
    assert {item.symbol: item.sellable for item in broker.holdings()} == {item.symbol: item.sellable for item in paper.holdings()}
    assert (broker.funds().available, broker.funds().cash) == (paper.funds().available, paper.funds().cash)
    for at in ("10:00", "12:34"):
        kotak.to(THURSDAY, at)
        theirs, ours = paper.quotes(["MOVE", "ACME", "NOBODY"]), broker.quotes(["MOVE", "ACME", "NOBODY"])
        assert list(ours) == list(theirs) == ["MOVE", "ACME"]
        for symbol, quote in ours.items():
            other = theirs[symbol]
            assert quote.source == "kotak_neo"
            for name in ("last", "open", "high", "low", "volume", "lower_band", "upper_band", "at"):
                assert getattr(quote, name) == getattr(other, name), (symbol, name)
    assert broker.preopen_prices(["MOVE"]) == {}


def test_shares_bought_today_count_beside_those_that_are_held(acme: Neo) -> None:
    acme.buy(10, 10000)
    assert acme.broker.holdings() == (Holding("ACME", 0, 10, 10),)


def test_the_list_of_instruments_is_fetched_once_a_day(acme: Neo) -> None:
    """Damaged, it is fetched again; of another day, only the newest stays."""
    fetched = ("GET", f"/wso2-scripmaster/v1/prod/{THURSDAY}/transformed-v1/nse_cm-v1.csv")
    acme.buy(1, 9000), acme.buy(1, 9000)
    type(acme.broker)(acme.account).quotes(["ACME"])
    assert acme.sandbox.requests.count(fetched) == 1
    (file,) = acme.account.folder.iterdir()
    file.write_text("pSymbol,pGroup\n", encoding="utf-8")
    assert type(acme.broker)(acme.account).quotes(["ACME"])
    assert acme.sandbox.requests.count(fetched) == 2
    acme.to(FRIDAY, "10:00")
    acme.login()
    acme.broker.quotes(["ACME"])
    assert [item.name for item in acme.account.folder.iterdir()] == [f"nse_cm-{FRIDAY}.csv"]


def test_an_unreadable_list_of_instruments_places_nothing(acme: Neo) -> None:
    acme.sandbox.instead[f"/wso2-scripmaster/v1/prod/{THURSDAY}/transformed-v1/nse_cm-v1.csv"] = Response(
        200, b"<html>", "text/html"
    )
    with pytest.raises(BrokerUnavailable, match="list of instruments"):
        acme.buy(1, 9000)
    assert acme.sandbox.heard == []
