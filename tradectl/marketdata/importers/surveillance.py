"""Import lists of the securities under NSE's surveillance measures: GSM, ESM, long-term and short-term ASM.

Four forms are read:

- NSE's daily indicator file `REG1_INDddmmyy.csv` (or `REG_INDddmmyy.csv`): all securities, with one column of stages per
  measure; 100 means none (source: NSE/SURV/65097 of 2024-11-14).
- The reports of NSE's site as CSV: SYMBOL, ISIN and GSM STAGE, ESM STAGE or ASM STAGE. The ASM report has a line `Long Term` and
  a line `Short Term` before its two lists. The date is in the file's name.
- The same reports as JSON (`/api/reportGSM`, `/api/reportESM`, `/api/reportASM`); see `surveillance_json`.
- The user's own list: `dated,measure,symbol,isin,stage`, with gsm, esm, asm_long or asm_short as the measure.

Each list is complete for its date. An empty list of a measure is stored as one entry without a symbol.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import Parsed, dates
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.surveillance_terms import NUMERALS, OWN_FORM, clean_symbol, date_in_name, rank, stage_of
from tradectl.model.surveillance import TITLES, Measure

if TYPE_CHECKING:
    import pandas as pd

KIND = "surveillance"
LOST = 2
"""A list that lacks more than 1/LOST of the previous list's entries is imported only with --accept-content."""
FEW = 20
"""Minimum number of entries of the previous list for this check; in a short list, a loss of most entries is normal."""
NOT_UNDER = {"", "100", "-", "NA"}
"""Values of an indicator file for a security that is not under a measure."""
_INDICATORS = {
    Measure.GSM: "gsm",
    Measure.LONG_ASM: "long_term_additional_surveillance_measure",
    Measure.SHORT_ASM: "short_term_additional_surveillance_measure",
    Measure.ESM: "esm",
}
"""Beginning of the column name of each measure in an indicator file."""
_REPORTS = {"gsm stage": Measure.GSM, "esm stage": Measure.ESM, "asm stage": Measure.LONG_ASM}


class Entry(NamedTuple):
    """Represent one security on one list. `dated`: ISO text. `stage`: 0 or a Roman numeral; empty if it is not known."""

    dated: str
    measure: Measure
    symbol: str
    isin: str
    stage: str


class _Cells(NamedTuple):
    """Hold the cells of one row of a report that are stored."""

    symbol: str
    isin: str
    stage: str


def recognises(source: SourceFile) -> bool:
    return _is_indicators(source) or set(OWN_FORM) <= set(source.header) or _report_of(source) is not None


def parse(source: SourceFile) -> Parsed:
    if set(OWN_FORM) <= set(source.header):
        return _parsed(source, list(_own(source)), ())
    if _is_indicators(source):
        dated, covered = date_in_name(source.stem, source.name), _columns(source)
        return _parsed(source, list(_indicated(source, dated)), [(dated, measure) for measure in covered])
    dated, measure = date_in_name(source.stem, source.name), _report_of(source)
    assert measure is not None
    both = (Measure.LONG_ASM, Measure.SHORT_ASM)
    entries, covered_here = _reported(source, dated, measure)
    covered_by_report = covered_here if measure in both else {measure}
    return _parsed(source, entries, [(dated, item) for item in sorted(covered_by_report)])


def refuse_losses(name: str, entries: set[str], before: set[str], measure: str, dated: str) -> None:
    """Raise DataError if a list lacks many entries of the previous list, dated `dated`: the file may be truncated."""
    lost = sorted(before - entries)
    if len(before) >= FEW and len(lost) * LOST > len(before):
        raise DataError(
            f"{name}: lacks {len(lost)} of the {len(before)} securities of the {TITLES[Measure(measure)]} list of {dated} "
            f"({', '.join(lost[:5])}, …). They could be bought again. The file was not imported; download it again, or compare "
            "it with NSE's list and import it with --accept-content"
        )


def _is_indicators(source: SourceFile) -> bool:
    return {"symbol", "gsm"} <= set(source.header) and Measure.LONG_ASM in _columns(source)


def _columns(source: SourceFile) -> Mapping[Measure, str]:
    """Return the columns of an indicator file by measure. ESM was added later than the others."""
    found = {}
    for measure, begin in _INDICATORS.items():
        exact = measure in {Measure.GSM, Measure.ESM}
        names = [name for name in source.header if (name == begin if exact else name.startswith(begin))]
        if names:
            found[measure] = names[0]
    return found


def _indicated(source: SourceFile, dated: str) -> Iterator[Entry]:
    columns = _columns(source)
    frame = read_columns(source, {"symbol": "symbol", **{name: measure.value for measure, name in columns.items()}})
    for row, symbol, *values in frame.itertuples(name=None):
        stages = {}
        for measure, text in zip(columns, values, strict=True):
            value = text.removesuffix(".0").upper()
            if value in NOT_UNDER:
                continue
            if not (value.isascii() and value.isdigit() and int(value) < 100):
                raise source.bad(row, f"{columns[measure]} {text!r} is not a stage (100 means none)")
            stages[measure] = NUMERALS[int(value)] if int(value) < len(NUMERALS) else value
        if stages:
            name = _checked_symbol(source, row, symbol)
            yield from (Entry(dated, measure, name, "", stage) for measure, stage in stages.items())


def _own(source: SourceFile) -> Iterator[Entry]:
    frame = read_columns(source, {name: name for name in OWN_FORM})
    frame["dated"] = dates(source, frame, "dated")
    for row, dated, measure, symbol, isin, stage in frame.itertuples(name=None):
        if measure.lower() not in set(Measure):
            raise source.bad(row, f"measure {measure!r} is not one of {', '.join(Measure)}")
        name = _checked_symbol(source, row, symbol) if symbol else ""
        known = Measure(measure.lower())
        yield Entry(dated, known, name, isin.upper(), stage_of(stage, known))


def _report_of(source: SourceFile) -> Measure | None:
    """Return the measure of a report from NSE's site; None for another file. A quoted header may span several lines."""
    head = source.text[:2000].lower()
    if "symbol" not in head or not any(name.split()[0] in head for name in _REPORTS):
        return None
    for number, (_, cells) in enumerate(_rows(source)):
        titles = [cell.lower() for cell in cells]
        named = [measure for title, measure in _REPORTS.items() if title in titles]
        if "symbol" in titles and named:
            return named[0]
        if number > 5:
            break
    return None


def _reported(source: SourceFile, dated: str, measure: Measure) -> tuple[list[Entry], set[Measure]]:
    """Return the entries of a report, and the measures whose lists it contains. Raises DataError for an invalid row."""
    title = next(name for name, of in _REPORTS.items() if of is measure)
    places: dict[str, int] = {}
    asm, section = title == "asm stage", None
    entries, covered = [], set()
    for row, cells in _rows(source):
        filled, titles = [cell for cell in cells if cell], [cell.lower() for cell in cells]
        if len(filled) == 1 and asm and (named := _section(filled[0])) is not None:
            section = named
            covered.add(named)
        elif "symbol" in titles and title in titles:
            places = {"symbol": titles.index("symbol"), "stage": titles.index(title)}
            places["isin"] = titles.index("isin") if "isin" in titles else -1
        elif places and len(filled) > 1:
            found = _Cells(*(cells[places[n]] if 0 <= places[n] < len(cells) else "" for n in ("symbol", "isin", "stage")))
            own = (_section(found.stage) or section or _section(source.stem)) if asm else measure
            if own is None:
                raise source.bad(row, f"asm stage {found.stage!r}: neither the stage nor a line above gives long or short term")
            covered.add(own)
            name = _checked_symbol(source, row, found.symbol)
            entries.append(Entry(dated, own, name, found.isin.upper(), stage_of(found.stage, own)))
    return entries, covered


def _section(text: str) -> Measure | None:
    """Return the ASM list that a text names, long-term or short-term; None if it names none."""
    words = text.lower()
    if re.search(r"long[\s_-]*term|\blt[\s_-]?asm", words):
        return Measure.LONG_ASM
    return Measure.SHORT_ASM if re.search(r"short[\s_-]*term|\bst[\s_-]?asm", words) else None


def _rows(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each row of a report, without blank lines and repeated spaces."""
    reader = csv.reader(io.StringIO(source.text), skipinitialspace=True)
    try:
        for cells in reader:
            plain = [" ".join(cell.split()) for cell in cells]
            if any(plain):
                yield reader.line_num, plain
    except csv.Error as error:
        raise DataError(f"{source.name} row {reader.line_num}: damaged CSV ({error})") from error


def _checked_symbol(source: SourceFile, row: int, text: str) -> str:
    symbol = clean_symbol(text)
    if not symbol:
        raise source.bad(row, f"symbol {text[:40]!r} is not a symbol")
    return symbol


def _parsed(source: SourceFile, entries: Sequence[Entry], covered: Sequence[tuple[str, Measure]]) -> Parsed:
    """Return one row per security and list. A security with several series has its highest stage."""
    best: dict[tuple[str, Measure, str], Entry] = {}
    for entry in entries:
        key = entry.dated, entry.measure, entry.symbol
        if key not in best or rank(entry.stage) > rank(best[key].stage):
            best[key] = entry
    named = {(entry.dated, entry.measure) for entry in best.values() if entry.symbol}
    found = [entry for entry in best.values() if entry.symbol or (entry.dated, entry.measure) not in named]
    lists = {(entry.dated, entry.measure) for entry in found}
    found += [Entry(dated, measure, "", "", "") for dated, measure in covered if (dated, measure) not in lists]
    if not found:
        raise DataError(f"{source.name}: has no security and no measure")
    return Parsed("surveillance", _frame(found), +Counter({"another series of a security": len(entries) - len(best)}))


def _frame(entries: Sequence[Entry]) -> pd.DataFrame:
    import pandas as pd

    rows = sorted((entry.symbol, entry.dated, entry.measure.value, entry.stage, entry.isin) for entry in entries)
    return pd.DataFrame(rows, columns=["symbol", "dated", "measure", "stage", "isin"], dtype=str)
