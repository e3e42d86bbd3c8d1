"""Convert amounts of money, which are integer paise inside the program, from and to text."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

Paise = int
"""1/100 rupee. All prices, cash, charges and P&L have this type; money is never a float."""
_MOST = 2**63 - 1


def to_paise(text: str | int | Decimal) -> Paise:
    """Return an amount in rupees as exact paise.

    Raises ValueError if it is not a number, has more than two decimals, or does not fit in 64 bits.
    """
    try:
        scaled = Decimal(text) * 100
        whole = int(scaled)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"{text!r} is not an amount in rupees") from error
    if abs(whole) > _MOST:
        raise ValueError(f"the amount {text!r} is too large")
    if whole != scaled:
        raise ValueError(f"{text!r} has more than two decimals")
    return whole


def to_rupees(paise: Paise) -> str:
    """Return rupees with two decimals, as in JSON results: `-1234.50`."""
    sign = "-" if paise < 0 else ""
    whole, part = divmod(abs(paise), 100)
    return f"{sign}{whole}.{part:02d}"


def show_rupees(paise: Paise) -> str:
    """Return rupees in the Indian notation, for people: `-12,34,567.50`."""
    whole, part = divmod(abs(paise), 100)
    return f"{'-' if paise < 0 else ''}{grouped(whole)}.{part:02d}"


def grouped(number: int) -> str:
    """Return an integer with the Indian grouping of digits: `-12,34,567`."""
    digits = str(abs(number))
    head, groups = digits[:-3], [digits[-3:]]
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ("-" if number < 0 else "") + ",".join(groups)


def rupees(paise: Paise) -> str:
    """Return an amount for a sentence: `Rs -12,34,567.50`."""
    return f"Rs {show_rupees(paise)}"


def round_half_up(value: Decimal) -> int:
    """Return the nearest integer, with halves rounded away from zero as on contract notes."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def share_out(total: int, weights: list[int]) -> list[int]:
    """Split `total` into integer parts proportional to `weights`, which add up to `total` exactly.

    The largest remainders are rounded up, on a tie the earlier part first. If all weights are 0, the first part gets everything.
    """
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
