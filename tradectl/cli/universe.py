"""Check that a universe exists before it is stored, for `config set` and `init`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DataError, UsageError

if TYPE_CHECKING:
    from tradectl.settings import Settings

_INDEX = re.compile(r"nifty[\s_-]*\d+", re.IGNORECASE)
"""A name of an index of NSE. No symbol has this form."""


def check_universe(settings: Settings, name: str, warn: Callable[[str], None]) -> None:
    """Raise UsageError for a universe that does not exist. Without stored prices symbols cannot be checked: warn."""
    from tradectl.bootstrap import open_store
    from tradectl.marketdata.symbol_file import read_symbols
    from tradectl.strategy.parameters import INDEX_LISTS

    if name.lower() in {*INDEX_LISTS, "all"}:
        return
    if name.endswith((".csv", ".txt")) or "/" in name:
        read_symbols(Path(name))
    try:
        open_store(settings).universe(name)
    except DataError:
        if _INDEX.fullmatch(name.strip()):
            raise UsageError(f"{name} is no list; known lists: {', '.join((*INDEX_LISTS, 'all'))}") from None
        warn(f"no prices are stored, so the universe {name!r} was not checked; `tradectl doctor` checks it later")
