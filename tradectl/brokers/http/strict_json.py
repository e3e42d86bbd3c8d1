"""Read JSON from a broker. An unreadable document raises ValueError; an odd value affects that value alone.

If an object has one name twice with different values, its value is the list of them. The functions that read a number, a text
or an object reject a list, so neither value is used by chance.

The result is safe to store and to show. Its texts have no characters that a database or a terminal cannot handle. Every number
fits a database column; a number that does not is an `OddNumber`, which the functions that read numbers reject. What is nested
too deep becomes a text. The row with such a value is an odd row (`row_reading`), and the rest of the list is read.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

LONGEST = 40
"""The most characters of a number. Prices, quantities, times and order ids are shorter."""
LARGEST = 30
"""The largest decimal exponent of a number, in both directions."""
WHOLE = 2**63 - 1
"""The largest whole number: a database's column has 64 bits."""
AMOUNT = 10**16
"""The limit of a number with a point, so that the amount in paise fits a column."""
BRIEF = 300
"""The most characters of a broker's message that are stored and shown."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, StopIteration)
"""The errors of reading an unexpected document. Times that Python cannot represent raise OSError or OverflowError."""
_EXPONENT = re.compile(r"[eE]([+-]?\d+)$")
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Lone surrogates, which a database rejects, and control characters, which a terminal executes."""
_MAY_BE_ODD = re.compile(rf"{_ODD.pattern}|\\[ubf]")
_REPLACEMENT = "\ufffd"


DEEPEST = 50
"""The levels that are read of a document that is nested too deep to be read whole."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class OddNumber(str):
    """Hold the text of a number that is too long, too large or not finite."""

    __slots__ = ()


def read(content: bytes | str, *, exact: bool = False) -> Any:
    """Return the document. With `exact` a number with a point is a Decimal, otherwise a float.

    Odd characters and bytes of its texts become U+FFFD. A number that does not fit a column becomes an `OddNumber`.

    Raises:
        ValueError: The text is not JSON.
    """
    text = content if isinstance(content, str) else _decoded(content)
    try:
        found = _loaded(text, exact)
    except RecursionError:
        found = _loaded(_shallow(text), exact)
    return _cleaned(found) if _MAY_BE_ODD.search(text) else found


def _decoded(content: bytes) -> str:
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        return content.decode(encoding, "replace")


def _loaded(text: str, exact: bool) -> Any:
    number = _exact if exact else _float
    return json.loads(
        text, strict=False, parse_float=number, parse_int=_whole, parse_constant=OddNumber, object_pairs_hook=_object
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict. A name that occurs more than once with different values has the list of them."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: sent[0] if all(value == sent[0] for value in sent) else sent for name, sent in values.items()}


def _shallow(text: str) -> str:
    """Return the JSON text with a short text in place of everything below `DEEPEST` levels."""
    kept: list[str] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == DEEPEST:
                kept.append(text[start : token.start()] + '"nested too deep"')
        elif mark in "]}":
            depth -= 1
            if depth == DEEPEST - 1:
                start = token.end()
    return "".join(kept) + text[start:]


def text_of(value: object) -> str:
    """Return a message of a broker on one line, an empty text for a value that is no text."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def brief(text: str) -> str:
    """Return the beginning of a message, at most `BRIEF` characters."""
    return text if len(text) <= BRIEF else f"{text[: BRIEF - 1]}…"


def _cleaned(document: Any) -> Any:
    """Replace odd characters in the names and texts of a document. It has no recursion, because the nesting may be deep."""
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


def _whole(text: str) -> int | OddNumber:
    if len(text) > LONGEST or abs(found := int(text)) > WHOLE:
        return OddNumber(text[:LONGEST])
    return found


def _exact(text: str) -> Decimal | OddNumber:
    return OddNumber(text[:LONGEST]) if _is_odd(text) else Decimal(text)


def _float(text: str) -> float | OddNumber:
    return OddNumber(text[:LONGEST]) if _is_odd(text) else float(text)


def _is_odd(text: str) -> bool:
    if len(text) > LONGEST:
        return True
    exponent = _EXPONENT.search(text)
    return (exponent is not None and abs(int(exponent[1])) > LARGEST) or abs(Decimal(text)) >= AMOUNT
