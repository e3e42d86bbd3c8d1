"""`halt` and `resume`: at once, for every process, until a person says otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.execution.conftest import trading  # noqa: F401
from tests.support.hands import opaque, operate, result_of
from tests.support.trading import D, T, Trading, entry, stock
from tradectl.execution.orders import CommandStatus
from tradectl.model.order import OrderStatus, Side
from tradectl.model.trading_state import RESUME

Make = Callable[..., Trading]
ROOT = Path(__file__).parents[3]
FALLS = {D: (9500, 9600, 9300, 9400)}


def test_halt_sends_nothing_but_cancels_and_survives_a_restart(tradectl: Tradectl):
    tradectl("init")
    said = tradectl("halt", "--reason", "results day", "--json")
    assert (said.code, said.object["result"]["trading_state"], said.object["result"]["before"]) == (0, "HALTED", "ACTIVE")
    status = tradectl("status")
    assert "trading   HALTED, results day" in status.out
    assert tradectl("status", "--json").object["result"]["state_until"] is None
    (line,) = tradectl("logs", "--action", "halted", "--json").object["result"]
    assert (line["level"], line["message"]) == ("warning", "only cancels are sent: results day (was ACTIVE)")


def test_what_is_so_already_is_said_and_not_written_again(tradectl: Tradectl):
    tradectl("init")
    tradectl("halt", "--reason", "first")
    again = tradectl("halt", "--reason", "second")
    assert (again.code, again.out.splitlines()[0]) == (0, "HALTED already, first: nothing is changed")
    assert len(tradectl("logs", "--action", "halted", "--json").object["result"]) == 1
    tradectl("resume")
    assert tradectl("resume").out.startswith("ACTIVE already: nothing is changed\n")
    assert len(tradectl("logs", "--action", "resumed", "--json").object["result"]) == 1


def test_halt_never_makes_a_halted_account_reducing(tradectl: Tradectl):
    tradectl("init")
    assert tradectl("halt", "--reducing").out.startswith("REDUCING, by hand: only sells and cancels are sent\n")
    assert tradectl("halt", "--reason", "worse").out.startswith("HALTED, worse: only cancels are sent\n")
    weaker = tradectl("halt", "--reducing")
    assert (weaker.code, weaker.err) == (2, "tradectl: me is HALTED, worse: `resume` first, then `halt --reducing`\n")
    assert "HALTED" in tradectl("status").out


def test_a_limits_reducing_becomes_a_persons(trading: Make):  # noqa: F811
    market = trading(stock())
    market.ledger.book.set_reducing("daily loss 3.4 % of equity, 3 % allowed", T)
    assert f"daily loss 3.4 % of equity, 3 % allowed (ends after {T})" in operate(market, "status").words
    assert result_of(market, "halt", "--reducing", "--reason", "mine")["changed"] is True
    user = market.ledger.users.get("asha")
    assert (user.trading_state, user.state_reason, user.state_until) == ("REDUCING", "mine", None)


def test_resume_ends_what_a_limit_has_set(trading: Make):  # noqa: F811
    market = trading(stock())
    market.ledger.book.set_reducing("30 buy orders", T)
    assert result_of(market, "resume")["before"] == "REDUCING"
    user = market.ledger.users.get("asha")
    assert (user.trading_state, user.state_until) == ("ACTIVE", None)


def test_halt_says_what_goes_on_and_cancels_on_demand(trading: Make):  # noqa: F811
    market = trading(stock(), stock("BETA"))
    market.buy(10, 10000)
    market.buy(10, 10000, symbol="BETA")
    assert "2 orders rest at the exchange, and may trade" in operate(market, "halt").out
    found = result_of(market, "halt", "--cancel")
    assert (found["changed"], found["live_orders"]) == (False, 0)
    assert [item["cancel"] for item in found["cancelled"]] == ["cancelled", "cancelled"]
    assert {item.status for item in market.broker.orders()} == {OrderStatus.CANCELLED}


def test_halt_with_cancel_names_what_could_not_be_cancelled(trading: Make):  # noqa: F811
    market = trading(stock())
    broker = opaque(market)
    order = market.buy(10, 10000)
    broker.deaf = True
    said = operate(market, "halt", "--cancel")
    assert said.code == 6
    assert f"order {order.id}, BUY 10 ACME at 100.00: is still alive: the broker could not be reached" in said.out
    assert market.ledger.users.get("asha").trading_state == "HALTED"


def test_a_halted_account_keeps_its_sell_and_sends_no_other(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "09:17")
    operate(market, "halt")
    market.monitor(D, "09:25")
    assert [order.modifications for order in market.orders(Side.SELL)] == [0]
    assert len(market.broker.orders()) == 2


SENDER = """
import sys
from pathlib import Path
from tests.support.brokers.market import MemoryMarket
from tests.support.trading import EVENING, SESSIONS, T, entry, stock
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.execution.orders import OrderPath
from tradectl.halt_marker import MarkerFile
from tradectl.ledger.opening import open_database
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.store import Ledger


class Pausing(VirtualClock):
    # Stops where the path has read the trading state from its snapshot, and has not begun its transaction.
    pause = False

    def machine_now(self):
        if self.pause:
            print("about to send", flush=True)
            sys.stdin.readline()
        return super().machine_now()


folder = Path(sys.argv[1])
clock = Pausing(EVENING)
ledger = Ledger(open_database(folder / "ledger.db"), "asha")
broker = PaperBroker(folder / "paper.db", "asha", clock, MemoryMarket(stock()), SESSIONS)
claim = ledger.executions.claim(
    "buy", T, "", owner=current_identity(), trigger="manual", machine_now=clock.machine_now(), now=clock.now()
)
assert ledger.book.snapshot().trading_state == "ACTIVE"
clock.pause = True
marker = MarkerFile(folder, "asha")
result = OrderPath(broker, ledger.book, clock, "asha", claim, marker=marker).place(entry(10, 10000))
print(result.status, result.reason, flush=True)
"""


@pytest.fixture
def sender(trading: Make) -> Iterator[tuple[Trading, subprocess.Popen[str]]]:  # noqa: F811
    """A process that has read ACTIVE, and is about to send."""
    market = trading(stock())
    line = [sys.executable, "-c", SENDER, str(market.folder)]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "about to send\n"
        yield market, process
        process.kill()


def test_halt_stops_a_process_that_is_about_to_send(sender: tuple[Trading, subprocess.Popen[str]]):
    market, process = sender
    assert operate(market, "halt", "--reason", "now").code == 0
    out, _ = process.communicate("go on\n", timeout=60)
    assert out == f"{CommandStatus.BLOCKED} the account is halted: now; {RESUME}\n"
    assert market.broker.orders() == ()
    assert market.ledger.book.orders() == []


def test_the_same_process_sends_where_nobody_halts(sender: tuple[Trading, subprocess.Popen[str]]):
    market, process = sender
    out, _ = process.communicate("go on\n", timeout=60)
    assert out.startswith(CommandStatus.PLACED)
    assert [order.tag for order in market.broker.orders()] == [order.tag for order in market.ledger.book.orders()] != []


def test_cancels_pass_when_halted(trading: Make):  # noqa: F811
    market = trading(stock())
    order = market.buy(10, 10000)
    operate(market, "halt")
    assert market.trading(market.claim("buy", T)).path.place(entry(10, 10000)).status is CommandStatus.BLOCKED
    assert operate(market, "orders", "cancel", order.tag).code == 0
    assert market.ledger.book.order(order.id).status is OrderStatus.CANCELLED
