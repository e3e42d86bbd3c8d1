"""Make virtual contract notes: an order's charges by itself, without the depository's (source: kiteconnect-mocks)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import ZERODHA
from tradectl.lab.sandboxes.kite.rows import rupees
from tradectl.model.moment import ist_date
from tradectl.model.order import Fill, Side


def note(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the row of the request, with its charges."""
    day, side, value = ist_date(now), Side(row["transaction_type"]), round(row["quantity"] * row["average_price"] * 100)
    charged = day_charges(day, [Fill("1", row["tradingsymbol"], side, 1, value, day, now, 1)], ZERODHA)
    lines = charged.buy if side is Side.BUY else charged.sell
    gst = rupees(lines.gst)
    charges = {
        "transaction_tax": rupees(lines.stt),
        "transaction_tax_type": "stt",
        "exchange_turnover_charge": rupees(lines.transaction + lines.ipft),
        "sebi_turnover_charge": rupees(lines.sebi),
        "brokerage": rupees(lines.brokerage),
        "stamp_duty": rupees(lines.stamp),
        "gst": {"igst": gst, "cgst": 0, "sgst": 0, "total": gst},
        "total": rupees(lines.total - lines.dp),
    }
    return {**row, "price": row["average_price"], "charges": charges}
