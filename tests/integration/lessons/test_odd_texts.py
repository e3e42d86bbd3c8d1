"""A broker's text with odd characters, or without an end, stops no task: the monitor names the position and keeps the reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.cases.at_kite import OddHoldings, at_kite
from tests.integration.tasks.test_unprotected import FLAT, Make
from tests.support.hands import operate
from tests.support.trading import AFTER, D, Trading, stock
from tradectl.brokers.http.strict_json import BRIEF
from tradectl.lab.sandboxes.server import Request
from tradectl.model.order import Side

ODD = {"half a character": "bad \ud800 price", "a NUL": "bad \x00 price", "a terminal's command": "bad \x1b[31m price"}


def talking(kite: OddHoldings, monkeypatch: pytest.MonkeyPatch, status: str, words: str) -> None:
    """The server's order book says this of every order."""
    told = type(kite)._data

    def data(self: OddHoldings, request: Request, parts: tuple[str, ...]) -> Any:
        found = told(self, request, parts)
        if parts == ("orders",):
            return [{**row, "status": status, "status_message": words} for row in found]
        return found

    monkeypatch.setattr(type(kite), "_data", data)


def bought(trading: Make) -> Trading:
    market: Trading = trading(stock(on={D: FLAT, AFTER: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "10:00")
    return market


@pytest.mark.parametrize("words", [*ODD.values(), "x" * 200_000], ids=[*ODD, "no end"])
@pytest.mark.parametrize(("status", "first"), [("REJECTED", 11), ("SOMETHING NEW", 0)])
def test_the_monitor_goes_on(trading: Make, monkeypatch: pytest.MonkeyPatch, words: str, status: str, first: int) -> None:
    """An unknown word proves neither an end nor a cover: it is reported after `unprotected_positions.REACTION`."""
    market = bought(trading)
    with at_kite(market) as kite:
        assert operate(market, "sell-monitor", "--once").code == 0
        talking(kite, monkeypatch, status, words)
        for at, code in (("10:01", first), ("10:02", 11)):
            market.to(AFTER, at)
            said = operate(market, "sell-monitor", "--once")
            assert (said.code, "bug" in said.err) == (code, False)
            assert len(said.err) < 3 * BRIEF
        assert operate(market, "status").code == 11
        (sell,) = market.orders(Side.SELL, AFTER)
    assert len(sell.reason) <= BRIEF
    assert sell.reason.isprintable()
    assert sell.reason.encode()
