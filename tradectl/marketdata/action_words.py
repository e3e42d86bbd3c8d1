"""Convert NSE's corporate-action texts to one spelling for the grammar of `purpose`.

The texts are typed by hand. A word that is one letter away from a term of the grammar is corrected: `Splt`, `Bouns`. A word
with a meaning of its own is never corrected (`bonds` is not `bonus`).
"""

from __future__ import annotations

import re
from functools import lru_cache

KEYWORDS = (
    "split", "bonus", "consolidation", "subdivision", "scheme", "arrangement", "amalgamation", "merger", "demerger",
    "reduction", "capital", "rights", "preference", "debenture", "warrant", "reconstruction",
)  # fmt: skip
"""Terms by which the grammar recognises an event. Typing errors are corrected only for these terms."""
_ORDINARY = frozenset(("rate", "sale", "same", "share", "shares", "bondholders", "division", "merge"))
_SAME = {
    "splits": "split", "spl": "split", "splitting": "split", "subdivision": "split",
    "consol": "consolidation", "consolidated": "consolidation",
    "fv": "face value", "facevalue": "face value", "frm": "from", "re": "rs", "inr": "rs", "rupee": "rs", "rupees": "rs",
    "arrangements": "arrangement", "schemes": "scheme", "right": "rights", "rht": "rights", "warrants": "warrant",
    "debentures": "debenture", "bond": "debenture", "bonds": "debenture", "ncd": "debenture", "ncds": "debenture",
    "ocd": "debenture", "ccd": "debenture", "fcd": "debenture",
    "pref": "preference", "ncrps": "preference", "ncrp": "preference", "ccps": "preference", "ocps": "preference",
    "rps": "preference", "nccps": "preference", "crps": "preference", "ncps": "preference",
    "amalgamated": "amalgamation", "demerged": "demerger", "merged": "merger", "eq": "equity", "sh": "share", "shr": "share",
}  # fmt: skip
_REVISED_IN_BRACKETS = re.compile(r"\(+[^()]*\b(?:revis|updat|resched)\w*[^()]*\)*", re.IGNORECASE)
_REVISED_WORDS = re.compile(
    r"\b(?:(?:record|purpose|book|closure|bc|ex|dates?|rate|and)[\s\-]+)*(?:revised|updated)\b", re.IGNORECASE
)
_CANCELLED = re.compile(r"\b(?:cancel|withdraw|defer|postpon)\w*", re.IGNORECASE)
_SLASH_OF_AN_AMOUNT = re.compile(r"(?<=\d)\s*/\s*-|(?<=\d)\s*/(?=\s*per\b)", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")
_PIECES = (
    (re.compile(r"sub[\s\-]*divi", re.IGNORECASE), "subdivi"),
    (re.compile(r"de[\s\-]+merge", re.IGNORECASE), "demerge"),
    (re.compile(r"spin[\s\-]*off|hive[\s\-]*off", re.IGNORECASE), "demerger"),
    (re.compile(r"\bf\s*\.\s*v\b\.?", re.IGNORECASE), "fv"),
    (re.compile(r"\bfv(?=spl)", re.IGNORECASE), "fv "),
    (re.compile(r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)", re.IGNORECASE), " "),
)


def has_typing_error(subject: str) -> bool:
    """Return whether a text has a typing error that is corrected to a term of the grammar."""
    return any(_corrected(word) for word in _WORD.findall(subject.lower()))


def is_revised(subject: str) -> bool:
    """Return whether a text is marked as revised, so that it replaces an earlier one."""
    return re.search(r"\b(?:revis|updat|resched)", subject, re.IGNORECASE) is not None


def is_cancelled(subject: str) -> bool:
    """Return whether a text cancels its event or moves the event to another date."""
    return _CANCELLED.search(subject) is not None


def plain(subject: str) -> str:
    """Return a text in lower case and in the spelling of the grammar, with single spaces.

    `Rs 10/-` becomes `rs 10`, so that each remaining `/` separates two events. Remarks such as `(revised)` are removed."""
    text = _REVISED_IN_BRACKETS.sub(" ", subject)
    text = _REVISED_WORDS.sub(" ", text)
    text = _SLASH_OF_AN_AMOUNT.sub(" ", text)
    for pattern, spelling in _PIECES:
        text = pattern.sub(spelling, text)
    text = re.sub(r"[^a-z0-9.:/+&;,\- ]", " ", text.lower())
    text = re.sub(r"\brs\s*\.", "rs ", text)
    text = _WORD.sub(lambda found: _spelled(found.group()), text)
    text = re.sub(r"\b(\d+)\s*:\s*(\d+)\b", r"\1:\2", text)
    return re.sub(r"\s+", " ", text).strip()


@lru_cache(maxsize=4096)
def _spelled(word: str) -> str:
    if word in _SAME:
        return _SAME[word]
    keyword = _corrected(word)
    return _SAME.get(keyword, keyword) or word


def _corrected(word: str) -> str:
    """Return the term of the grammar that a word with one typing error stands for; empty for any other word."""
    if word in _SAME or word in _ORDINARY or word in KEYWORDS or len(word) < 4:
        return ""
    near = [keyword for keyword in KEYWORDS if _one_letter_away(word, keyword)]
    return near[0] if len(near) == 1 else ""


def _one_letter_away(word: str, other: str) -> bool:
    """Return whether two words differ by one missing, added or replaced letter, or by two swapped neighbours."""
    if abs(len(word) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    rest, other_rest = word[start:], other[start:]
    return (
        rest[1:] == other_rest
        or rest == other_rest[1:]
        or rest[1:] == other_rest[1:]
        or (rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])
    )
