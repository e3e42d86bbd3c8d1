"""Parse the setting `own_shares`: shares in the account that the user bought outside tradectl.

The setting has pairs of a symbol and a number of shares, joined by commas: `ITC:100,TCS:25`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tradectl.errors import UsageError

_ENTRY = re.compile(r"([A-Z0-9][A-Z0-9&._-]{0,31}):([0-9]{1,12})")


def parse_own_shares(text: str) -> Mapping[str, int]:
    """Return the shares by symbol. Raises UsageError for an entry that is not SYMBOL:NUMBER, and for a symbol named twice."""
    found: dict[str, int] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        matched = _ENTRY.fullmatch(entry.upper())
        if matched is None:
            raise UsageError(f"own_shares must be SYMBOL:NUMBER, joined by commas, such as ITC:100,TCS:25; not {entry!r}")
        symbol = matched[1]
        if symbol in found:
            raise UsageError(f"own_shares has {symbol} twice")
        found[symbol] = int(matched[2])
    return found


def declaring(more: Mapping[str, int], own: Mapping[str, int]) -> str:
    """Return the command that declares the shares of `own` and `more` as the user's. For a symbol in both, `more` counts."""
    shares = sorted({**own, **more}.items())
    return f"`tradectl config set own_shares '{','.join(f'{symbol}:{number}' for symbol, number in shares)}'`"
