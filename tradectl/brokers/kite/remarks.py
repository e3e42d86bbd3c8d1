"""What a profile tells of an account: may it trade shares for delivery, and sell them without a person?

Source: pykiteconnect 5.2.0 (`profile`), kiteconnect-mocks profile.json. That `demat_consent` tells of a DDPI is a guess, so what
it says is told and nothing rests on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradectl.brokers.adapter import Remark
from tradectl.brokers.kite.rows import PRODUCT

CONSENT = "consent"
UNATTENDED = "sells from demat ask no TPIN of a person"
ATTENDED = "sells from demat may ask a TPIN of a person each day, until a DDPI is signed (once, in Zerodha's Console)"


def of(profile: Mapping[str, Any]) -> Sequence[Remark]:
    """A remark for each thing; what the profile does not tell is said to be not told."""
    return (
        _has(profile, "exchanges", "NSE", "the account may trade on NSE"),
        _has(profile, "products", PRODUCT, "the account may trade for delivery (CNC)"),
        _demat(profile),
    )


def _has(profile: Mapping[str, Any], name: str, what: str, text: str) -> Remark:
    told = profile.get(name)
    if not isinstance(told, list):
        return Remark(f"the profile does not tell its {name}", fine=False)
    return (
        Remark(text)
        if what in told
        else Remark(f"{what} is not among the account's {name}: {', '.join(map(str, told))}", fine=False)
    )


def _demat(profile: Mapping[str, Any]) -> Remark:
    meta = profile.get("meta")
    told = meta.get("demat_consent") if isinstance(meta, dict) else None
    if told == CONSENT:
        return Remark(f"demat consent is {told!r}: {UNATTENDED}")
    return Remark(f"demat consent is {told!r}: {ATTENDED}", fine=False)
