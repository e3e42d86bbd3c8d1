"""Make holdings, positions, margins and contract notes of an account from the exchange's current state.

Kite reports the start of the day (holdings, opening balance) separately from the day (positions, trades). So the start of the
day is computed from the current state and today's trades. As at a broker, shares of a corporate action are in no row before the
depository credits them. A virtual contract note has one order's charges without the depository's charge (kiteconnect-mocks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import ZERODHA
from tradectl.lab.sandboxes.kite.listing import KiteList
from tradectl.lab.sandboxes.kite.rows import rupees
from tradectl.lab.sandboxes.start_of_day import mornings, sums
from tradectl.model.moment import ist_date
from tradectl.model.order import Fill, Funds, Holding, Side, TradeReport


def holdings(
    now: Sequence[Holding], trades: Sequence[TradeReport], listing: KiteList, *, t1_inside: bool
) -> list[dict[str, Any]]:
    """Return rows of GET /portfolio/holdings. `t1_inside`: whether `quantity` includes T1 shares (undocumented)."""
    return [
        _holding(listing, item.symbol, item.whole, item.fresh, item.used, t1_inside=t1_inside)
        for item in mornings(now, trades, listing.series)
    ]


def _holding(listing: KiteList, symbol: str, whole: int, fresh: int, used: int, *, t1_inside: bool) -> dict[str, Any]:
    tradingsymbol, token = listing.named(symbol)
    return {
        "tradingsymbol": tradingsymbol,
        "exchange": "NSE",
        "instrument_token": token,
        "isin": listing.isin(symbol),
        "product": "CNC",
        "price": 0,
        "quantity": whole if t1_inside else whole - fresh,
        "used_quantity": used,
        "t1_quantity": fresh,
        "realised_quantity": whole - fresh,
        "authorised_quantity": 0,
        "authorised_date": None,
        "authorisation": {},
        "opening_quantity": whole,
        "short_quantity": 0,
        "collateral_quantity": 0,
        "collateral_type": "",
        "discrepancy": False,
        "average_price": 0,
        "last_price": 0,
        "close_price": 0,
        "pnl": 0,
        "day_change": 0,
        "day_change_percentage": 0,
        "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0, "value": 0, "initial_margin": 0},
    }


def positions(trades: Sequence[TradeReport], listing: KiteList) -> dict[str, Any]:
    """Return the data of GET /portfolio/positions. For delivery it contains only today's trades."""
    rows = [_position(trades, symbol, listing) for symbol in dict.fromkeys(trade.symbol for trade in trades)]
    return {"net": rows, "day": rows}


def _position(trades: Sequence[TradeReport], symbol: str, listing: KiteList) -> dict[str, Any]:
    tradingsymbol, token = listing.named(symbol)
    (bought, cost), (sold, proceeds) = sums(trades, symbol, Side.BUY), sums(trades, symbol, Side.SELL)
    row: dict[str, Any] = {
        "tradingsymbol": tradingsymbol,
        "exchange": "NSE",
        "instrument_token": token,
        "product": "CNC",
        "quantity": bought - sold,
        "overnight_quantity": 0,
        "multiplier": 1,
        "average_price": 0,
        "value": rupees(proceeds - cost),
    }
    for name, quantity, value in (("buy", bought, cost), ("sell", sold, proceeds)):
        price = value / quantity / 100 if quantity else 0
        row |= {f"{name}_quantity": quantity, f"{name}_price": price}
        row |= {f"{name}_value": rupees(value), f"{name}_m2m": rupees(value)}
        row |= {f"day_{name}_quantity": quantity, f"day_{name}_price": price, f"day_{name}_value": rupees(value)}
    return row | dict.fromkeys(("close_price", "last_price", "pnl", "m2m", "unrealised", "realised"), 0)


def equity(funds: Funds, opening: int) -> dict[str, Any]:
    """Return the data of GET /user/margins/equity; `opening` in paise. `delivery`: sale proceeds that cannot be used yet."""
    zero = dict.fromkeys(
        (
            "exposure", "m2m_realised", "m2m_unrealised", "option_premium", "payout", "span", "turnover", "liquid_collateral",
            "stock_collateral", "holding_sales",
        ),
        0,
    )  # fmt: skip
    return {
        "enabled": True,
        "net": rupees(funds.available),
        "available": {
            "adhoc_margin": 0,
            "cash": rupees(opening),
            "opening_balance": rupees(opening),
            "live_balance": rupees(funds.available),
            "collateral": 0,
            "intraday_payin": 0,
        },
        "utilised": zero | {"debits": rupees(opening - funds.available), "delivery": rupees(_withheld(funds))},
    }


def _withheld(funds: Funds) -> int:
    return funds.cash - funds.blocked - funds.available


def commodity() -> dict[str, Any]:
    """Return the segment `commodity` of GET /user/margins, in which this account has nothing."""
    return {**equity(Funds(0, 0, 0), 0), "enabled": False}


def note(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the requested order's row with its charges."""
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
