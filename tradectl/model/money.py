"""Money is an integer number of paise; text and `Decimal` exist only at the edges."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

Paise = int
"""1/100 rupee. Prices, cash, charges and P&L are all of this type; a float never is money."""
_MOST = 2**63 - 1


def to_paise(text: str | int | Decimal) -> Paise:
    """Return an amount in rupees as exact paise. Raises ValueError for more than two decimals, no number, or one
    that does not fit in 64 bits."""
    try:
        scaled = Decimal(text) * 100
        whole = int(scaled)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"{text!r} is not an amount in rupees") from error
    if abs(whole) > _MOST:
        raise ValueError(f"{text!r} is too large an amount")
    if whole != scaled:
        raise ValueError(f"{text!r} has more than two decimals")
    return whole


def to_rupees(paise: Paise) -> str:
    """Return plain rupees with two decimals, as in JSON results: `-1234.50`."""
    sign = "-" if paise < 0 else ""
    whole, part = divmod(abs(paise), 100)
    return f"{sign}{whole}.{part:02d}"


def show_rupees(paise: Paise) -> str:
    """Paise as people in India write rupees: `-12,34,567.50`."""
    plain = to_rupees(abs(paise))
    digits, part = plain.split(".")
    head, tail = digits[:-3], digits[-3:]
    groups = [tail]
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ("-" if paise < 0 else "") + ",".join(groups) + "." + part


def round_half_up(value: Decimal) -> int:
    """Return the nearest integer, halves away from zero (how contract notes round)."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def share_out(total: int, weights: list[int]) -> list[int]:
    """Split `total` into integer parts proportional to `weights` that add up to it exactly (largest remainder,
    the earlier part first on a tie). All weights zero: everything goes to the first part."""
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0:
        return [total] + [0] * (len(weights) - 1)
    sign = -1 if total < 0 else 1
    amount = abs(total)
    parts = [amount * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % whole), i))
    for i in order[: amount - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]
