"""Read the two lists that taxes need beside the trades: the prices of 2018-01-31, and corporate actions.

Both are CSV files of the home, which `import fair-values` and `import tax-actions` check before they replace them.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

from tradectl.errors import DataError
from tradectl.marketdata.importers.source import read_source
from tradectl.model.money import Paise
from tradectl.model.symbols import spelled
from tradectl.papers.columns import Cells, rows_of
from tradectl.tax.events import ActionType, ShareAction

FAIR_NEEDED = {"price": ("high", "fair_market_value", "fmv", "highest_price", "high_price")}
FAIR_OTHER = {"isin": ("isin_code",), "symbol": ("tradingsymbol", "scrip", "name")}
ACTION_NEEDED = {"symbol": (), "ex_date": ("date",), "kind": ("action",)}
ACTION_OTHER = {
    "new": (), "old": (), "to": ("to_symbol",), "to_isin": (), "cost_moved_percent": ("cost_moved",), "allotted": (),
    "source": (),
}  # fmt: skip


def read_fair_values(path: Path) -> dict[str, Paise]:
    """Return the prices of 2018-01-31 in paise by ISIN and by symbol; empty if there is no file. Raises DataError."""
    if not path.exists():
        return {}
    found: dict[str, Paise] = {}
    for cells in rows_of(read_source(path), FAIR_NEEDED, FAIR_OTHER):
        names = [name for name in (cells.text("isin").upper(), spelled(cells.text("symbol"))) if name]
        if not names:
            raise DataError(f"{cells.where}: has neither isin nor symbol")
        price = cells.price("price")
        for name in names:
            if found.setdefault(name, price) != price:
                raise DataError(f"{cells.where}: {name} has another price above")
    return found


def read_tax_actions(path: Path) -> list[ShareAction]:
    """Return the corporate actions of a file; empty if there is no file. Raises DataError.

    `new` and `old` are shares after and before: 10 and 1 for a split, 2 and 1 for a bonus of one for one. For a demerger they
    are shares of the other company for shares held, and `cost_moved_percent` is what the company published (49(2C)).
    """
    if not path.exists():
        return []
    return [_action(cells) for cells in rows_of(read_source(path), ACTION_NEEDED, ACTION_OTHER)]


def _action(cells: Cells) -> ShareAction:
    try:
        kind = ActionType(cells.text("kind").lower())
    except ValueError as error:
        raise cells.bad("kind", f"is not one of {', '.join(ActionType)}") from error
    to = spelled(cells.text("to"))
    if kind in {ActionType.DEMERGER, ActionType.RENAME} and not to:
        raise cells.bad("to", f"must name the other symbol of a {kind}")
    new = cells.count("new") if cells.text("new") else 1
    old = cells.count("old") if cells.text("old") else 1
    if kind in {ActionType.SPLIT, ActionType.BONUS, ActionType.CONSOLIDATION} and new == old:
        raise cells.bad("new", f"and old must differ in a {kind}")
    return ShareAction(
        spelled(cells.text("symbol")),
        cells.day("ex_date"),
        kind,
        Fraction(new, old),
        to,
        cells.text("to_isin").upper(),
        _cost_moved(cells),
        _day_or_none(cells, "allotted"),
        source=cells.text("source") or cells.where,
    )


def _cost_moved(cells: Cells) -> Fraction | None:
    text = cells.text("cost_moved_percent").removesuffix("%").strip()
    if not text:
        return None
    try:
        found = Fraction(text) / 100
    except (ValueError, ZeroDivisionError) as error:
        raise cells.bad("cost_moved_percent", "is not a number") from error
    if not 0 <= found <= 1:
        raise cells.bad("cost_moved_percent", "is not between 0 and 100")
    return found


def _day_or_none(cells: Cells, name: str) -> date | None:
    return cells.day(name) if cells.text(name) else None
