"""Recognise files that are not imported (adjusted prices, another exchange, indices), and name the right source.

Prices are stored as traded. Files with prices that are divided by later splits or dividends are rejected here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tradectl.marketdata.importers.source import SourceFile

_FETCH = "`tradectl data fetch --source {} --symbols {}` restores the traded prices; NSE's files have traded prices too"


def why_refused(source: SourceFile) -> str:
    """Return why a file of a known foreign kind is not imported, and what to use instead; empty for any other file."""
    return next((reason(source) for is_one, reason in _KINDS if is_one(source)), "")


def why_no_bars(source: SourceFile) -> str:
    """Return why a file with dated prices that no importer recognises is not imported; empty for any other file."""
    return _candles(source) if _is_candles(source) else ""


def _letters(source: SourceFile) -> set[str]:
    """Return the column names reduced to letters and digits."""
    return {re.sub(r"[^a-z0-9]", "", name) for name in source.header}


def _is_yahoo(source: SourceFile) -> bool:
    """Return whether a file has columns of Yahoo or yfinance, or yfinance's header lines (Price, Ticker, Date)."""
    letters = _letters(source)
    if any(name.startswith(("adjclose", "adjustedclose", "adjopen")) for name in letters):
        return True
    if {"open", "close"} <= letters and letters & {"stocksplits", "dividends", "capitalgains"}:
        return True
    return bool(source.first) and source.header[0] == "price" and source.first[0].lower() == "ticker"


def _yahoo(source: SourceFile) -> str:
    return "has Yahoo's columns: its prices are divided by later splits. " + _FETCH.format("yahoo", _symbol(source))


def _is_candles(source: SourceFile) -> bool:
    """Return whether a file has daily prices without symbol and series, such as Kite's historical candles."""
    letters = _letters(source)
    dated = letters & {"date", "datetime", "timestamp", "time"}
    return (
        bool(dated) and {"open", "high", "low", "close"} <= letters and not letters & {"symbol", "series", "prevclose", "ticker"}
    )


def _candles(source: SourceFile) -> str:
    return (
        "has daily prices without symbol and series, like files of Kite, Yahoo and charts: they are divided by later splits. "
        + _FETCH.format("kite", _symbol(source))
        + ". Prices as traded need the columns date,symbol,series,open,high,low,close,volume"
    )


def _symbol(source: SourceFile) -> str:
    """Return the symbol in the file's name for the suggested command, or the placeholder SYMBOL."""
    stem = re.sub(r"\.NS$", "", source.stem, flags=re.IGNORECASE).upper()
    return stem if re.fullmatch(r"[A-Z0-9][A-Z0-9&-]{0,19}", stem) else "SYMBOL"


def _is_investing(source: SourceFile) -> bool:
    return {"price", "open", "high", "low", "change"} <= _letters(source)


def _is_bse(source: SourceFile) -> bool:
    return {"sccode", "scname"} <= _letters(source)


def _is_indices(source: SourceFile) -> bool:
    return {"indexname", "closingindexvalue"} <= _letters(source)


def _is_quotes(source: SourceFile) -> bool:
    """Return whether a file is one of NSE's market pages of today: current prices without a date."""
    letters = _letters(source)
    return {"symbol", "open", "high", "low", "ltp"} <= letters and not letters & {"date", "timestamp", "date1"}


_KINDS: tuple[tuple[Callable[[SourceFile], bool], Callable[[SourceFile], str]], ...] = (
    (_is_yahoo, _yahoo),
    (
        _is_bse,
        lambda _: "is BSE's bhavcopy; only NSE's prices are imported: `tradectl data fetch` downloads NSE's file of each session",
    ),
    (
        _is_indices,
        lambda _: (
            "has values of indices, not of shares; for the members of an index, import its list, such as ind_nifty50list.csv"
        ),
    ),
    (
        _is_quotes,
        lambda _: "has quotes without a date; import the session's bhavcopy instead: `tradectl data fetch`",
    ),
    (
        _is_investing,
        lambda _: (
            "has Investing.com's columns: its prices are divided by later splits; import NSE's bhavcopies instead: "
            "`tradectl data fetch`"
        ),
    ),
)
"""The test of each foreign kind and the text of its message. The first kind that fits is used."""
