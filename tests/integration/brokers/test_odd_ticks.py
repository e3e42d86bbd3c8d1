"""A tick that cannot be true is no price: the symbol's price is asked for, and the tick is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tradectl.brokers.account.prices import StreamedPrices
from tradectl.brokers.http.stream import Frame, PriceStream
from tradectl.clock import VirtualClock
from tradectl.model.market import Quote
from tradectl.model.odd_rows import odd_of

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
GOOD = Quote("ACME", 101_00, NOW, "stream", last_trade_at=NOW, open=100_00, high=102_00, low=99_00, volume=10)


class Ticks(PriceStream[int]):
    """A stream whose connection is never made; a test hands it its ticks."""

    def __enter__(self) -> Ticks:
        self.trouble = ""
        return self

    def __exit__(self, *_: object) -> None: ...
    def _token(self, symbol: str) -> int:
        return 1

    def _address(self) -> tuple[str, Mapping[str, str]]:
        return "", {}

    def _handshake(self, socket: ClientConnection, frames: Iterator[Frame]) -> None: ...
    def _send_subscription(self, socket: ClientConnection, tokens: Sequence[int]) -> None: ...
    def _read_frame(self, frame: Frame) -> None: ...


class Asked:
    """Answers with 100 rupees."""

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return {symbol: replace(GOOD, symbol=symbol, last=100_00, source="asked") for symbol in symbols}


@pytest.mark.parametrize(
    "odd",
    [
        {"last": 0}, {"last": -1}, {"last": 10**17}, {"low": 103_00}, {"open": -5}, {"volume": -1}, {"high": 10**12},
        {"at": NOW + timedelta(minutes=5)}, {"at": datetime(1970, 1, 1, tzinfo=UTC)}, {"last_trade_at": NOW + timedelta(days=1)},
    ],
    ids=str,
)  # fmt: skip
def test_an_odd_tick_is_asked_for_and_named(odd: dict[str, Any]) -> None:
    clock = VirtualClock(NOW)
    ticks = Ticks("Kite", clock, 10, pause=1, silence=timedelta(minutes=1))
    prices = StreamedPrices(Asked(), ticks, clock)  # type: ignore[arg-type]
    ticks._store_quote("ACME", GOOD)
    ticks._store_quote("ACME", replace(GOOD, **odd))
    found = prices.quotes(["ACME", "BETA"])
    assert {name: (quote.last, quote.source) for name, quote in found.items()} == {
        "ACME": (100_00, "asked"),
        "BETA": (100_00, "asked"),
    }
    assert [(row.symbol, str(row.kind), row.field in odd) for row in odd_of(found)] == [("ACME", "tick", True)]
    clock.sleep(1)
    ticks._store_quote("ACME", replace(GOOD, at=clock.now()))
    found = prices.quotes(["ACME"])
    assert (found["ACME"].source, odd_of(found)) == ("stream", ())
