"""A screen with prices on it: a source of live prices that a test holds in its hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tradectl.errors import SourceUnavailable
from tradectl.model.market import Quote


class Screen:
    """Shows what was put on it, until it is switched off."""

    delay = timedelta(minutes=15)

    def __init__(self) -> None:
        self.shown: dict[str, Quote] = {}
        self.off = False
        self.asked = 0

    def show(self, last: int, at: datetime, *, opened: int, symbol: str = "ACME") -> None:
        before = self.shown.get(symbol)
        high = max(last, opened, before.high or 0) if before else max(last, opened)
        low = min(last, opened, before.low or last) if before else min(last, opened)
        self.shown[symbol] = Quote(
            symbol, last, at, "screen", self.delay, last_trade_at=at, open=opened, high=high, low=low, volume=1000
        )

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        self.asked += 1
        if self.off:
            raise SourceUnavailable("the screen is off")
        return {symbol: self.shown[symbol] for symbol in symbols if symbol in self.shown}
