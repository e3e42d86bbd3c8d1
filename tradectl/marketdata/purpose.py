"""NSE's words for a corporate action, read into its parts: what happens to the number of shares, and what is paid.

The texts are typed by hand: `Interim Dividned - Rs 135 Per Share`, `From Rs10/- Per Share`, `Rs -10`. So an amount is the first
number after a word that begins with `div`, whatever stands between; an unknown text is OTHER and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tradectl.model.market import ActionKind, CorporateAction

_RUPEES = r"(?:rs|re)[.\s\-/]*"
_AMOUNT = r"(\d+(?:\.\d+)?)"
_FACE = re.compile(
    rf"(?:from|split|sub-?\s?division|consolidation)[^\d]*?{_RUPEES}{_AMOUNT}[^\d]*?\bto\s*{_RUPEES}{_AMOUNT}", re.IGNORECASE
)
_BONUS = re.compile(r"\bbonus\b[^\d/]*(\d+)\s*:\s*(\d+)", re.IGNORECASE)
_DEBENTURE_BONUS = re.compile(r"\bbonus\b.*\b(?:debenture|preference|ncd)", re.IGNORECASE)
_DEMERGER = re.compile(r"\bde-?merger\b|\bspin-?\s?off\b|scheme\s+of\s+arr?angement", re.IGNORECASE)
_RIGHTS = re.compile(r"\brights?\b", re.IGNORECASE)
_DIVIDEND = re.compile(rf"(?:\b|int\w*)di(?:v|dv)(?!is)[a-z]*[\s.:\-]*(?:{_RUPEES})*{_AMOUNT}(?!\d|\.\d|\s*%)", re.IGNORECASE)
_DIVIDEND_WORD = re.compile(r"(?:\b|int\w*)di(?:v|dv)(?!is)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a subject. `ratio`: new shares for one old; `dividend`: paise a share."""

    kind: ActionKind
    ratio: Fraction = Fraction(1)
    dividend: int = 0


def read_purpose(subject: str) -> tuple[Part, ...]:
    """The parts of one subject: share changes, demerger, rights, dividend, in this order. OTHER alone where none is known."""
    parts = [*_share_changes(subject), *_events(subject), *_dividend(subject)]
    return tuple(parts) or (Part(ActionKind.OTHER),)


def _share_changes(subject: str) -> Iterable[Part]:
    face = _FACE.search(subject)
    if face:
        old, new = (Decimal(text) for text in face.groups())
        if old > 0 and new > 0 and old != new:
            yield Part(ActionKind.SPLIT if old > new else ActionKind.CONSOLIDATION, Fraction(old) / Fraction(new))
    bonus = _BONUS.search(subject)
    if bonus and not _DEBENTURE_BONUS.search(subject):
        given, held = int(bonus.group(1)), int(bonus.group(2))
        if given > 0 and held > 0:
            yield Part(ActionKind.BONUS, Fraction(given + held, held))


def _events(subject: str) -> Iterable[Part]:
    """A bonus of debentures takes value out of the share as a demerger does, and leaves the number of shares alone."""
    if _DEBENTURE_BONUS.search(subject) or (_DEMERGER.search(subject) and not _DIVIDEND_WORD.search(subject)):
        yield Part(ActionKind.DEMERGER)
    if _RIGHTS.search(subject):
        yield Part(ActionKind.RIGHTS)


def _dividend(subject: str) -> Iterable[Part]:
    """The sum of all amounts. A percentage of the face value is not an amount; a dividend without any is one of 0."""
    amounts = [Decimal(found.group(1)) for found in _DIVIDEND.finditer(subject)]
    if amounts or _DIVIDEND_WORD.search(subject):
        yield Part(ActionKind.DIVIDEND, dividend=int((sum(amounts, Decimal(0)) * 100).to_integral_value(ROUND_HALF_UP)))


def read_actions(instrument_id: str, rows: Iterable[tuple[date, str]]) -> tuple[CorporateAction, ...]:
    """(ex-date, subject) rows of one instrument to its actions, oldest first; equal rows are one action."""
    actions = {
        CorporateAction(instrument_id, ex_date, part.kind, part.ratio, part.dividend, subject)
        for ex_date, subject in set(rows)
        for part in read_purpose(subject)
    }
    order = list(ActionKind)
    return tuple(sorted(actions, key=lambda a: (a.ex_date, order.index(a.kind), a.ratio, a.dividend, a.subject)))
