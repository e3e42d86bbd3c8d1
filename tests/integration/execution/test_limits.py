"""Daily limits make the account REDUCING by themselves, say why, and end with their day; a person's word has no end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.integration.tasks.test_buy import analysed, signal
from tests.support.trading import AFTER, D, T, Trading, entry, stock
from tradectl.execution.buying import DayResult, breached_limit, stopped_buys
from tradectl.execution.orders import CommandStatus
from tradectl.execution.trading_session import TradingSession
from tradectl.model.order import OrderStatus, Side

Make = Callable[..., Trading]
LOST = DayResult(equity=966_000_00, result=-34_000_00)
"""3.4 % of Rs 10,00,000."""


def ask(market: Trading, trading_session: TradingSession, day: DayResult, *, session: date = D) -> str:
    found = breached_limit(
        trading_session,
        market.world.parameters,
        day,
        instrument_id="ACME",
        session=session,
        price=10000,
        quantity=10,
        last_close=10000,
        reentry=False,
    )
    return str(found or "")


def state(market: Trading) -> tuple[str, str, date | None]:
    user = market.ledger.users.get("asha")
    return user.trading_state, user.state_reason, user.state_until


def told(market: Trading) -> list[tuple[str, str]]:
    return [(line.level, line.action) for line in market.ledger.logs.list() if line.action in {"reducing", "resumed"}]


def test_a_loss_beyond_the_limit_lets_only_exits_pass(trading: Make) -> None:
    market = trading(stock())
    trading_session = market.trading(market.claim("buy", T))
    assert ask(market, trading_session, LOST) == "daily_loss"
    assert state(market) == ("REDUCING", "daily loss 3.4 % of equity, 3 % allowed", T)
    assert told(market) == [("warning", "reducing")]
    (message,) = market.ledger.outbox.pending()
    assert (message.title, message.deduplicate) == ("the account is REDUCING", f"reducing:daily_loss:{T}")
    assert "daily loss 3.4 % of equity, 3 % allowed" in message.body


def test_a_limit_is_told_once_however_many_buys_it_denies(trading: Make) -> None:
    market = trading(stock())
    trading_session = market.trading(market.claim("buy", T))
    assert [ask(market, trading_session, LOST) for _ in range(3)] == ["daily_loss"] * 3
    assert len(told(market)) == len(market.ledger.outbox.pending()) == 1


def test_too_many_buy_orders_hold_until_their_session_begins(trading: Make) -> None:
    market = trading(stock(), stock("BETA"), max_buy_orders="1")
    market.buy(10, 10000, symbol="BETA")
    trading_session = market.trading(market.claim("buy", T))
    assert ask(market, trading_session, DayResult(1_000_000_00, 0)) == "buy_orders"
    assert state(market) == ("REDUCING", f"1 buy orders for {D}, 1 allowed", D - timedelta(days=1))
    market.to(D, "08:00")
    morning = market.trading(market.claim("premarket-retry", D))
    morning.reconcile()
    assert state(market) == ("ACTIVE", "", None)
    assert told(market) == [("warning", "reducing"), ("warning", "resumed")]


def test_a_denial_that_is_about_one_buy_stops_no_other(trading: Make) -> None:
    market = trading(stock(), max_symbol_multiple="1", capital_per_trade="500")
    trading_session = market.trading(market.claim("buy", T))
    assert ask(market, trading_session, DayResult(1_000_000_00, 0)) == "symbol_multiple"
    assert state(market) == ("ACTIVE", "", None)


def test_a_days_loss_ends_by_itself_on_the_next_day(trading: Make) -> None:
    market = trading(stock())
    trading_session = market.trading(market.claim("buy", T))
    ask(market, trading_session, LOST)
    market.to(T, "23:59:59")
    trading_session.reconcile()
    assert state(market)[0] == "REDUCING"
    market.to(D, "00:00:00")
    trading_session.reconcile()
    assert state(market) == ("ACTIVE", "", None)
    line = market.ledger.logs.list(action="resumed")[-1]
    assert line.message == f"buys are allowed again: the limit of {T} is over (daily loss 3.4 % of equity, 3 % allowed)"


@pytest.mark.parametrize("by_a_person", ["HALTED", "REDUCING"])
def test_what_a_person_decided_is_neither_weakened_nor_ended(trading: Make, by_a_person: str) -> None:
    market = trading(stock())
    trading_session = market.trading(market.claim("buy", T))
    market.ledger.users.set_trading_state("asha", by_a_person, "on holiday")
    assert ask(market, trading_session, LOST) == "daily_loss"
    assert not market.ledger.book.set_reducing("a limit", T)
    market.to(AFTER, "08:00")
    trading_session.reconcile()
    assert state(market) == (by_a_person, "on holiday", None)
    assert told(market) == []


def test_a_halt_by_hand_removes_the_end_of_reducing(trading: Make) -> None:
    market = trading(stock())
    trading_session = market.trading(market.claim("buy", T))
    ask(market, trading_session, LOST)
    market.ledger.users.set_trading_state("asha", "HALTED", "enough")
    market.to(AFTER, "08:00")
    trading_session.reconcile()
    assert state(market) == ("HALTED", "enough", None)


def test_a_dry_run_changes_no_trading_state(trading: Make) -> None:
    market = trading(stock())
    trading_session = replace(market.trading(market.claim("buy", T)), dry_run=True)
    assert ask(market, trading_session, LOST) == "daily_loss"
    assert state(market) == ("ACTIVE", "", None)


def test_a_limit_stops_buys_of_all_processes_and_no_exits(trading: Make) -> None:
    market = trading(stock(on={D: (9500, 9600, 9300, 9400)}), stock("BETA"))
    market.buy(100, 9600)
    market.to(D, "09:20")
    assert ask(market, market.trading(market.claim("buy", D)), LOST, session=AFTER) == "daily_loss"
    result = market.trading(market.claim("test", D)).path.place(entry(10, 10000, symbol="BETA", session=AFTER))
    assert (result.status, result.reason) == (
        CommandStatus.BLOCKED, "the account is in state REDUCING, so no buy is sent: daily loss 3.4 % of equity, 3 % allowed",
    )  # fmt: skip
    market.monitor(D, "09:22")
    assert [(order.side, order.status) for order in market.orders(Side.SELL)] == [(Side.SELL, OrderStatus.ONGOING)]


def test_buy_says_again_which_limit_stopped_each_want(trading: Make) -> None:
    market = trading(stock(), stock("BETA"), stock("CETA"), max_buy_orders="1")
    analysed(market, signal(), signal("BETA"), signal("CETA"))
    first = market.run("buy", session=T)
    assert (first.outcome, first.result["placed"], first.result["skipped_limit"]) == ("completed", 1, 2)
    assert state(market)[0] == "REDUCING"
    again = market.run("buy", session=T, force=True)
    assert (again.outcome, again.result["skipped_limit"]) == ("completed", 2)
    verdicts = {item: verdict for item, verdict in market.ledger.decisions.verdicts("buy", T, "").items() if item != "ACME"}
    assert verdicts == {"BETA": "skipped_limit", "CETA": "skipped_limit"}
    assert len(market.broker.orders()) == 1


def test_filled_orders_at_the_limit_free_the_next_evening(trading: Make) -> None:
    market = trading(stock(on={D: (9000, 9900, 8900, 9800)}), stock("BETA"), max_buy_orders="1")
    analysed(market, signal(), signal("BETA"))
    assert market.run("buy", session=T).result["skipped_limit"] == 1
    (order,) = market.orders(Side.BUY)
    market.to(D, "09:05")
    assert market.run("amo-adjust").outcome == "completed"
    morning = market.trading(market.claim("test", D))
    assert morning.path.modify(order, quantity=order.quantity - 1, price=order.price).status is CommandStatus.PLACED
    market.to(D, "16:30")
    assert stopped_buys(morning) is None
    assert state(market)[0] == "ACTIVE"
