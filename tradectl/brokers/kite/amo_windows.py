"""Choose the path of a command about an order at Kite, and reject commands while Kite releases AMO orders.

Before the first phase of its session, an after-market order is changed by the path `amo`, afterwards by `regular`. Its row
still has `amo` then. With the wrong path the request hangs (source: kite.trade forum 40302).
"""

from __future__ import annotations

from datetime import datetime

from tradectl.errors import Blocked
from tradectl.exchange.amo_windows import is_on, quiet_time
from tradectl.exchange.sessions import SessionTable
from tradectl.model.moment import ist_date
from tradectl.model.order import Variety

PATHS = {Variety.REGULAR: "regular", Variety.AMO: "amo"}


def check_quiet(sessions: SessionTable, now: datetime) -> None:
    """Raise Blocked while after-market orders are on their way to the exchange, UncoveredDate outside the session table."""
    quiet = quiet_time(sessions, now)
    if quiet is not None:
        begin, end = quiet
        raise Blocked(f"from {begin:%H:%M:%S} to {end:%H:%M:%S} Kite releases AMO orders to NSE: nothing is sent to Kite")


def path_of(variety: Variety, sessions: SessionTable, now: datetime) -> str:
    """Return the path segment for a change or a cancel of a live order whose row has `variety`."""
    if variety is Variety.AMO and is_on(sessions.session(ist_date(now)), now):
        return PATHS[Variety.REGULAR]
    return PATHS[variety]
