"""Over sockets: whatever the rows of others look like in a broker's lists, our orders, trades, shares and prices are the same.

TRADECTL_FUZZ of 1,000 and more tries 200 answers of each list at each broker.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from tests.property.brokers.test_fuzz import COUNT
from tests.support.benches import BENCHES
from tests.support.brokers.fuzzing import ODD, broken, changed
from tests.support.zerodha import browse
from tradectl.brokers.adapter import adapter
from tradectl.errors import TradectlError
from tradectl.lab.conformance import Bench
from tradectl.lab.sandboxes.fixture import FRIDAY, MONDAY, OPEN, TUESDAY, Fixture, ist
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.model.order import OrderStatus

ROUNDS = min(200, max(8, COUNT // 5))


def fuzzed(random: Random, content: bytes) -> bytes:
    """Put one to three broken rows of ZULU into every list of an answer that has rows."""
    document = json.loads(content)
    rest = [document]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            rest.extend(item.values())
        elif isinstance(item, list) and item and all(isinstance(row, dict) for row in item):
            right = list(item)
            for _ in range(random.randint(1, 3)):
                row = json.loads(json.dumps(random.choice(right)).replace("ACME", "ZULU"))
                row |= {name: "990000000000001" for name in ("order_id", "nOrdNo", "orderid") if name in row}
                row |= {name: "INE999Z01011" for name in ("isin", "pISIN") if name in row}
                row |= {name: None for name in ("tag", "tags", "GuiOrdId") if name in row}
                row |= {name: "7" for name in ("exchange_token", "flId", "tradeid", "trade_id") if name in row}
                odd = changed(random, row) if random.random() < 0.8 else deepcopy(random.choice(ODD))
                item.insert(random.randint(0, len(item)), odd)
    return json.dumps(document).encode()


def own(broker: Any, number: str) -> tuple[Any, ...]:
    """What the lists say of our symbol."""
    orders = [item for item in broker.orders() if item.broker_order_id == number]
    trades = [item for item in broker.trades() if item.symbol == "ACME"]
    holdings = [item for item in broker.holdings() if item.symbol == "ACME"]
    return orders, trades, holdings, broker.quotes(["ACME"])["ACME"].last


@pytest.mark.parametrize("name", ["kite", "kotak_neo", "openalgo"])
def test_rows_of_others_change_nothing_of_ours(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench: Bench = BENCHES[name](Fixture(tmp_path, ist(FRIDAY, "10:00")))
    try:
        bench.buy(10, OPEN)
        bench.to(MONDAY, "10:00")
        bench.to(TUESDAY, "10:00")
        bench.buy(5, OPEN)
        bench.to(TUESDAY, "10:05")
        number = bench.sell(10, OPEN + 400)
        right = own(bench.broker, number)
        assert [item.status for item in right[0]] == [OrderStatus.ONGOING]
        assert [len(part) for part in right[:3]] == [1, 1, 1]
        random = Random(name)
        told: Callable[[Request], Response] = bench.sandbox.answer

        def answer(request: Request) -> Response:
            found = told(request)
            return replace(found, body=fuzzed(random, found.body)) if found.body[:1] in {b"{", b"["} else found

        monkeypatch.setattr(bench.sandbox, "answer", answer)
        for _ in range(ROUNDS):
            assert own(bench.broker, number) == right
    finally:
        bench.close()


@pytest.mark.parametrize("name", ["kite", "kotak_neo", "openalgo"])
def test_a_broken_reply_to_a_login_is_one_error_of_ours(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench: Any = BENCHES[name](Fixture(tmp_path, ist(FRIDAY, "10:00")))
    try:
        random = Random(name)
        told: Callable[[Request], Response] = bench.sandbox.answer

        def answer(request: Request) -> Response:
            found = told(request)
            return replace(found, body=broken(random, json.loads(found.body))) if found.body[:1] in {b"{", b"["} else found

        monkeypatch.setattr(bench.sandbox, "answer", answer)
        for _ in range(ROUNDS):
            with suppress(TradectlError):
                session = adapter(name).login(bench.account, browse)
                secrets = [word for name, word in session.tokens.items() if not name.startswith("user_")]
                assert all(word.isascii() and word.isprintable() and len(word) < 10_000 for word in secrets)
    finally:
        bench.close()
