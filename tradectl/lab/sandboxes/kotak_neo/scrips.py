"""Make today's list of instruments from the market data: each share in its series, and also in the block-deal series BL."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from functools import cached_property
from io import StringIO

from msgspec import Struct

from tradectl.brokers.kotak_neo.paths import SEGMENT
from tradectl.errors import UsageError
from tradectl.model.market import Instrument
from tradectl.model.moment import ist_date
from tradectl.ports import Clock, MarketData

FIRST_TOKEN = 1001
BLOCKS = 50_000
"""The difference between the tokens of a share's block-deal series and its own series."""
COLUMNS = (
    "pSymbol", "pGroup", "pExchSeg", "pInstType", "pSymbolName", "pTrdSymbol", "pISIN", "pDesc", "dTickSize", "lLotSize",
    "lPrecision", "dStrikePrice;", "pSettlementType", "iBoardLotQty",
)  # fmt: skip
"""Some of Kotak's columns. `dStrikePrice;` is a typing error of Kotak."""


class KotakListed(Struct, frozen=True):
    """An instrument with its token in Kotak's list."""

    token: str
    instrument: Instrument

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def trading_symbol(self) -> str:
        return f"{self.instrument.symbol}-{self.instrument.series}"


class ScripList:
    """Today's list of instruments. `market` is opened in the thread of the first call.

    `series`: by symbol, a series that differs from the one in the market data.
    """

    def __init__(self, market: Callable[[], MarketData], clock: Clock) -> None:
        self._make, self._clock = market, clock
        self.series: dict[str, str] = {}
        self._of: tuple[date, dict[str, KotakListed]] | None = None

    @cached_property
    def market(self) -> MarketData:
        return self._make()

    def all(self) -> dict[str, KotakListed]:
        """Return all instruments by token."""
        day = ist_date(self._clock.now())
        if self._of is None or self._of[0] != day:
            found = enumerate(self.market.universe("all"), FIRST_TOKEN)
            self._of = day, {str(token): KotakListed(str(token), self.market.instrument(name, day)) for token, name in found}
        return self._of[1]

    def by_trading_symbol(self, name: str) -> KotakListed | None:
        """Return an instrument by a name such as ACME-EQ; None if it is not listed."""
        return next((listed for listed in self.all().values() if listed.trading_symbol == name), None)

    def of(self, symbol: str) -> KotakListed:
        """Return the instrument with this symbol today or earlier. Raises UsageError if there is none."""
        try:
            name = self.market.find(symbol, ist_date(self._clock.now()))
        except UsageError:
            name = symbol
        for listed in self.all().values():
            if name == listed.instrument.instrument_id or symbol == listed.symbol:
                return listed
        raise UsageError(f"{symbol} is not listed")

    def csv(self) -> str:
        """Return the CSV file of NSE's cash segment."""
        text = StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        for listed in self.all().values():
            series = self.series.get(listed.symbol, listed.instrument.series)
            writer.writerow(_row(listed.token, listed.instrument, series))
            writer.writerow(_row(str(int(listed.token) + BLOCKS), listed.instrument, "BL"))
        return text.getvalue()


def _row(token: str, instrument: Instrument, series: str) -> dict[str, object]:
    return {
        "pSymbol": token,
        "pGroup": series,
        "pExchSeg": SEGMENT,
        "pInstType": "",
        "pSymbolName": instrument.symbol,
        "pTrdSymbol": f"{instrument.symbol}-{series}",
        "pISIN": instrument.isin or "",
        "pDesc": instrument.name,
        "dTickSize": instrument.tick_size,
        "lLotSize": instrument.lot_size,
        "lPrecision": 2,
        "dStrikePrice;": -1,
        "pSettlementType": "T+1",
        "iBoardLotQty": 1,
    }
