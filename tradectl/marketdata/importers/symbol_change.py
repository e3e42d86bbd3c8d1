"""Import renames of symbols: a file with the columns company,old,new,date, or NSE's file with or without its header."""

from __future__ import annotations

from tradectl.marketdata.importers.columns import Parsed, dates, refuse_repeats, symbols
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.stamps import read_date

KIND = "renames"
OUR_HEADER = ("company", "old", "new", "date")
NSE_HEADER = ("symb_company_name", "sm_key_symbol", "sm_new_symbol", "sm_applicable_from")


def recognises(source: SourceFile) -> bool:
    return _headed(source) or (len(source.header) == 4 and read_date(source.header[3]) is not None)


def _headed(source: SourceFile) -> bool:
    return any(set(names[1:]) <= set(source.header) for names in (OUR_HEADER, NSE_HEADER))


def parse(source: SourceFile) -> Parsed:
    names = NSE_HEADER if NSE_HEADER[1] in source.header else OUR_HEADER
    columns = dict(zip(names, ("company", "old", "new", "dated"), strict=True))
    frame = read_columns(source, columns, names=None if _headed(source) else OUR_HEADER)
    frame["old"], frame["new"] = symbols(source, frame, "old"), symbols(source, frame, "new")
    frame["dated"] = dates(source, frame, "dated")
    frame = frame.sort_values(["dated", "old", "new", "company"]).drop_duplicates(["old", "new", "dated"])
    refuse_repeats(source, frame, ["old", "dated"])
    return Parsed("renames", frame)
