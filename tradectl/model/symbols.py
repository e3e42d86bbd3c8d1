"""Convert the spellings of symbols in files, programs and user input to the exchange's spelling.

`ALPHA`, `alpha`, `ALPHA-EQ`, `ALPHA.NS` and `NSE:ALPHA-EQ` are the same share. A series suffix is returned separately.
"""

from __future__ import annotations

import re

from msgspec import Struct

from tradectl.model.series import EQUITY_SERIES

LONGEST = 20
"""The maximum length of a symbol. NSE's own symbols have up to ten characters."""
_GRAMMAR = re.compile(rf"[A-Z0-9][A-Z0-9&-]{{0,{LONGEST - 1}}}")
_SERIES = re.compile(rf"(.+)-({'|'.join(EQUITY_SERIES)})")
_OTHER_EXCHANGE = re.compile(r"(BSE|BFO|NFO|MCX|CDS):|\.(BO|BSE)$")


class Spelling(Struct, frozen=True):
    """A symbol in the exchange's spelling. `series`: the series in the text; empty if it has none."""

    symbol: str
    series: str = ""


def read_symbol(text: str) -> Spelling:
    """Return the symbol in a text. Raises ValueError, with the reason, if it is not a symbol of NSE's cash market."""
    word = text.strip()
    if not word:
        raise ValueError("is empty")
    if not word.isascii():
        raise ValueError("is no symbol of NSE")
    word = word.upper()
    if _OTHER_EXCHANGE.search(word):
        raise ValueError("is of another exchange than NSE")
    bare = word.removeprefix("NSE:").removesuffix(".NS").strip()
    found = _SERIES.fullmatch(bare)
    symbol, series = (found.group(1), found.group(2)) if found else (bare, "")
    if not _GRAMMAR.fullmatch(symbol) or _SERIES.fullmatch(symbol):
        raise ValueError("is no symbol of NSE")
    return Spelling(symbol, series)


def spelled(text: str) -> str:
    """Return the exchange's spelling of a symbol that a user entered.

    If the text is not a symbol, return it in capitals: a later look-up then reports that it is unknown.
    """
    try:
        return read_symbol(text).symbol
    except ValueError:
        return text.strip().upper()


def shown(value: str, longest: int = 60) -> str:
    """Return a value for a message: quoted, with control characters escaped, and cut after `longest` characters."""
    cut = value if len(value) <= longest else value[:longest] + "…"
    more = f" ({len(value)} characters)" if len(value) > longest else ""
    return repr(cut) + more
