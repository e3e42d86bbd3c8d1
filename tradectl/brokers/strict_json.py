"""Read JSON that a broker sent: every document that cannot be read, or that no broker means, raises ValueError."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

LONGEST = 40
"""Characters of a number. Prices, quantities, times and order ids are shorter."""
LARGEST = 30
"""The largest decimal exponent of a number, in both directions."""
_EXPONENT = re.compile(r"[eE]([+-]?\d+)$")


def read(content: bytes | str, *, exact: bool = False) -> Any:
    """Return the document. With `exact` a number with a point is a Decimal, otherwise a float.

    Raises:
        ValueError: The text is no JSON, is nested too deep, or has a number that is too long, too large or not finite.
    """
    try:
        return json.loads(content, parse_float=_exact if exact else _float, parse_int=_whole, parse_constant=_not_finite)
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None


def text_of(value: object) -> str:
    """Return a message of a broker on one line; an empty text for a value that is no text."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def _whole(text: str) -> int:
    if len(text) > LONGEST:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _exact(text: str) -> Decimal:
    _check(text)
    return Decimal(text)


def _float(text: str) -> float:
    _check(text)
    return float(text)


def _check(text: str) -> None:
    exponent = _EXPONENT.search(text)
    if len(text) > LONGEST or (exponent is not None and abs(int(exponent[1])) > LARGEST):
        raise ValueError("a number that is too long or too large")


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
