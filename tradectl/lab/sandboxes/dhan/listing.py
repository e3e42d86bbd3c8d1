"""Make the list of instruments of the segment NSE_EQ, with security ids and the columns that clients read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tradectl.lab.sandboxes.dhan.errors import DhanError, bad_value
from tradectl.model.market import Instrument
from tradectl.ports import MarketData

SEGMENT = "NSE_EQ"
_FIRST = 1000
_COLUMNS = (
    "EXCH_ID", "SEGMENT", "SECURITY_ID", "ISIN", "INSTRUMENT", "UNDERLYING_SECURITY_ID", "UNDERLYING_SYMBOL", "SYMBOL_NAME",
    "DISPLAY_NAME", "INSTRUMENT_TYPE", "SERIES", "LOT_SIZE", "SM_EXPIRY_DATE", "STRIKE_PRICE", "OPTION_TYPE", "TICK_SIZE",
)  # fmt: skip


class DhanList:
    """The list of all instruments of a market. An instrument keeps its security id when its symbol changes."""

    def __init__(self, market: MarketData) -> None:
        self._market = market
        self._day = date.min
        self._by_id: Mapping[str, Instrument] = {}
        self._ids: Mapping[str, str] = {}

    def on(self, day: date) -> DhanList:
        """Set this list to its state on a date and return the list."""
        if day != self._day:
            names = self._market.universe("all")
            self._by_id = {str(number): self._market.instrument(name, day) for number, name in enumerate(names, _FIRST)}
            self._ids = {instrument.symbol: number for number, instrument in self._by_id.items()}
            self._day = day
        return self

    def require(self, security_id: str) -> Instrument:
        """Return an instrument. Raises DhanError DH-905 for an unknown id."""
        found = self._by_id.get(security_id)
        if found is None:
            raise bad_value()
        return found

    def find(self, security_id: str) -> Instrument | None:
        """Return an instrument by its security id; None for an unknown id."""
        return self._by_id.get(security_id)

    def id_of(self, symbol: str) -> str:
        """Return the security id of a symbol; `0` if it is not listed."""
        return self._ids.get(symbol, "0")

    def isin(self, symbol: str) -> str:
        """Return the ISIN of a symbol; empty if it is not known."""
        found = self._by_id.get(self.id_of(symbol))
        return (found.isin or "") if found is not None else ""

    def series(self, symbol: str) -> str:
        """Return the series of a symbol; EQ if it is not listed."""
        found = self._by_id.get(self.id_of(symbol))
        return found.series if found is not None else "EQ"

    def csv(self, segment: str) -> bytes:
        """Return the list as CSV, with ticks in paise as in 2026. Raises DhanError for another segment."""
        if segment != SEGMENT:
            raise DhanError("DH-905", "This sandbox lists NSE_EQ alone.")
        lines = [",".join(_COLUMNS)]
        for number, known in self._by_id.items():
            name = known.name.replace(",", " ") or known.symbol
            facts = f"{known.symbol},{name},{name},ES,{known.series},{known.lot_size}.0"
            lines.append(f"NSE,E,{number},{known.isin or 'NA'},EQUITY,,{facts},,,,{known.tick_size}.0000")
        return ("\n".join(lines) + "\n").encode()
