"""Buy and premarket-retry: nothing twice, nothing forgotten."""

from datetime import date

from sqlalchemy import update

from tests.support.trading import D, T, Trading, entry, stock
from tradectl.cli.invocation import Invocation
from tradectl.cli.tasks import answer
from tradectl.execution.tags import client_tag
from tradectl.ledger.rows import Intent, Signal
from tradectl.ledger.schema import users
from tradectl.model.order import OrderStatus, Side


def signal(symbol: str = "ACME", *, limit: int = 10050) -> Signal:
    return Signal(
        symbol, symbol, T, D, "BUY", 1, 10000, limit, 25.0, 100.0, 30, 60.0, 60.0, 60.0, 5, 700, 10**12, "final", T
    )  # fmt: skip


def analysed(market: Trading, *signals: Signal) -> None:
    claim = market.claim("analyze", T)
    market.ledger.signals.replace(T, signals, market.clock.now())
    market.ledger.executions.finish(claim, "completed", {}, now=market.clock.now(), steps=1)


def killed_before_sending(market: Trading, intent: Intent) -> str:
    """A `buy` that wrote its intent, and died before the broker heard of it."""
    claim = market.claim("buy", T)
    tag = client_tag("asha", intent, 0)
    market.record(claim, intent, tag)
    market.ledger.executions.finish(claim, "failed", {}, now=market.clock.now(), steps=0)
    return tag


def test_an_intent_never_sent_is_sent_by_the_next_run(trading) -> None:
    market = trading(stock(), max_positions="1")
    analysed(market, signal())
    tag = killed_before_sending(market, entry(500, 10050))
    report = market.run("buy", session=T)
    assert (report.outcome, report.result["placed"]) == ("completed", 1)
    (order,) = market.orders(Side.BUY)
    assert (order.tag, order.status, order.broker_order_id is not None) == (tag, OrderStatus.PENDING, True)
    assert [item.tag for item in market.broker.orders()] == [tag]


def test_an_unknown_intent_of_the_evening_stays_unknown(trading) -> None:
    market = trading(stock())
    analysed(market, signal())
    killed_before_sending(market, entry(500, 10050))
    market.to(D, "08:00")
    assert market.run("premarket-retry", slot="08:00").result["placed"] == 0
    assert [order.status for order in market.orders(Side.BUY)] == [OrderStatus.UNKNOWN]
    assert market.broker.orders() == ()


def test_buy_forced_after_its_session_has_begun_places_nothing(trading) -> None:
    market = trading(stock())
    analysed(market, signal())
    market.run("buy", session=T)
    market.to(D, "16:30")
    report = market.run("buy", session=T, force=True)
    assert report.outcome == "blocked"
    assert len(market.orders(Side.BUY)) == len(market.broker.orders()) == 1


def test_short_of_funds_it_waits_and_is_retried_in_the_morning(trading) -> None:
    market = trading(stock(), stock("BETA"), cash=100_000_00)
    analysed(market, signal(), signal("BETA"))
    report = market.run("buy", session=T)
    assert (report.result["placed"], report.result["skipped_funds"]) == (1, 1)
    market.to(D, "08:00")
    report = market.run("premarket-retry", slot="08:00")
    by_symbol = {order.symbol: order.status for order in market.orders(Side.BUY)}
    assert by_symbol["BETA"] in {OrderStatus.RETRY_PENDING, OrderStatus.CANCELLED}
    market.to(D, "18:00")
    market.run("eod")
    assert {order.status for order in market.orders(Side.BUY)} <= {OrderStatus.EXECUTED, OrderStatus.CANCELLED}


def test_an_order_retried_ends_the_one_before_at_once(trading) -> None:
    market = trading(stock())
    claim = market.claim("buy", T)
    now, intent, book = market.clock.now(), entry(500, 10050), market.ledger.book
    refused = market.record(claim, intent, "A" * 15)
    book.intents.move(refused, OrderStatus.RETRY_PENDING, "funds", now)
    assert market.trading(claim).path.place(intent).ok
    assert [(order.status, order.generation) for order in market.orders(Side.BUY)] == [
        (OrderStatus.CANCELLED, 0), (OrderStatus.PENDING, 1),
    ]  # fmt: skip


def test_an_account_that_only_reduces_buys_nothing_and_sells(trading) -> None:
    market = trading(stock(on={D: (9500, 9600, 9300, 9400)}))
    market.buy(100, 9600)
    with market.ledger.database.write() as connection:
        connection.execute(update(users).values(trading_state="REDUCING", state_reason="a test"))
    analysed(market, signal())
    assert market.run("buy", session=T).outcome == "blocked"
    market.to(D, "09:15")
    market.monitor(D, "09:20")
    assert [order.status for order in market.orders(Side.SELL)] == [OrderStatus.ONGOING]


def test_a_renamed_stock_is_bought_under_its_new_name(trading) -> None:
    listing = stock()
    listing.names = [(date(2020, 1, 1), "ACME"), (D, "ACMENEW")]
    market = trading(listing)
    now, claim = market.clock.now(), market.claim("buy", T)
    market.record(claim, entry(500, 10050), "B" * 15, status=OrderStatus.RETRY_PENDING)
    market.ledger.executions.finish(claim, "completed", {}, now=now, steps=1)
    market.to(D, "08:00")
    market.run("premarket-retry", slot="08:00")
    assert [order.symbol for order in market.orders(Side.BUY)] == ["ACMENEW"]


def test_a_dry_run_lists_the_buys_that_it_would_send(trading) -> None:
    market = trading(stock())
    analysed(market, signal())
    report = market.run("buy", session=T, dry_run=True)
    (command,) = report.result["would_send"]
    assert report.result["dry_run"] is True
    assert (command["command"], command["side"], command["symbol"], command["price"]) == ("place", "BUY", "ACME", "100.50")
    assert command["quantity"] > 0
    assert (market.orders(Side.BUY), market.broker.orders()) == ([], ())


def test_the_text_of_a_dry_run_says_that_nothing_was_sent(trading) -> None:
    market = trading(stock())
    analysed(market, signal())
    text = answer(Invocation(), market.run("buy", session=T, dry_run=True)).text()
    assert text.startswith("dry run of buy: nothing was sent")
    assert "place" in text.splitlines()[-1]
