"""What may be spent, and in which unit a broker behind OpenAlgo lists ticks.

`availablecash` means another thing behind each broker. With Zerodha and Angel it is net + debits - collateral: gross of what is
blocked for resting orders and spent today. So `utiliseddebits` are taken off, unless the adapter of the broker behind is known to
have done it. Behind an unknown broker they may be taken off twice, and a buy is then smaller than the funds allow, never larger.

Source: marketcalls/openalgo 60156bc, broker/*/api/funds.py (read one by one) and services/symbol_service.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradectl.brokers.openalgo.rows import about_paise

NET = frozenset(
    {
        "arrow", "compositedge", "dhan", "dhan_sandbox", "firstock", "fivepaisa", "fivepaisaxts", "flattrade", "hdfcsecurities",
        "hdfcsky", "ibulls", "iifl", "indmoney", "jainamxts", "mstock", "nubra", "pocketful", "rmoney", "samco", "shoonya",
        "tradejini", "tradesmart", "wisdom", "zebu",
    }
)  # fmt: skip
"""Brokers whose `availablecash` is what is left to spend."""
EXACT = frozenset({"angel", "zerodha"})
"""Brokers whose `availablecash` less `utiliseddebits` is what is left to spend, whatever the sign of the debits."""
LISTS_RUPEES = frozenset({"zerodha"})
"""Brokers whose list of instruments has ticks in rupees; others write paise, or 0."""


def available(data: Mapping[str, Any], broker: str) -> int:
    """Return the paise that may be spent on buys now, by an answer to `funds`. KeyError or ValueError where it does not tell."""
    if data["availablecash"] is None:
        raise ValueError("availablecash is not told")
    cash, debits = about_paise(data["availablecash"]), about_paise(data.get("utiliseddebits"))
    if broker in NET:
        return cash
    return cash - (debits if broker in EXACT else max(0, debits))
