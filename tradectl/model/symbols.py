"""Symbols of NSE as files, programs and people write them, brought to the one spelling of the exchange.

`ALPHA`, `alpha`, `ALPHA-EQ`, `ALPHA.NS` and `NSE:ALPHA-EQ` are the same share. A suffix that is a series is reported apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tradectl.model.series import EQUITY_SERIES

LONGEST = 20
"""Characters of a symbol at most; NSE's own have ten."""
_GRAMMAR = re.compile(rf"[A-Z0-9][A-Z0-9&-]{{0,{LONGEST - 1}}}")
_SERIES = re.compile(rf"(.+)-({'|'.join(EQUITY_SERIES)})")
_OTHER_EXCHANGE = re.compile(r"(BSE|BFO|NFO|MCX|CDS):|\.(BO|BSE)$")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A symbol in the exchange's spelling; `series` is the one in its text, empty where the text has none."""

    symbol: str
    series: str = ""


def read_symbol(text: str) -> Spelling:
    """Return the symbol that a text names. Raises ValueError with the reason where it names none of NSE's cash market."""
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
    """Return a person's symbol in the exchange's spelling, or the text in capitals where it is no symbol: a look-up of it
    then finds nothing and says so."""
    try:
        return read_symbol(text).symbol
    except ValueError:
        return text.strip().upper()


def shown(value: str, longest: int = 60) -> str:
    """Return a value of a file for a message: quoted, control characters escaped, cut where it is long."""
    cut = value if len(value) <= longest else value[:longest] + "…"
    more = f" ({len(value)} characters)" if len(value) > longest else ""
    return repr(cut) + more
