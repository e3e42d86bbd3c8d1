"""Import an index list of NSE: Company Name,Industry,Symbol,Series,ISIN Code.

The name of the list comes from the file's name: ind_nifty50list.csv -> nifty50.
"""

from __future__ import annotations

import re

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import Parsed, codes, refuse_repeats, symbols
from tradectl.marketdata.importers.source import SourceFile, read_columns

KIND = "index-list"
COLUMNS = {"company name": "name", "industry": "industry", "symbol": "symbol", "series": "series", "isin code": "isin"}


def recognises(source: SourceFile) -> bool:
    return {"company name", "symbol", "isin code"} <= set(source.header)


def list_name(stem: str) -> str:
    """Return the name of the list in a file's name. Raises DataError if there is none, or if it is `all`."""
    name = re.sub(r"[^a-z0-9_&-]+", "", re.sub(r"^ind_|list\b.*$", "", stem.lower()))
    if not name or name == "all":
        raise DataError(f"{stem}: the file name contains no name of a list; rename the file like ind_nifty50list.csv")
    return name


def parse(source: SourceFile) -> Parsed:
    frame = read_columns(source, COLUMNS)
    frame["series"], frame["isin"] = codes(frame, "series"), codes(frame, "isin")
    frame["symbol"] = symbols(source, frame, "symbol", "series")
    refuse_repeats(source, frame, ["symbol"])
    frame.insert(0, "list", list_name(source.stem))
    return Parsed("lists", frame)
