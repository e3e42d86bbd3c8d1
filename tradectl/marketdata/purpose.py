"""NSE's text of a corporate action, read into its parts: what happens to the number of shares, and what is paid.

Only a bonus of equity shares and a split or consolidation of the face value change the number of shares, and only where
the whole text of that part fits the grammar. Preference shares, debentures, DVR shares and warrants leave it alone. What
speaks of shares and does not fit is UNKNOWN: it is reported and never guessed. Source: NSE's list of corporate actions, typed
by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache

from tradectl.marketdata.action_words import is_cancelled, plain
from tradectl.model.market import ActionKind

_AMOUNT = r"rs[ .\-]*(\d+(?:\.\d+)?)"
_PER_SHARE = r"(?:[ \-]*(?:per|each)(?: equity)?(?: share| unit)?s?)?"
_OF_SHARES = r"(?: of)?(?: the)?(?: equity)?(?: shares?)?(?: face value)?"
_NEXT = r"bonus|split|consolidation|face value|rights|special|interim|final|annual|and|plus"
_END = rf"(?=[ .\-]*(?:$|[/+&;,]|(?:{_NEXT})\b|\w* ?div|buy))"
"""Where the text of a part may end: at the end of the subject, at a separator, or where another event begins."""
_FROM_TO = rf"[ :\-]*(?:from[ :\-]*)?{_AMOUNT}{_PER_SHARE}[ \-]*to[ :\-]*{_AMOUNT}{_PER_SHARE}"
_OF_WHAT = r"(?:(?:stock|share|equity|face value)s?[ \-]*)*\b"
_SPLIT = re.compile(rf"{_OF_WHAT}split(?:[ \-]*split)*{_OF_SHARES}{_FROM_TO}{_END}")
_CONSOLIDATION = re.compile(rf"{_OF_WHAT}consolidation{_OF_SHARES}{_FROM_TO}{_END}")
_BONUS = re.compile(
    r"(?:issue of )?\bbonus(?: issue)?(?: of)?(?: fully paid(?: up)?)?(?: equity)?(?: shares?)?"
    r"(?: in)?(?: the)?(?: ratio)?(?: of)?[ :\-]*(\d+)(?::| (?:new )?(?:equity )?shares? for (?:every )?)(\d+)"
    rf"(?: (?:equity )?shares?(?: held)?)?{_END}"
)
_OTHER_SECURITY = re.compile(r"\b(?:preference|debenture|dvr|warrant|convertible|differential)\b")
_CLAUSE = re.compile(r"[/+;]")
_REDUCTION = re.compile(r"\breduction\b")
_SCHEME = re.compile(
    r"\bdemerger\b|(?<!pursuant to )\bscheme of (?:arrangement|amalgamation|reconstruction)|\bcomposite scheme\b|\barrangement\b"
)
_RIGHTS = re.compile(r"\brights\b")
_ONE_RIGHTS_ISSUE = re.compile(r"/(?= *\d+:\d+ [a-z ]*paid)")
"""`Rights 4:25 fully paid up / 2:25 partly paid up` is one event."""
_MAY_CHANGE_SHARES = re.compile(
    r"\b(?:split|bonus|consolidation|reduction|amalgamation|merger|reconstruction|swap|sub)\b|\bface value\b|\d+:\d+|"
    r"\brs[ .\-]*\d[\d.]*[a-z \-]* to rs\b|\b\d+ [a-z ]*for (?:every )?\d+\b|\bexchange of shares?\b|\bcapital restructur"
)
_SPEAKS_OF_SHARES = re.compile(
    r"s[pl]{1,2}[il]*t|b.?[ou]n|consol|sub|reduc|capital|sche?me|arr?an|amalg|merg|reconst|right|face|\bf\.?\s*v|:|\bto\s+r|"
    r"\bfor\b|swap|exchang|restruct|spin|hive|warrant|debent|prefer|stock",
    re.IGNORECASE,
)
"""A text without any of these cannot speak of shares: it is not looked at closer. Most texts are of dividends and meetings."""

_RUPEES = r"(?:rs|re)[.\s\-/]*"
_PAID = r"(\d+(?:\.\d+)?)"
_DIVIDEND = re.compile(
    rf"(?:\b|int\w*|(?=dividend))di(?:v|dv)(?!is)[a-z]*[\s.:\-]*(?:{_RUPEES})*{_PAID}(?!\d|\.\d|\s*%)", re.IGNORECASE
)
_DIVIDEND_WORD = re.compile(r"(?:\b|int\w*|(?=dividend))di(?:v|dv)(?!is)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a subject. `ratio`: new shares for one old; `dividend`: paise a share; `offered`: rights for one share."""

    kind: ActionKind
    ratio: Fraction = Fraction(1)
    dividend: int = 0
    offered: Fraction = Fraction(0)


def speaks_of_shares(subject: str) -> bool:
    """Return whether a text may be about anything but a dividend or a meeting: a cheap look before reading it."""
    return _SPEAKS_OF_SHARES.search(subject) is not None


@lru_cache(maxsize=20_000)
def read_purpose(subject: str) -> tuple[Part, ...]:
    """Return the parts of one subject: share changes, demerger, rights, unknown, dividend, in this order.

    OTHER alone where no part means anything for a holder. An event that the text calls off is OTHER too."""
    parts = list(_of_shares(plain(subject))) if speaks_of_shares(subject) else []
    if parts and is_cancelled(subject):
        parts = [Part(ActionKind.UNKNOWN)]
    return (*parts, *_dividend(subject)) or (Part(ActionKind.OTHER),)


def _of_shares(text: str) -> Iterator[Part]:
    """Yield the events about shares in a text of plain spelling. Parsed parts are removed, and the rest must be harmless."""
    changes: list[Part] = []
    events: list[Part] = []
    unknown = False
    rest = []
    for clause in _CLAUSE.split(_ONE_RIGHTS_ISSUE.sub(" and ", text) if _RIGHTS.search(text) else text):
        left = clause
        if _OTHER_SECURITY.search(clause) and not _RIGHTS.search(clause):
            known, left = _of_another_security(clause)
            events += known
        elif _RIGHTS.search(clause):
            events.append(Part(ActionKind.RIGHTS, offered=_offered(clause)))
            left = re.sub(r"\brights\b.*", "", clause)
        elif not _REDUCTION.search(clause):
            for pattern, reader in ((_SPLIT, _split), (_CONSOLIDATION, _consolidation), (_BONUS, _bonus)):
                for found in pattern.finditer(left):
                    part = reader(*found.groups())
                    unknown |= part is None
                    changes += [part] if part is not None else []
                left = pattern.sub(" ", left)
        rest.append(left)
    left = " / ".join(rest)
    if _SCHEME.search(left):
        events.insert(0, Part(ActionKind.DEMERGER))
        left = _SCHEME_WORDS.sub(" ", left)
    if _REDUCTION.search(left):
        unknown |= bool(changes) or _FACE_VALUE_REDUCED.sub(" ", left).strip(" /.-") != ""
        left = ""
    unknown |= _MAY_CHANGE_SHARES.search(left) is not None
    if unknown:
        changes = []
    yield from changes
    yield from dict.fromkeys(events)
    if unknown:
        yield Part(ActionKind.UNKNOWN)


_SCHEME_WORDS = re.compile(r"\b(?:composite|scheme|of|arrangement|amalgamation|reconstruction|merger|and|demerger|pursuant|to)\b")
_FACE_VALUE_REDUCED = re.compile(rf"\b(?:capital reduction|reduction of (?:share )?capital){_FROM_TO}")
"""A lower face value of each share, paid off or written off: as many shares as before."""


def _of_another_security(clause: str) -> tuple[list[Part], str]:
    """Return what a clause about another security means for the share, and what is left to look at.

    A bonus of preference shares, debentures, DVR shares or warrants takes value out of the share as a demerger does, and leaves
    the number of shares alone. A clause with two ratios may give equity shares as well: it stays to be looked at."""
    ratios = re.findall(r"\d+:\d+", clause)
    equity = re.search(r"\bbonus\b.*\bequity\b(?! share(?:s)?(?: held)?[ .\-]*$)(?!.*\b(?:for|per|held)\b)", clause)
    if len(ratios) > 1:
        return [], clause
    if re.search(r"\bbonus\b", clause):
        if re.search(r"\bequity (?:shares? )?(?:and|&)", clause) or (equity and re.search(r"\b(?:and|&)\b", clause)):
            return [], clause
        return [Part(ActionKind.DEMERGER)], "scheme of arrangement" if _SCHEME.search(clause) else ""
    if _SCHEME.search(clause):
        return [], clause
    return [], ""


def _split(old: str, new: str) -> Part | None:
    """Return the part of a split from one face value to another; None where the values are no split."""
    before, after = Fraction(old), Fraction(new)
    return Part(ActionKind.SPLIT, before / after) if before > after > 0 else None


def _consolidation(old: str, new: str) -> Part | None:
    before, after = Fraction(old), Fraction(new)
    return Part(ActionKind.CONSOLIDATION, before / after) if 0 < before < after else None


def _bonus(given: str, held: str) -> Part | None:
    new, old = int(given), int(held)
    return Part(ActionKind.BONUS, Fraction(new + old, old)) if new > 0 and old > 0 else None


def _offered(clause: str) -> Fraction:
    """Return the shares that rights issues offer for one held, in total; 0 if the text does not contain it."""
    pairs = [(int(given), int(held)) for given, held in re.findall(r"(\d+):(\d+)", clause)]
    return sum((Fraction(given, held) for given, held in pairs if held), Fraction(0))


def dividends(subject: str) -> list[tuple[str, Decimal]]:
    """Return each dividend of a subject: `interim`, `special` or `final`, and the rupees per share.

    The amount is the first number after a term that begins with `div`. A percentage of the face value is not an amount."""
    found, end = [], 0
    for amount in _DIVIDEND.finditer(subject):
        before = subject[end : amount.start() + 3].lower()
        name = "special" if "special" in before else "interim" if re.search(r"int", before) else "final"
        found.append((name, Decimal(amount.group(1))))
        end = amount.end()
    return found


def in_paise(amounts: Iterable[Decimal]) -> int:
    """Return the sum of rupee amounts in whole paise, rounded half up."""
    return int((sum(amounts, Decimal(0)) * 100).to_integral_value(ROUND_HALF_UP))


def _dividend(subject: str) -> Iterable[Part]:
    """Yield the sum of all amounts; a dividend without any is one of 0."""
    amounts = [amount for _, amount in dividends(subject)]
    if amounts or _DIVIDEND_WORD.search(subject):
        yield Part(ActionKind.DIVIDEND, dividend=in_paise(amounts))
