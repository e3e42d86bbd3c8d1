"""Define one line of a broker's paper compared with the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from msgspec import Struct

from tradectl.model.money import Paise


class Outcome(StrEnum):
    """What the comparison of one line showed. `missing_here`: only the paper has it; `missing_there`: only the ledger."""

    EQUAL = "equal"
    DIFFERS = "differs"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"


class Difference(Struct, frozen=True):
    """One field that differs, as text of both sides. `by`: theirs - ours in paise, for amounts."""

    field: str
    theirs: str
    ours: str
    by: Paise | None = None


class Finding(Struct, frozen=True):
    """One line of a paper, or of the ledger that a paper lacks.

    Attributes:
        row: The line in the file; 0 if the paper does not have it.
        line: What is compared: `trade`, a charge line such as `stt`, or `exit`.
        key: The trade id, or the scope of a charge line.
        note: What explains the finding, or empty.
    """

    outcome: Outcome
    paper: str
    row: int
    session: date
    symbol: str
    line: str
    key: str
    differences: tuple[Difference, ...] = ()
    note: str = ""


class RateChange(Struct, frozen=True):
    """A rate that the papers use and the table of charges does not.

    Attributes:
        line: The charge line.
        since: The first day on which it shows; `until` the last.
        agreed: The last day before on which the rates agreed; None if there is none in the papers.
        theirs, ours: The rates, in `unit`.
        lines: On how many lines it shows.
    """

    line: str
    since: date
    until: date
    agreed: date | None
    theirs: str
    ours: str
    unit: str
    lines: int


class PaperReport(Struct, frozen=True):
    """The findings of one paper. `kind`: tradebook, charges or tax P&L."""

    paper: str
    kind: str
    findings: tuple[Finding, ...]
    rates: tuple[RateChange, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of lines by outcome."""
        counted = Counter(item.outcome for item in self.findings)
        return {str(outcome): counted[outcome] for outcome in Outcome}

    @property
    def agrees(self) -> bool:
        """Return whether every line is equal."""
        return all(item.outcome is Outcome.EQUAL for item in self.findings)


def differing(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are not equal, by date and line of the file."""
    wrong = [item for item in findings if item.outcome is not Outcome.EQUAL]
    return sorted(wrong, key=lambda item: (item.session, item.symbol, item.line, item.row))
