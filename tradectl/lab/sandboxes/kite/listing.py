"""Make today's list of instruments, with tokens and the symbols that Kite makes of symbol and series."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from msgspec import Struct

from tradectl.lab.sandboxes.kite.errors import KiteError, invalid
from tradectl.model.market import Instrument
from tradectl.model.money import to_rupees
from tradectl.ports import MarketData

SEGMENT = 1
"""The last byte of a token: NSE."""
_FIRST = 1000
_COLUMNS = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry", "strike", "tick_size", "lot_size",
    "instrument_type", "segment", "exchange",
)  # fmt: skip


class KiteListRow(Struct, frozen=True):
    """One instrument on one date."""

    instrument: Instrument
    token: int

    @property
    def tradingsymbol(self) -> str:
        series = self.instrument.series
        return self.instrument.symbol if series == "EQ" else f"{self.instrument.symbol}-{series}"


class KiteList:
    """The list of a market's universe. An instrument keeps its token when its symbol changes."""

    def __init__(self, market: MarketData, universe: str) -> None:
        self._market, self._universe = market, universe
        self._day = date.min
        self._entries: Mapping[str, KiteListRow] = {}
        self._by_symbol: Mapping[str, KiteListRow] = {}

    def on(self, day: date) -> KiteList:
        """Set this list to its state on a date and return the list."""
        if day != self._day:
            ids = self._market.universe(self._universe)
            made = [
                KiteListRow(self._market.instrument(name, day), number * 256 + SEGMENT) for number, name in enumerate(ids, _FIRST)
            ]
            self._entries = {entry.tradingsymbol: entry for entry in made}
            self._by_symbol = {entry.instrument.symbol: entry for entry in made}
            self._day = day
        return self

    def require(self, tradingsymbol: str) -> KiteListRow:
        """Return the row of a Kite symbol. Raises KiteError 400."""
        found = self._entries.get(tradingsymbol)
        if found is None:
            raise invalid("The instrument you are placing an order for has either expired or does not exist.")
        return found

    def find(self, tradingsymbol: str) -> KiteListRow | None:
        return self._entries.get(tradingsymbol)

    def by_token(self, token: str) -> KiteListRow:
        """Return the row of an instrument token. Raises KiteError 400."""
        for entry in self._entries.values():
            if str(entry.token) == token:
                return entry
        raise KiteError(400, "InputException", "invalid token")

    def of_tokens(self, tokens: Collection[int]) -> list[KiteListRow]:
        return [entry for entry in self._entries.values() if entry.token in tokens]

    def named(self, symbol: str) -> tuple[str, int]:
        """Return Kite's symbol and token for the exchange's symbol; the token is 0 if it is not listed."""
        entry = self._by_symbol.get(symbol)
        return (entry.tradingsymbol, entry.token) if entry is not None else (symbol, 0)

    def isin(self, symbol: str) -> str:
        entry = self._by_symbol.get(symbol)
        return (entry.instrument.isin or "") if entry is not None else ""

    def series(self, symbol: str) -> str:
        entry = self._by_symbol.get(symbol)
        return entry.instrument.series if entry is not None else "EQ"

    def csv(self) -> bytes:
        """Return the list as CSV."""
        lines = [",".join(_COLUMNS)]
        for entry in self._entries.values():
            known = entry.instrument
            name = known.name.replace(",", " ")
            tick, lot = to_rupees(known.tick_size), known.lot_size
            lines.append(f"{entry.token},{entry.token >> 8},{entry.tradingsymbol},{name},0,,0,{tick},{lot},EQ,NSE,NSE")
        return ("\n".join(lines) + "\n").encode()
