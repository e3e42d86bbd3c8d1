"""One typed port for every broker: what it says is what each adapter takes, and what it answers is ours and typed."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from datetime import UTC
from pathlib import Path

import pytest

from tests.support.afar import Front, put
from tests.support.trading import D, stock
from tradectl import brokers
from tradectl.brokers.kite.broker import KiteBroker
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.brokers.openalgo.broker import OpenAlgoBroker
from tradectl.brokers.paper import PaperBroker
from tradectl.lab.faults import FaultyBroker
from tradectl.model.order import OrderReport, TradeReport, Variety
from tradectl.ports import Broker

ROOT = Path(__file__).parents[3]
CALLS = sorted(name for name, member in vars(Broker).items() if inspect.isfunction(member) and not name.startswith("_"))


def adapters() -> list[type]:
    """The broker of every package of `tradectl.brokers` that has a module `broker`, and the faulty one."""
    packages = [module.name for module in pkgutil.iter_modules(brokers.__path__) if module.ispkg]
    folder = Path(brokers.__path__[0])
    names = [f"{brokers.__name__}.{name}.broker" for name in packages if (folder / name / "broker.py").exists()]
    there = [item for module in map(importlib.import_module, names) for item in vars(module).values() if inspect.isclass(item)]
    return [FaultyBroker, *(item for item in there if item.__module__ in names and hasattr(item, "place"))]


def test_every_adapter_is_found() -> None:
    assert {PaperBroker, FaultyBroker, KiteBroker, KotakNeoBroker, OpenAlgoBroker} <= set(adapters())
    assert CALLS == ["cancel", "funds", "holdings", "modify", "orders", "place", "preopen_prices", "quotes", "trades"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("adapter", adapters(), ids=lambda adapter: adapter.__name__)
def test_every_adapter_takes_what_the_port_says(adapter: type, call: str) -> None:
    promised, found = (inspect.signature(getattr(owner, call)).parameters for owner in (Broker, adapter))
    assert list(found.values()) == list(promised.values())


def test_reports_are_typed_frozen_and_have_the_own_symbol(trading) -> None:
    market = trading(stock(on={D: (9500, 9600, 9300, 9400)}))
    placed = market.buy(100, 9600)
    market.to(D, "10:00")
    (order,), (trade,) = market.broker.orders(), market.broker.trades()
    assert (type(order), type(trade)) == (OrderReport, TradeReport)
    assert (order.symbol, order.tag, order.broker_order_id) == ("ACME", placed.tag, trade.broker_order_id)
    assert (order.variety, trade.symbol, trade.at.tzinfo) == (Variety.AMO, "ACME", UTC)
    assert {type(value) for value in (order.price, order.quantity, trade.price, trade.quantity)} == {int}
    with pytest.raises(AttributeError):
        order.quantity = 1  # type: ignore[misc]


@pytest.mark.parametrize("room", ["tasks", "execution", "strategy", "ledger", "runtime"])
def test_no_task_knows_which_broker_it_trades_with(room: str) -> None:
    """So paper trading is the same program, and no branch of it asks for the mode."""
    for file in sorted((ROOT / "tradectl" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.startswith("tradectl.brokers")], file
            words = [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
            assert not {"paper", "live", "simulated"} & set(words), file


def test_without_any_opening_price_the_morning_fails(trading) -> None:
    """All items failing is a failed task: not a morning of "price unavailable" that calls itself a success."""

    class Priceless(Front):
        def preopen_prices(self, symbols):
            return {}

    market = trading(stock())
    order = market.buy(100, 9600)
    put(market, Priceless(market.broker))
    market.to(D, "09:05")
    report = market.run("amo-adjust")
    assert (report.outcome, report.exit_code) == ("failed", 8)
    assert report.error == "no pre-open price for any of the 1 waiting orders"
    assert market.ledger.book.order(order.id).quantity == 100
    put(market, market.broker)
    again = market.run("amo-adjust")
    assert (again.outcome, again.result["total"], again.result["price_unavailable"]) == ("completed", 1, 0)
