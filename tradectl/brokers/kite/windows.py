"""When a command goes which way, and when none is sent.

An after-market order is stored at the broker until the first phase of its session begins (09:00). Until then it is changed by
the path `amo`, from then on by `regular`, although its row says `amo` for ever; with the wrong path the request hangs
(source: kite.trade forum 40302). Between the end of the AMO window and that moment nothing can be done, and what Kite answers
then is not known: nothing is sent.
"""

from __future__ import annotations

from datetime import datetime

from tradectl.errors import Blocked
from tradectl.exchange.amo_windows import handover, is_handover
from tradectl.exchange.sessions import SessionTable
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import Variety

PATHS = {Variety.REGULAR: "regular", Variety.AMO: "amo"}


def check_quiet(sessions: SessionTable, now: datetime) -> None:
    """Blocked while after-market orders are on their way to the exchange. UncoveredDate outside the session table."""
    session = sessions.session(ist_date(now))
    if session is not None and is_handover(session, now):
        begin, end = map(to_ist, handover(session))
        raise Blocked(f"from {begin:%H:%M:%S} to {end:%H:%M:%S} Kite hands orders to the exchange: nothing is sent to it")


def path_of(variety: Variety, sessions: SessionTable, now: datetime) -> str:
    """The variety in the path of a change or a cancel of a live order whose row says `variety`."""
    session = sessions.session(ist_date(now))
    if variety is Variety.AMO and session is not None:
        phases = session.phases(closing_auction=False)
        if phases[0].start <= now < phases[-1].end:
            return PATHS[Variety.REGULAR]
    return PATHS[variety]
