"""Parse NSE's text of a corporate action into its parts: changes of the number of shares, and payments.

Only a bonus of equity shares and a split or consolidation of the face value change the number of shares. The whole text of that
part must fit the grammar. Preference shares, debentures, DVR shares and warrants do not change it. A text about shares that
does not fit is UNKNOWN: it is reported and never guessed. Source: NSE's list of corporate actions, typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from tradectl.marketdata.action_words import is_cancelled, plain
from tradectl.model.market import ActionKind

_AMOUNT = r"rs[ .\-]*(\d+(?:\.\d+)?)"
_PER_SHARE = r"(?:[ \-]*(?:per|each)(?: equity)?(?: share| unit)?s?)?"
_OF_SHARES = r"(?: of)?(?: the)?(?: equity)?(?: shares?)?(?: face value)?"
_NEXT = r"bonus|split|consolidation|face value|rights|special|interim|final|annual|and|plus"
_END = rf"(?=[ .\-]*(?:$|[/+&;,]|(?:{_NEXT})\b|\w* ?div|buy))"
"""Pattern of the end of a part: the end of the subject, a separator, or the beginning of another event."""
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
"""Separator inside one rights issue, such as `Rights 4:25 fully paid up / 2:25 partly paid up`."""
_MAY_CHANGE_SHARES = re.compile(
    r"\b(?:split|bonus|consolidation|reduction|amalgamation|merger|reconstruction|swap|sub)\b|\bface value\b|\d+:\d+|"
    r"\brs[ .\-]*\d[\d.]*[a-z \-]* to rs\b|\b\d+ [a-z ]*for (?:every )?\d+\b|\bexchange of shares?\b|\bcapital restructur"
)
_SPEAKS_OF_SHARES = re.compile(
    r"s[pl]{1,2}[il]*t|b.?[ou]n|consol|sub|reduc|capital|sche?me|arr?an|amalg|merg|reconst|right|face|\bf\.?\s*v|:|\bto\s+r|"
    r"\bfor\b|swap|exchang|restruct|spin|hive|warrant|debent|prefer|stock",
    re.IGNORECASE,
)
"""Pattern of a text that may concern shares. Other texts, mostly about dividends and meetings, are not parsed further."""

_RUPEES = r"(?:rs|re)[.\s\-/]*"
_PAID = r"(\d+(?:\.\d+)?)"
_DIVIDEND = re.compile(
    rf"(?:\b|int\w*|(?=dividend))di(?:v|dv)(?!is)[a-z]*[\s.:\-]*(?:{_RUPEES})*{_PAID}(?!\d|\.\d|\s*%)", re.IGNORECASE
)
_DIVIDEND_WORD = re.compile(r"(?:\b|int\w*|(?=dividend))di(?:v|dv)(?!is)", re.IGNORECASE)


class Part(Struct, frozen=True):
    """Represent one part of a subject.

    `ratio`: new shares for one old. `dividend`: paise per share. `offered`: shares that a rights issue offers for one held."""

    kind: ActionKind
    ratio: Fraction = Fraction(1)
    dividend: int = 0
    offered: Fraction = Fraction(0)


def speaks_of_shares(subject: str) -> bool:
    """Return whether a text may concern shares, by a fast test before parsing."""
    return _SPEAKS_OF_SHARES.search(subject) is not None


@lru_cache(maxsize=20_000)
def read_purpose(subject: str) -> tuple[Part, ...]:
    """Return the parts of one subject in this order: share changes, demerger and rights, unknown, dividend.

    A subject without any of these gives one part of kind OTHER. A cancelled event about shares gives UNKNOWN."""
    parts = list(_of_shares(plain(subject))) if speaks_of_shares(subject) else []
    if parts and is_cancelled(subject):
        parts = [Part(ActionKind.UNKNOWN)]
    return (*parts, *_dividend(subject)) or (Part(ActionKind.OTHER),)


def _of_shares(text: str) -> Iterator[Part]:
    """Yield the events about shares in a text in plain spelling.

    Parsed parts are removed. If the rest may change the number of shares, the result has UNKNOWN and no share change."""
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
"""Reduction of the face value of each share, paid or written off. The number of shares stays the same."""


def _of_another_security(clause: str) -> tuple[list[Part], str]:
    """Return the events of a clause about another security, and the text that still has to be parsed.

    A bonus of preference shares, debentures, DVR shares or warrants lowers the price like a demerger, and the number of shares
    stays the same. A clause with two ratios may also give equity shares, so its text is returned."""
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
    """Return the part of a split between two face values; None if the new value is not lower."""
    before, after = Fraction(old), Fraction(new)
    return Part(ActionKind.SPLIT, before / after) if before > after > 0 else None


def _consolidation(old: str, new: str) -> Part | None:
    """Return the part of a consolidation between two face values; None if the new value is not higher."""
    before, after = Fraction(old), Fraction(new)
    return Part(ActionKind.CONSOLIDATION, before / after) if 0 < before < after else None


def _bonus(given: str, held: str) -> Part | None:
    """Return the part of a bonus of `given` new shares for `held` old ones; None if a number is 0."""
    new, old = int(given), int(held)
    return Part(ActionKind.BONUS, Fraction(new + old, old)) if new > 0 and old > 0 else None


def _offered(clause: str) -> Fraction:
    """Return how many shares the rights issues of a clause offer in total for one held; 0 if the text has no ratio."""
    pairs = [(int(given), int(held)) for given, held in re.findall(r"(\d+):(\d+)", clause)]
    return sum((Fraction(given, held) for given, held in pairs if held), Fraction(0))


def dividends(subject: str) -> list[tuple[str, Decimal]]:
    """Return each dividend of a subject: its name `interim`, `special` or `final`, and its amount in rupees per share.

    The amount is the first number after a word that begins with `div`. A percentage of the face value is not an amount."""
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
    """Yield one part with the sum of all dividends of a subject. A dividend without an amount counts as 0."""
    amounts = [amount for _, amount in dividends(subject)]
    if amounts or _DIVIDEND_WORD.search(subject):
        yield Part(ActionKind.DIVIDEND, dividend=in_paise(amounts))
