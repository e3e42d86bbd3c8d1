"""`buy` by the real runner, over sockets, at a broker that carries the order out and does not say so: it is bought once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.sandboxes.test_lines import AtKite, AtKotak, Far
from tests.support.trading import T, stock
from tradectl.lab.sandboxes.ambiguous_replies import SHAPES
from tradectl.lab.sandboxes.response import Shape
from tradectl.model.order import OrderStatus, Side

FAR: dict[str, type[Far]] = {"kite": AtKite, "kotak_neo": AtKotak}
TRIED = {
    "kite": ("429 with a message", "429 NetworkException", "400 OrderException", "403 with a page", "order id: null",
             "order id: 5000 digits", "nested deep", "half the JSON", "reset within the reply", "302 to an unreadable address"),
    "kotak_neo": ("408 with an error", "200 without an order (3)", "Kotak error (1)", "Kotak error (11)", "429 without a body",
                  "Kotak OK without an order number", "order id: a list", "nested deep beside the order id"),
}  # fmt: skip


def shape(name: str, words: str) -> Shape:
    (found,) = (item for item in SHAPES[name] if item.name == words)
    return found


@pytest.mark.parametrize(("name", "words"), [(name, words) for name in TRIED for words in TRIED[name]])
def test_an_order_done_and_answered_otherwise_is_bought_once(name: str, words: str, tmp_path: Path) -> None:
    market = FAR[name](tmp_path, stock())
    try:
        market.account_broker.quotes(["ACME"])
        for path in ("/orders/", "/quick/order/rule"):
            market.sandbox.trouble(shape(name, words), method="POST", path=path)
        first = market.run("buy", session=T)
        assert first.exit_code in {0, 7}, first
        assert len(market.broker.orders()) == 1
        market.run("buy", session=T, force=True)
        (there,) = market.broker.orders()
        (ours,) = market.orders(Side.BUY)
        assert (ours.broker_order_id, ours.status) == (there.broker_order_id, OrderStatus.PENDING)
    finally:
        market.sandbox.stop()
        market.broker.close()
