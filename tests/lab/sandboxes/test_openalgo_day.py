"""The day's tasks through OpenAlgo's adapter over a real socket: from the evening's intents to the sell of the next day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.integration.tasks.test_buy import analysed, signal
from tests.integration.tasks.test_preopen_orders import EASY, falling
from tests.support.benches import SLOW, TIMEOUT, nobody
from tests.support.brokers.vault import MemoryVault
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, SESSIONS, D, T, Trading
from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.openalgo import ADAPTER
from tradectl.lab.sandboxes.ambiguous_replies import DOCUMENTED
from tradectl.lab.sandboxes.openalgo import COMMANDS, OpenAlgoSandbox
from tradectl.lab.sandboxes.server import Response, Trouble
from tradectl.model.order import OrderRequest, OrderStatus, Side, Variety

KEY = "day-key"


class Through(Trading):
    """A trading world whose orders go through the sandbox to the exchange, which a test sees without it as `broker`."""

    def begin(self) -> None:
        self.sandbox = OpenAlgoSandbox(self._broker, self.clock, api_key=KEY)
        self.sandbox.slow = SLOW
        self.sandbox.start()
        addresses = {"api": self.sandbox.url}
        vault = MemoryVault({"api_key": KEY})
        self.account = BrokerAccount(
            "asha", self.clock, SESSIONS, self.market, vault, self.folder, addresses=addresses, timeout=TIMEOUT
        )  # fmt: skip
        self.log_in()
        self.world = replace(self.world, broker=ADAPTER.open(self.account))

    def log_in(self) -> None:
        ADAPTER.login(self.account, nobody)


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Through]:
    world = Through(tmp_path, falling(opens=9800), **EASY, preopen_orders="on")
    world.begin()
    yield world
    assert world.broker.statement().difference == 0
    world.broker.close()
    world.sandbox.stop()
    world.ledger.database.close()


def evening(day: Through) -> None:
    analysed(day, signal())
    report = day.run("buy", session=T)
    assert (report.outcome, report.result["waiting"]) == ("completed", 1)
    day.to(D, "08:00")
    assert day.run("premarket-retry", slot="08:00").exit_code == 5  # the session of yesterday has ended
    day.log_in()
    assert day.run("premarket-retry", slot="08:00").result["skipped"] == 1
    assert day.broker.orders() == ()
    day.to(D, "09:05")


def test_an_evening_buy_is_sent_before_the_open_and_sold_later(day: Through) -> None:
    evening(day)
    assert day.run("amo-adjust").result["placed"] == 1
    (sent,) = day.broker.orders()
    assert (sent.variety, sent.price, sent.tag) == (Variety.REGULAR, 10050, None)
    day.to(D, "09:20")
    day.monitor(D, "09:22")
    assert [position.quantity for position in day.positions] == [sent.quantity]
    assert [order for order in day.orders(Side.SELL) if order.alive] == []  # what was bought today is not offered
    assert day.run("eod", force=True).result["external_trades"] == 0
    day.to(AFTER, "09:16")
    day.log_in()
    day.monitor(AFTER, "09:18")
    (sell,) = day.orders(Side.SELL, AFTER)
    assert (sell.quantity, sell.status) == (sent.quantity, OrderStatus.ONGOING)
    assert {order.broker_order_id for order in (sell,)} < {report.broker_order_id for report in day.broker.orders()}


@pytest.mark.parametrize("trouble", [Trouble.CUT, Trouble.LOST, Trouble.SLOW, Trouble.BAD_GATEWAY])
def test_a_lost_answer_leaves_one_order_to_be_decided(day: Through, trouble: Trouble) -> None:
    evening(day)
    day.sandbox.trouble(trouble, path=COMMANDS)
    report = day.run("amo-adjust")
    assert (report.exit_code, report.result.get("placed", 0)) == (7, 0)
    assert [order.status for order in day.orders(Side.BUY)] == [OrderStatus.UNKNOWN]
    assert len(day.broker.orders()) == (0 if trouble is Trouble.LOST else 1)
    assert day.sandbox.requests.count(("POST", COMMANDS[0])) == 1


def lied_to(day: Through, name: str) -> int:
    """Carry the morning's buy out and answer with a documented refusal; the exit code of `amo-adjust`."""
    evening(day)
    (shape,) = (item for item in DOCUMENTED["openalgo"] if item.name == name)
    day.sandbox.trouble(shape, path=COMMANDS)
    return day.run("amo-adjust").exit_code


@pytest.mark.parametrize(("name", "code"), [("no holdings", 7), ("no money", 7), ("a wrong key", 5), ("its analyzer", 4)])
def test_a_refusal_that_the_book_contradicts_is_not_sent_again(day: Through, name: str, code: int) -> None:
    assert lied_to(day, name) == code
    assert day.run("amo-adjust", force=True).exit_code == 7
    (order,), (there,) = day.orders(Side.BUY), day.broker.orders()
    assert (order.status, order.filled_quantity, there.broker_order_id in order.reason) == (OrderStatus.UNKNOWN, 0, True)
    assert day.sandbox.requests.count(("POST", COMMANDS[0])) == 1
    day.to(D, "09:20")
    day.monitor(D, "09:22")
    assert operate(day, "status").code == 7
    day.to(D, "18:00")
    assert day.run("eod").exit_code == 7
    said = operate(day, "orders", "resolve", str(order.id))
    assert (said.code, f"may be    {there.broker_order_id} of the broker's" in said.out) == (7, True)
    assert operate(day, "orders", "resolve", str(order.id), "--broker-order-id", there.broker_order_id).code == 0
    assert [position.quantity for position in day.positions] == [there.quantity]
    day.to(AFTER, "09:16")
    day.log_in()
    day.monitor(AFTER, "09:18")
    assert [sell.quantity for sell in day.orders(Side.SELL, AFTER)] == [there.quantity]


def test_a_sell_that_was_refused_and_lives_is_not_sent_again(day: Through) -> None:
    evening(day)
    day.run("amo-adjust")
    day.to(D, "09:20")
    day.monitor(D, "09:22")
    day.to(AFTER, "09:16")
    day.log_in()
    (shape,) = (item for item in DOCUMENTED["openalgo"] if item.name == "off the tick")
    day.sandbox.trouble(shape, path=COMMANDS)
    assert day.monitor(AFTER, "09:40").exit_code == 7
    (sell,) = day.orders(Side.SELL, AFTER)
    assert sell.status is OrderStatus.UNKNOWN
    assert len([report for report in day.broker.orders() if report.side is Side.SELL]) == 1


def test_a_like_order_by_hand_only_blocks_until_a_person_decides(day: Through) -> None:
    evening(day)
    answer = day.sandbox.answer
    refusal = Response.of({"status": "error", "message": "Insufficient stock holdings"}, 400)
    day.sandbox.answer = lambda request: refusal if request.path in COMMANDS else answer(request)  # type: ignore[method-assign]
    assert day.run("amo-adjust").exit_code == 11
    day.sandbox.answer = answer  # type: ignore[method-assign]
    (order,) = day.orders(Side.BUY)
    assert (order.status, day.broker.orders()) == (OrderStatus.REJECTED, ())
    mine = day.broker.place(OrderRequest("MINE", order.symbol, Side.BUY, order.quantity, order.price))
    other = day.broker.place(OrderRequest("MINE2", order.symbol, Side.BUY, order.quantity + 1, order.price))
    assert operate(day, "reconcile").code == 7
    assert day.ledger.book.order(order.id).status is OrderStatus.UNKNOWN
    assert operate(day, "orders", "resolve", str(order.id), "--never-placed").code == 0
    assert result_of(day, "reconcile", code=9)["unknown"] == []
    decided = day.ledger.book.order(order.id)
    assert (decided.status, decided.reason) == (OrderStatus.CANCELLED, "a person decided: never placed")
    assert {report.broker_order_id for report in day.broker.orders() if report.counts} == {mine, other}
    assert day.positions == ()


def test_a_server_in_analyzer_mode_gets_no_order(day: Through) -> None:
    evening(day)
    day.sandbox.analyze = True
    assert day.run("amo-adjust").exit_code == 4
    assert [(order.status, order.sending_at) for order in day.orders(Side.BUY)] == [(OrderStatus.RETRY_PENDING, None)]
    day.sandbox.analyze = False
    assert day.run("amo-adjust").result["placed"] == 1
    assert len(day.broker.orders()) == 1


def test_a_server_switched_before_the_order_gets_none(day: Through) -> None:
    """What was switched after the books were read is found out by the question before the command, or by its answer."""
    evening(day)
    answer = day.sandbox.answer

    def switching(request):
        day.sandbox.analyze = request.path in {*COMMANDS, "/api/v1/analyzer"}
        return answer(request)

    day.sandbox.answer = switching  # type: ignore[method-assign]
    assert day.run("amo-adjust").exit_code == 4
    assert [order.sending_at for order in day.orders(Side.BUY)] == [None]
    day.sandbox.answer = answer  # type: ignore[method-assign]
    day.sandbox.analyze = False
    assert day.run("amo-adjust").result["placed"] == 1
    assert len(day.broker.orders()) == 1
