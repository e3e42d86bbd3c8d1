"""Value the open lots at the end of a backtest at the last stored price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, time
from typing import Any

from msgspec import Struct

from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import Tariff
from tradectl.model.history import History
from tradectl.model.moment import at_ist
from tradectl.model.money import Paise, share_out, to_rupees
from tradectl.model.order import Fill, Side
from tradectl.model.position import Folded

COLUMNS = ("symbol", "entry", ">quantity", ">bought at", ">last price", "price date", ">unrealised", ">after charges")


class OpenLot(Struct, frozen=True):
    """Hold the unsold shares of one buy. Amounts are in paise.

    Attributes:
        quantity: Shares after the splits and bonuses since the buy.
        entry_quantity: Shares as bought.
        unrealised: Result at the last price, before charges.
        charges: Charges of the buy.
        sale_charges: Charges of a sale at the last price.
    """

    symbol: str
    entry_session: date
    quantity: int
    entry_quantity: int
    entry_price: Paise
    last_price: Paise
    last_session: date
    unrealised: Paise
    charges: Paise
    sale_charges: Paise

    @property
    def after_charges(self) -> Paise:
        """Return the net result in paise if the lot were sold at its last price."""
        return self.unrealised - self.charges - self.sale_charges

    @property
    def row(self) -> dict[str, Any]:
        """Return the lot as a JSON row. Amounts are rupees as text with two decimals."""
        return {
            "symbol": self.symbol,
            "quantity": self.quantity,
            "entry_session": self.entry_session.isoformat(),
            "entry_quantity": self.entry_quantity,
            "entry_price": to_rupees(self.entry_price),
            "last_price": to_rupees(self.last_price),
            "last_session": self.last_session.isoformat(),
            "unrealised": to_rupees(self.unrealised),
            "charges": to_rupees(self.charges),
            "sale_charges": to_rupees(self.sale_charges),
            "unrealised_after_charges": to_rupees(self.after_charges),
        }


def open_lots(folded: Folded, history: History, end: date, tariff: Tariff, symbol: str) -> tuple[OpenLot, ...]:
    """Return the open lots of one instrument, oldest first. `symbol`: the instrument's symbol on the date `end`.

    The last price is the close of the last bar up to `end`. The charges of a delivery sale of all shares on that session are
    divided among the lots by quantity.
    """
    index = history.last_index(end)
    if not folded.quantity or index < 0:
        return ()
    last, session = int(history.close[index]), history.session(index)
    at = at_ist(session, time(15, 30))
    sale = day_charges(session, [Fill("sale", "", Side.SELL, folded.quantity, last, session, at)], tariff).total
    parts = share_out(sale, [lot.quantity for lot in folded.lots])
    return tuple(
        OpenLot(
            symbol=symbol,
            entry_session=lot.session,
            quantity=lot.quantity,
            entry_quantity=lot.entry_quantity,
            entry_price=lot.entry_price,
            last_price=last,
            last_session=session,
            unrealised=lot.quantity * last - lot.cost,
            charges=lot.charges,
            sale_charges=part,
        )
        for lot, part in zip(folded.lots, parts, strict=True)
    )


def total(lots: Sequence[OpenLot]) -> dict[str, Any]:
    """Return the number and the sums of all open lots. Amounts are rupees as text."""
    return {
        "lots": len(lots),
        "unrealised": to_rupees(sum(lot.unrealised for lot in lots)),
        "unrealised_after_charges": to_rupees(sum(lot.after_charges for lot in lots)),
    }


def cells(row: dict[str, Any], shown: Callable[[str], str]) -> tuple[Any, ...]:
    """Return a JSON row as the cells of `COLUMNS`. `shown` formats rupees."""
    entry_price, last_price = shown(row["entry_price"]), shown(row["last_price"])
    results = (shown(row[name]) for name in ("unrealised", "unrealised_after_charges"))
    return row["symbol"], row["entry_session"], row["quantity"], entry_price, last_price, row["last_session"], *results
