"""Read JSON that a broker sent: every document that cannot be read, or that no broker means, raises ValueError.

What a document says is safe to keep and to show: no text of it has a character that a database or a terminal does not take, and
every number fits a column.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

LONGEST = 40
"""Characters of a number. Prices, quantities, times and order ids are shorter."""
LARGEST = 30
"""The largest decimal exponent of a number, in both directions."""
WHOLE = 2**63 - 1
"""The largest whole number: a database's column has 64 bits."""
AMOUNT = 10**16
"""A number with a point is below this: as paise it fits a column."""
BRIEF = 300
"""Characters of a broker's message that are kept and shown."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, StopIteration)
"""What the reading of a document raises that is not what was expected; OSError and OverflowError of times outside a calendar."""
_EXPONENT = re.compile(r"[eE]([+-]?\d+)$")
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Half a character, and control characters: what a database does not take, or what a terminal obeys."""
_MAY_BE_ODD = re.compile(rf"{_ODD.pattern}|\\[ubf]")
_REPLACEMENT = "\ufffd"


def read(content: bytes | str, *, exact: bool = False) -> Any:
    """Return the document. With `exact` a number with a point is a Decimal, otherwise a float. Odd characters of its texts become
    U+FFFD.

    Raises:
        ValueError: The text is no JSON, is nested too deep, or has a number that is too long, too large or not finite.
    """
    text = content if isinstance(content, str) else content.decode(json.detect_encoding(content), "surrogatepass")
    try:
        found = json.loads(text, parse_float=_exact if exact else _float, parse_int=_whole, parse_constant=_not_finite)
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None
    return _cleaned(found) if _MAY_BE_ODD.search(text) else found


def text_of(value: object) -> str:
    """Return a message of a broker on one line; an empty text for a value that is no text."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def brief(text: str) -> str:
    """Return what is kept and shown of a message: its beginning."""
    return text if len(text) <= BRIEF else f"{text[: BRIEF - 1]}…"


def _cleaned(document: Any) -> Any:
    """Return the document without odd characters, in its names and its texts. It may be nested deeper than we can call."""
    whole = [document]
    rest: list[Any] = [whole]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            pairs = [(_plain(name), _plain(value)) for name, value in item.items()]
            item.clear()
            item.update(pairs)
            rest.extend(item.values())
        elif isinstance(item, list):
            item[:] = map(_plain, item)
            rest.extend(item)
    return whole[0]


def _plain(value: Any) -> Any:
    return _ODD.sub(_REPLACEMENT, value) if isinstance(value, str) else value


def _whole(text: str) -> int:
    if len(text) > LONGEST or abs(found := int(text)) > WHOLE:
        raise ValueError(f"a number of {len(text)} digits")
    return found


def _exact(text: str) -> Decimal:
    _check(text)
    return Decimal(text)


def _float(text: str) -> float:
    _check(text)
    return float(text)


def _check(text: str) -> None:
    exponent = _EXPONENT.search(text)
    if len(text) > LONGEST or (exponent is not None and abs(int(exponent[1])) > LARGEST) or abs(Decimal(text)) >= AMOUNT:
        raise ValueError("a number that is too long or too large")


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
