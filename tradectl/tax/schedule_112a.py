"""Write the long-term gains of a year as rows of Schedule 112A, in the form of that year.

Its 14 columns are those of casparser 1.4.1, the one source that was found. Column 1b exists for FY 2024-25 alone. From
FY 2025-26 the lots bought after 2018-01-31 are one row. Amounts are whole rupees, rounded half-up; the sums of a row are those of
its rounded figures. The portal rejects some characters in a name, so they become spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from tradectl.model.money import Paise, to_rupees
from tradectl.tax.gains import Gain
from tradectl.tax.rules import FinancialYear
from tradectl.tax.year import TaxYear

COLUMNS = (
    "Share/Unit acquired(1a)",
    "ISIN Code(2)",
    "Name of the Share/Unit(3)",
    "No. of Shares/Units(4)",
    "Sale-price per Share/Unit(5)",
    "Full Value of Consideration(Total Sale Value)(6) = 4 * 5",
    "Cost of acquisition without indexation(7)",
    "Cost of acquisition(8)",
    "If the long term capital asset was acquired before 01.02.2018(9)",
    "Fair Market Value per share/unit as on 31st January 2018(10)",
    "Total Fair Market Value of capital asset as per section 55(2)(ac)(11) = 4 * 10",
    "Expenditure wholly and exclusively in connection with transfer(12)",
    "Total deductions(13) = 7 + 12",
    "Balance(14) = 6 - 13",
)
TRANSFERRED = "Share/Unit Transferred(1b)"
NEW_RATES = date(2024, 7, 23)
BEFORE, AFTER = "BE", "AE"
_REJECTED = re.compile(r"[,/\-_()&@\\'\";:]")


def columns(year: FinancialYear) -> tuple[str, ...]:
    """Return the column names of a year's schedule."""
    return (COLUMNS[0], TRANSFERRED, *COLUMNS[1:]) if _has_1b(year) else COLUMNS


def schedule_rows(found: TaxYear) -> list[tuple[str, ...]]:
    """Return the rows of the schedule, empty without long-term gains. Raises ValueError for a year before 2018-19."""
    if found.year.start < 2018:
        raise ValueError("Schedule 112A begins with the financial year 2018-19")
    gains = [gain for gain in found.gains if gain.in_112a]
    old, new = [gain for gain in gains if gain.before_2018], [gain for gain in gains if not gain.before_2018]
    rows = [_row(found.year, [gain]) for gain in old]
    if found.year.start >= 2025:
        rows += [_row(found.year, new, consolidated=True)] if new else []
    else:
        rows += [_row(found.year, [gain]) for gain in new]
    return rows


def _row(year: FinancialYear, gains: Sequence[Gain], *, consolidated: bool = False) -> tuple[str, ...]:
    first = gains[0]
    quantity = sum(gain.disposal.quantity for gain in gains)
    value = _rupees(gain.proceeds for gain in gains)
    actual = _rupees(gain.actual_cost for gain in gains)
    expenses = _rupees(gain.expenses for gain in gains)
    fair = _rupees(gain.fair_value or 0 for gain in gains) if first.fair_value is not None else 0
    lower = min(value, fair)
    cost = max(actual, lower)
    own = (
        "INNOTREQUIRD" if consolidated else first.disposal.lot.isin,
        "CONSOLIDATED" if consolidated else name_of(first.disposal.lot.symbol),
        "" if consolidated else str(quantity),
        "" if consolidated else to_rupees(first.disposal.sale.price),
        str(value),
        str(cost),
        str(actual),
        str(lower),
        _each(fair, first.disposal.quantity) if fair else "0",
        str(fair),
        str(expenses),
        str(cost + expenses),
        str(value - cost - expenses),
    )
    marks: tuple[str, ...] = (BEFORE if first.before_2018 else AFTER,)
    if _has_1b(year):
        marks += (BEFORE if first.disposal.sold < NEW_RATES else AFTER,)
    return marks + own


def name_of(text: str) -> str:
    """Return a name without the characters that the portal rejects."""
    return " ".join(_REJECTED.sub(" ", text).split()) or "UNNAMED"


def _has_1b(year: FinancialYear) -> bool:
    return year.start == 2024


def _rupees(amounts: Iterable[Paise]) -> int:
    """Return the sum of amounts as whole rupees, rounded half-up."""
    total = sum(amounts)
    return (total + 50) // 100 if total >= 0 else -((-total + 50) // 100)


def _each(rupees: int, quantity: int) -> str:
    """Return the fair value of one share, which after a split may have a fraction of a paisa."""
    return f"{(Decimal(rupees) / quantity).quantize(Decimal('0.01'))}"
