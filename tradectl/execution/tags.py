"""Client tags: a hash of the fields that identify an intent, and the search for the intent of a tag.

A restarted process computes the same tag for the same intent. So a tag in the broker's book proves which intent an order belongs
to, even if the ledger has lost the order. `identify` computes the tags of all possible intents and compares them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import date, timedelta

from tradectl.ledger.rows import Intent
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderReport, Purpose, Side
from tradectl.model.rule_names import MOST_REENTRIES

TAG_LENGTH = 15
"""The base32 characters of a tag."""
ENTRY_LEG = "entry:1"
"""The leg of every entry. A leg distinguishes orders of equal purpose, session and instrument; an entry has only one."""
SESSIONS_AHEAD = 10
"""The most calendar days between the placing of an after-market order and its session."""
POSITIONS_AHEAD = 200
"""How many positions a ledger may have lost, for example by the restore of a backup."""
SALES = (Purpose.TARGET, Purpose.RSI_EXIT, Purpose.EXIT, Purpose.STOP)
"""The purposes of sells."""
BUYS, GENERATIONS = range(2, MOST_REENTRIES + 2), range(40)
"""The numbers of re-entry buys and the generations that `identify` tries."""


def client_tag(user: str, intent: Intent, generation: int) -> str:
    """Return 15 base32 characters of a SHA-256 of user, intent and `generation` (0: the first order)."""
    return _hashed(user, intent.session.isoformat(), intent.purpose, intent.instrument_id, intent.leg, str(generation))


def position_leg(position_id: int) -> str:
    """Return the leg of a sell."""
    return f"P{position_id}"


def reentry_leg(position_id: int, buy: int) -> str:
    """Return the leg of the buy number `buy` of a position."""
    return f"P{position_id}:{buy}"


def identify(user: str, report: OrderReport, instrument_id: str, *, positions: int) -> tuple[Purpose, date, str, int] | None:
    """Return purpose, session, leg and generation of the intent that a reported order's tag names; None if there is none.

    `positions`: the highest position id in the ledger. Only intents with the order's side and instrument are compared.
    """
    begin = _first_bytes(report.tag)
    if begin is None:
        return None
    for purpose, session, leg, generations in _candidates(report, positions):
        stem = hashlib.sha256(_joined(user, session.isoformat(), purpose, instrument_id, leg, ""))
        for generation in generations:
            tried = stem.copy()
            tried.update(str(generation).encode())
            digest = tried.digest()
            if digest.startswith(begin) and _encoded(digest) == report.tag:
                return purpose, session, leg, generation
    return None


def _candidates(report: OrderReport, positions: int) -> Iterator[tuple[Purpose, date, str, range]]:
    """Yield purpose, session, leg and generations of the intents that a reported order may belong to."""
    placed, ids = ist_date(report.placed_at), range(1, positions + POSITIONS_AHEAD + 1)
    if report.side is Side.SELL:  # sells go out in their own session
        legs = [(purpose, position_leg(number)) for purpose in SALES for number in ids]
        days = [placed]
    else:
        legs = [(Purpose.ENTRY, ENTRY_LEG)]
        legs += [(Purpose.REENTRY, reentry_leg(number, buy)) for number in ids for buy in BUYS]
        days = [placed + timedelta(days=ahead) for ahead in range(SESSIONS_AHEAD + 1)]
    generations = GENERATIONS if report.side is Side.SELL else GENERATIONS[:8]
    yield from ((purpose, day, leg, generations) for day in days for purpose, leg in legs)


def _first_bytes(tag: str | None) -> bytes | None:
    """Return the first bytes of the hash in a tag, which are faster to compare than its text; None if it is no tag of ours."""
    if tag is None or len(tag) != TAG_LENGTH:
        return None
    try:
        return base64.b32decode(tag[:8])
    except ValueError:
        return None


def _hashed(*parts: str) -> str:
    return _encoded(hashlib.sha256(_joined(*parts)).digest())


def _joined(*parts: str) -> bytes:
    return "\x1f".join(parts).encode()


def _encoded(digest: bytes) -> str:
    return base64.b32encode(digest).decode()[:TAG_LENGTH]
