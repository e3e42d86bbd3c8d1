"""When a command goes which way, and when none is sent.

An after-market order is stored at the broker until the first phase of its session begins (09:00). Until then it is changed by
the path `amo`, from then on by `regular`, although its row says `amo` for ever; with the wrong path the request hangs
(source: kite.trade forum 40302). Between the end of the AMO window and that moment nothing can be done, and what Kite answers
then is not known: nothing is sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tradectl.errors import Blocked
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import Variety

QUIET_BEFORE, QUIET_AFTER = timedelta(minutes=5), timedelta(seconds=30)
"""From 08:55:00 to 09:00:30 on an ordinary day. The AMO window ends at 08:58 (support.zerodha.com; older copies say 08:57)."""
PATHS = {Variety.REGULAR: "regular", Variety.AMO: "amo"}


def check_quiet(sessions: SessionTable, now: datetime) -> None:
    """Blocked while after-market orders are on their way to the exchange. UncoveredDate outside the session table."""
    starts = _starts(sessions.session(ist_date(now)))
    if starts is not None and starts - QUIET_BEFORE <= now < starts + QUIET_AFTER:
        begin, end = to_ist(starts - QUIET_BEFORE), to_ist(starts + QUIET_AFTER)
        raise Blocked(f"from {begin:%H:%M:%S} to {end:%H:%M:%S} Kite hands orders to the exchange: nothing is sent to it")


def path_of(variety: Variety, sessions: SessionTable, now: datetime) -> str:
    """The variety in the path of a change or a cancel of a live order whose row says `variety`."""
    session = sessions.session(ist_date(now))
    if variety is Variety.AMO and session is not None:
        phases = session.phases(closing_auction=False)
        if phases[0].start <= now < phases[-1].end:
            return PATHS[Variety.REGULAR]
    return PATHS[variety]


def _starts(session: Session | None) -> datetime | None:
    return session.phases(closing_auction=False)[0].start if session is not None else None
