"""Parse the announcements of one instrument into corporate actions: each event once, with the operator's decisions applied.

The same event is announced in several wordings and files, and again when it is revised. If two announcements contradict each
other and neither is marked as revised, the event is UNKNOWN. An UNKNOWN event is reported, never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from msgspec import Struct

from tradectl.marketdata.action_words import is_revised, plain
from tradectl.marketdata.purpose import Part, dividends, in_paise, read_purpose
from tradectl.model.market import ActionKind, CorporateAction

NEAR = timedelta(days=45)
"""Two announcements of the same share change within this time are one event: a second event needs a new shareholder vote."""
SHARE_CHANGES = (ActionKind.SPLIT, ActionKind.BONUS, ActionKind.CONSOLIDATION)
_ORDER = {kind: number for number, kind in enumerate(ActionKind)}


class Decision(Struct, frozen=True):
    """Represent the operator's decision about one ex-date of an instrument.

    `ratio`: new shares for one old; None for a demerger. `set` False: the number of shares does not change, and the prices
    are right as stored. `decided_at`: ISO text, UTC."""

    ex_date: date
    set: bool
    ratio: Fraction | None
    note: str
    decided_at: str

    def action(self, instrument_id: str) -> CorporateAction:
        """Return the corporate action that results from the decision."""
        text = f"decided {self.decided_at[:10]}" + (f": {self.note}" if self.note else "")
        if not self.set:
            return CorporateAction(instrument_id, self.ex_date, ActionKind.ACCEPTED, subject=f"accepted as it is, {text}")
        if self.ratio is None:
            return CorporateAction(instrument_id, self.ex_date, ActionKind.DEMERGER, subject=f"Demerger, {text}")
        kind = ActionKind.SPLIT if self.ratio > 1 else ActionKind.CONSOLIDATION
        return CorporateAction(instrument_id, self.ex_date, kind, self.ratio, subject=f"{self.ratio} for 1, {text}")


class _Announcement(Struct, frozen=True):
    """One part of one announcement."""

    ex_date: date
    part: Part
    subject: str

    @property
    def revised(self) -> bool:
        return is_revised(self.subject)


def read_actions(
    instrument_id: str, rows: Iterable[tuple[date, str]], decisions: Iterable[Decision] = ()
) -> tuple[CorporateAction, ...]:
    """Return the actions that the (ex-date, subject) rows of one instrument announce, oldest first, each event once.

    A decision replaces the announcements of its ex-date that concern shares."""
    announced = [
        _Announcement(ex_date, part, subject) for ex_date, subject in sorted(set(rows)) for part in read_purpose(subject)
    ]
    decided = {item.ex_date: item for item in decisions}
    announced = [item for item in announced if not _settled(item, decided.get(item.ex_date))]
    known = _without_superseded([item for item in announced if item.part.kind in SHARE_CHANGES])
    others = [item for item in announced if item.part.kind not in (*SHARE_CHANGES, ActionKind.DIVIDEND)]
    found = [*known, *_others(others, known), *_dividends(announced)]
    actions = [
        CorporateAction(instrument_id, t.ex_date, t.part.kind, t.part.ratio, t.part.dividend, t.subject, t.part.offered)
        for t in found
    ]
    actions += [item.action(instrument_id) for item in decided.values()]
    return tuple(sorted(actions, key=lambda a: (a.ex_date, _ORDER[a.kind], a.ratio, a.dividend, a.subject)))


def _settled(item: _Announcement, decision: Decision | None) -> bool:
    """Return whether the operator's decision replaces an announcement."""
    if decision is None:
        return False
    replaced = (*SHARE_CHANGES, ActionKind.UNKNOWN)
    return item.part.kind in replaced or (item.part.kind is ActionKind.DEMERGER and not (decision.set and decision.ratio))


def _without_superseded(announced: Sequence[_Announcement]) -> list[_Announcement]:
    """Return each share change once. Contradicting announcements become one UNKNOWN event."""
    found: list[_Announcement] = []
    for day, of_day in groupby(announced, key=lambda item: item.ex_date):
        of_kind: dict[ActionKind, list[_Announcement]] = {}
        for item in of_day:
            of_kind.setdefault(item.part.kind, []).append(item)
        found += [_one(day, items) for items in of_kind.values()]
    return _without_near(found)


def _one(day: date, items: Sequence[_Announcement]) -> _Announcement:
    """Return the event that the announcements of one kind and ex-date describe; UNKNOWN if their ratios contradict."""
    ratios = {item.part.ratio for item in items}
    if len(ratios) > 1:
        revised = [item for item in items if item.revised]
        if len({item.part.ratio for item in revised}) != 1:
            return _Announcement(day, Part(ActionKind.UNKNOWN), " | ".join(item.subject for item in items))
        items = revised
    return items[0]


def _without_near(found: Sequence[_Announcement]) -> list[_Announcement]:
    """Drop announcements that a revised one of a near ex-date replaces.

    Equal announcements of near ex-dates become UNKNOWN if none or several are marked as revised."""
    kept = []
    for item in found:
        twins = [
            other
            for other in found
            if other is not item and other.part == item.part and abs(other.ex_date - item.ex_date) <= NEAR
        ]
        if item.part.kind is ActionKind.UNKNOWN or not twins:
            kept.append(item)
        elif item.revised != twins[0].revised and len(twins) == 1:
            kept += [item] if item.revised else []
        else:
            text = f"{item.subject} (also announced for {', '.join(str(twin.ex_date) for twin in twins)})"
            kept.append(_Announcement(item.ex_date, Part(ActionKind.UNKNOWN), text))
    return kept


def _others(announced: Sequence[_Announcement], known: Sequence[_Announcement]) -> list[_Announcement]:
    """Return demergers, rights issues, unknown and other events, each once per ex-date."""
    found: dict[tuple[date, Part], _Announcement] = {}
    for item in announced:
        kind = item.part.kind
        if kind is ActionKind.UNKNOWN and _is_explained(item, known):
            continue
        found.setdefault((item.ex_date, item.part), item)
    return list(found.values())


def _is_explained(item: _Announcement, known: Sequence[_Announcement]) -> bool:
    """Return whether an incomplete text (`Stock Split`) names only events that other texts of its ex-date give in full."""
    words = plain(item.subject)
    named = {kind for kind in (*SHARE_CHANGES, "reduction", "amalgamation", "merger", "reconstruction") if kind in words}
    kinds = {str(other.part.kind) for other in known if other.ex_date == item.ex_date}
    return bool(named) and named <= kinds and not any(letter.isdecimal() for letter in words)


def _dividends(announced: Sequence[_Announcement]) -> list[_Announcement]:
    """Return the dividends: one for each announcement with an amount that no earlier announcement of its ex-date has."""
    found = []
    rows = [item for item in announced if item.part.kind is ActionKind.DIVIDEND]
    paid = {id(item): Counter(dividends(item.subject)) for item in rows}
    revised = [item for item in rows if item.revised]
    for item in rows:
        for other in revised:
            if not item.revised and abs(other.ex_date - item.ex_date) <= NEAR:
                paid[id(item)] = _not_revised(paid[id(item)], paid[id(other)], same_day=other.ex_date == item.ex_date)
    for _, of_day in groupby(rows, key=lambda item: item.ex_date):
        counted: Counter[tuple[str, Decimal]] = Counter()
        first = True
        for item in of_day:
            own = paid[id(item)] - counted
            counted |= paid[id(item)]
            if own or (first and not dividends(item.subject)):
                amount = in_paise(value for (_, value), times in own.items() for _ in range(times))
                found.append(_Announcement(item.ex_date, Part(ActionKind.DIVIDEND, dividend=amount), item.subject))
                first = False
    return found


def _not_revised(
    paid: Counter[tuple[str, Decimal]], revised: Counter[tuple[str, Decimal]], *, same_day: bool
) -> Counter[tuple[str, Decimal]]:
    """Return the dividends of an announcement that its revised version does not replace.

    On the same ex-date, a dividend is replaced by one of the same name; on another, by one of the same name and amount."""
    names = {name for name, _ in revised}
    return Counter({key: n for key, n in paid.items() if not (key[0] in names if same_day else key in revised)})
