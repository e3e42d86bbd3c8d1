"""Case 13: an order by hand in ZULU carries tags that Kite itself writes (`mktp`, `mktp:2.00`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cases.at_kite import OddHoldings, at_kite
from tests.integration.execution.conftest import trading
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, D, Trading, stock
from tradectl.brokers.kite.rows import orders

__all__ = ["trading"]

FILE = Path(__file__).parent / "13-mktp-tag" / "orders.json"
ROW: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["data"][0]
FLAT = (9500, 9600, 9300, 9400)
"""A day on which nothing reaches the target."""
TAGS = [
    {"tags": ["mktp", "mktp:2.00"]},
    {"tag": "mktp", "tags": None},
    {"tags": ["autoslice", "autoslice:260824000999998"]},
    {"tag": "autoslice:260824000999998"},
    {"tags": ["iceberg"]},
    {"tags": ["MKTP"]},
    {"tag": "", "tags": []},
    {"tags": ["app", "breakout2"]},
]
"""What Kite and other programs write; none has the shape of a tag of ours."""


@pytest.fixture
def kite(trading: Callable[..., Trading]) -> Iterator[tuple[Trading, OddHoldings]]:
    """117 ALPHA, bought yesterday, at Kite; it is 10:00."""
    market: Trading = trading(stock("ALPHA", on={D: FLAT, AFTER: FLAT}), stock("ZULU"))
    market.buy(117, 9600, symbol="ALPHA")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    with at_kite(market) as sandbox:
        yield market, sandbox


@pytest.mark.parametrize("tags", TAGS, ids=str)
def test_an_order_by_hand_stays_one(kite: tuple[Trading, OddHoldings], tags: dict[str, Any]) -> None:
    market, sandbox = kite
    sandbox.more_orders = [ROW | tags]
    found = result_of(market, "reconcile")
    assert (found["agrees"], found["orders"], found["unknown"]) == (True, [], [])
    assert [(order["symbol"], order["broker_order_id"]) for order in found["external"]] == [("ZULU", ROW["order_id"])]
    assert operate(market, "sell-monitor", "--once").code == 0
    assert result_of(market, "status")["unprotected"] == []
    assert [order["symbol"] for order in result_of(market, "orders", "list") if order["side"] == "SELL"] == ["ALPHA"]
    assert not market.ledger.logs.list(action="order_unexplained")


def test_a_tag_of_ours_beside_kites_own_counts(kite: tuple[Trading, OddHoldings]) -> None:
    """The neighbour: a tag of our shape that the ledger cannot explain still blocks its symbol."""
    market, sandbox = kite
    row = ROW | {"tag": "mktp", "tags": ["mktp", "ABCDEFGHIJKLMNO", "mktp:2.00"], "order_timestamp": "2023-07-19 09:15:05"}
    sandbox.more_orders = [row]
    said = operate(market, "reconcile")
    assert (said.code, "Unresolved orders" in said.out, "ZULU" in said.out) == (7, True, True)
    market.to(AFTER, "10:02")
    sandbox.more_orders = [row | {"price": 102.345}]
    (odd,) = orders(sandbox.more_orders).odd
    assert (odd.symbol, odd.field, odd.tag) == ("ZULU", "price", "ABCDEFGHIJKLMNO")
