"""Convert lots and gains to JSON values: rupees as text, dates as ISO text, each figure with the trades that it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradectl.exchange.charge_parts import LINES
from tradectl.model.money import to_rupees
from tradectl.papers.bridge import Bridge
from tradectl.tax.account import AccountTax
from tradectl.tax.events import DOUBTS
from tradectl.tax.gains import Gain, SpeculativeGain, long_from
from tradectl.tax.lot import Lot
from tradectl.tax.rules import Term, Treated
from tradectl.tax.year import Bucket, TaxYear

WINDOWS = ("to_15_june", "to_15_september", "to_15_december", "to_15_march", "to_31_march")
"""The windows of advance tax, in their order."""


def lot_value(lot: Lot) -> dict[str, Any]:
    """Return an open lot."""
    return {
        "symbol": lot.symbol,
        "isin": lot.isin,
        "acquired": lot.acquired.isoformat() if lot.acquired else None,
        "long_from": long_from(lot.acquired).isoformat() if lot.acquired else None,
        "quantity": lot.quantity,
        "cost": to_rupees(lot.cost),
        "charges": charges_value(lot.charges),
        "origin": lot.origin,
        "entry_quantity": lot.entry_quantity,
        "entry_price": to_rupees(lot.entry_price),
        "trade": lot.trade_id,
        "source": lot.source,
        "doubts": list(lot.doubts),
    }


def gain_value(gain: Gain) -> dict[str, Any]:
    """Return a disposal with its lot, its rule and its trades."""
    lot, sale = gain.disposal.lot, gain.disposal.sale
    return {
        "symbol": sale.symbol,
        "isin": lot.isin,
        "acquired": lot.acquired.isoformat() if lot.acquired else None,
        "sold": sale.session.isoformat(),
        "quantity": gain.disposal.quantity,
        "term": str(gain.term),
        "section": gain.section,
        "rate_percent": None if gain.rate is None else float(gain.rate),
        "proceeds": to_rupees(gain.proceeds),
        "price": to_rupees(sale.price),
        "actual_cost": to_rupees(gain.actual_cost),
        "fair_value": None if gain.fair_value is None else to_rupees(gain.fair_value),
        "cost": to_rupees(gain.cost),
        "expenses": to_rupees(gain.expenses),
        "gain": None if gain.term is Term.UNKNOWN else to_rupees(gain.gain),
        "deemed_dividend": to_rupees(gain.deemed_dividend),
        "buyback": sale.buyback,
        "origin": lot.origin,
        "charges_of_purchase": charges_value(lot.charges),
        "charges_of_sale": charges_value(gain.disposal.charges),
        "purchase": lot.trade_id,
        "purchase_source": lot.source,
        "sale": sale.trade_id,
        "sale_source": sale.source,
        "doubts": list(gain.doubts),
    }


def speculative_value(item: SpeculativeGain) -> dict[str, Any]:
    """Return a same-day trade."""
    trade = item.trade
    return {
        "symbol": trade.sale.symbol,
        "session": trade.sale.session.isoformat(),
        "quantity": trade.quantity,
        "cost": to_rupees(trade.cost),
        "proceeds": to_rupees(trade.proceeds),
        "charges": charges_value(trade.buy_charges + trade.sale_charges),
        "gain": to_rupees(item.gain),
        "section": item.section,
        "purchase": trade.buy.trade_id,
        "sale": trade.sale.trade_id,
        "doubts": list(item.doubts),
    }


def charges_value(charges: Treated) -> dict[str, str]:
    """Return charges by their treatment."""
    return {
        "deducted": to_rupees(charges.deducted),
        "not_deducted": to_rupees(charges.not_deducted),
        "doubtful": to_rupees(charges.doubtful),
    }


def bucket_value(bucket: Bucket) -> dict[str, Any]:
    """Return the sums of one term, section and rate."""
    return {
        "term": str(bucket.term),
        "section": bucket.section,
        "rate_percent": None if bucket.rate is None else float(bucket.rate),
        "lots": bucket.lots,
        "proceeds": to_rupees(bucket.proceeds),
        "cost": to_rupees(bucket.cost),
        "expenses": to_rupees(bucket.expenses),
        "gain": to_rupees(bucket.gain),
        "profits": to_rupees(bucket.profits),
        "losses": to_rupees(bucket.losses),
        "windows": {name: to_rupees(amount) for name, amount in zip(WINDOWS, bucket.windows, strict=True)},
    }


def year_value(found: TaxYear) -> dict[str, Any]:
    """Return the figures of a year, with every disposal behind them."""
    return {
        "year": str(found.year),
        "buckets": [bucket_value(item) for item in found.buckets],
        "exemption": to_rupees(found.exemption),
        "exempt": to_rupees(found.exempt),
        "deemed_dividends": to_rupees(found.deemed_dividends),
        "charges": charges_value(found.charges),
        "charge_lines": {name: to_rupees(getattr(found.lines, name)) for name in LINES},
        "disposals": [gain_value(item) for item in found.gains],
        "speculative": [speculative_value(item) for item in found.speculative],
        "unmatched": len(found.unmatched),
        "doubts": doubts_value(doubt for name, count in found.doubts.items() for doubt in [name] * count),
    }


def bridge_value(found: Bridge) -> dict[str, str]:
    """Return the bridge from `pnl` to the gains of a year."""
    return {name: to_rupees(getattr(found, name)) for name in found.__struct_fields__}


def lots_value(tax: AccountTax) -> list[dict[str, Any]]:
    """Return the open lots, by symbol and date."""
    return [lot_value(lot) for lot in tax.matched.lots]


def doubts_value(doubts: Iterable[str]) -> list[dict[str, Any]]:
    """Return each doubt with its meaning and its number of figures, the most frequent first."""
    counted: dict[str, int] = {}
    for doubt in doubts:
        counted[doubt] = counted.get(doubt, 0) + 1
    order = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [{"doubt": name, "figures": count, "meaning": DOUBTS[name]} for name, count in order]
