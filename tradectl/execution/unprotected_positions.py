"""Unprotected positions: open positions in market hours that no live sell order covers, each with its cause.

The decisions here are pure. The sell monitor gathers the facts after each step (`tasks.sell_monitor.unprotected_check`); other
commands derive the same findings from the ledger and the clock (`runtime.exposure`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from tradectl.errors import Blocked, TradectlError
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.sessions import FILL_YEAR
from tradectl.execution.unresolved_orders import DECIDED
from tradectl.ledger.arming import BROKER, Arming
from tradectl.ledger.executions import SKEW
from tradectl.ledger.intents import REAPPEARED, WITHDRAWN
from tradectl.ledger.rows import Order, Position
from tradectl.model.moment import to_ist
from tradectl.model.money import show_rupees
from tradectl.model.order import ALIVE, Holding, OrderReport, OrderStatus, Purpose, Side

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.ledger.book import Book
    from tradectl.ledger.snapshot import Snapshot
    from tradectl.ledger.store import Ledger
    from tradectl.ports import HaltMarker, MarketData

REACTION = timedelta(minutes=2)
"""How long a position may be uncovered before a cause that the next step may remove becomes a finding."""
AGAIN = 2
"""How many sells of a session the broker must have cancelled by itself before that counts as a refusal."""
MARKET_HOURS = frozenset(
    {
        PhaseKind.CONTINUOUS,
        PhaseKind.CLOSING_REFERENCE,
        PhaseKind.CLOSING_AUCTION,
        PhaseKind.CLOSING_AUCTION_LIMIT,
        PhaseKind.CLOSING_MATCHING,
    }
)
"""The phases in which a sell may rest at the exchange and trade."""
_AUTHORISATION = re.compile(
    r"authori[sz]ation at (the )?depository|needs? authori[sz]ation|\b(TPIN|e-?DIS|CDSL|DDPI)\b", re.IGNORECASE
)
"""Words of a refusal for want of the holder's authorisation (Kite: "... quantity needs authorisation at depository.")."""


class Cause(StrEnum):
    """Why no live sell order covers a position."""

    HALTED = "halted"
    NOT_ARMED = "not_armed"
    LOGIN_NEEDED = "login_needed"
    BROKER_UNREACHABLE = "broker_unreachable"
    UNREADABLE_ROW = "unreadable_row"  # a row of the broker about it cannot be read
    OUTCOME_UNKNOWN = "outcome_unknown"
    UNKNOWN_WORD = "unknown_word"  # the broker's status of its sell is not known: whether it still rests is not known
    UNIDENTIFIED = "unidentified"  # a sell under a tag of ours that the ledger cannot explain
    MONITOR_NOT_RUNNING = "monitor_not_running"
    MISSED_WINDOW = "missed_window"
    PLEDGED = "pledged"
    MISSING = "missing"  # renamed, moved or sold at the broker
    NOT_YET_SELLABLE = "not_yet_sellable"
    AUTHORISATION = "authorisation"
    REFUSED = "refused"
    CORPORATE_ACTION = "corporate_action"  # unknown, or of another number of shares than the broker shows
    DATA_MISSING = "data_missing"
    OFF_BAND = "off_band"
    FREEZE_QUANTITY = "freeze_quantity"  # one order may not have all shares
    OWN_BUY = "own_buy"  # a buy order of ours would trade with the sell
    AUCTION = "auction"  # continuous trading has ended for the stock
    CALENDAR = "calendar"  # no list of holidays reaches the day, and no broker has shown that the market is open
    FAILED = "failed"  # the step of the monitor failed
    UNEXPLAINED = "unexplained"


INFORMATION = frozenset({Cause.NOT_YET_SELLABLE})
"""Causes that no operator can remove and that end by themselves: reported once, without an exit code."""
AT_ONCE = frozenset(
    {
        Cause.HALTED,
        Cause.NOT_ARMED,
        Cause.LOGIN_NEEDED,
        Cause.PLEDGED,
        Cause.NOT_YET_SELLABLE,
        Cause.AUTHORISATION,
        Cause.CORPORATE_ACTION,
        Cause.REFUSED,
        Cause.OFF_BAND,
        Cause.UNREADABLE_ROW,
    }
)
"""Causes that no next step removes by itself: reported without waiting for `REACTION`."""
ADVICE: Mapping[Cause, str] = {
    Cause.HALTED: "`tradectl resume` lets sell-monitor place the sell.",
    Cause.NOT_ARMED: "`tradectl broker arm` lets sell-monitor place the sell.",
    Cause.LOGIN_NEEDED: "`tradectl login` lets sell-monitor go on.",
    Cause.BROKER_UNREACHABLE: "sell-monitor tries again each minute; `tradectl doctor` checks the broker.",
    Cause.OUTCOME_UNKNOWN: "`tradectl orders resolve ORDER` decides it.",
    Cause.UNKNOWN_WORD: (
        "Look at the order in the broker's app: where it has ended there, sell by hand. No second sell is sent meanwhile."
    ),
    Cause.UNIDENTIFIED: "`tradectl orders adopt ORDER`, or with `--not-ours`, decides it.",
    Cause.MONITOR_NOT_RUNNING: "`tradectl sell-monitor --until last-fill` or `tradectl daemon` runs it.",
    Cause.MISSED_WINDOW: "`tradectl sell-monitor --force` runs it now.",
    Cause.UNREADABLE_ROW: "Look at it in the broker's app; sell-monitor places the sell when the row can be read.",
    Cause.PLEDGED: "Release the shares at the broker; sell-monitor then places the sell.",
    Cause.MISSING: "`tradectl reconcile` compares the book with the broker.",
    Cause.NOT_YET_SELLABLE: "sell-monitor places the sell when they may be sold; there is nothing to do.",
    Cause.AUTHORISATION: "Authorise the sale at the depository (TPIN), or sign a DDPI with the broker.",
    Cause.REFUSED: "sell-monitor tries again after 15 minutes; `tradectl orders list` shows the orders.",
    Cause.CORPORATE_ACTION: (
        "Nothing is sold or bought of it. Compare the broker's statement; `tradectl data actions list` shows what is known, "
        "`set` and `ignore` decide it."
    ),
    Cause.DATA_MISSING: "`tradectl data check` and `tradectl doctor` show which data are missing.",
    Cause.OFF_BAND: "sell-monitor places the sell when the band holds its price.",
    Cause.FREEZE_QUANTITY: "sell-monitor offers the rest when the first order has filled; it can be sold by hand before.",
    Cause.OWN_BUY: "`tradectl orders list` shows the buy; `tradectl orders cancel ORDER` ends it.",
    Cause.AUCTION: "tradectl places no sell now; it can be sold by hand, or by sell-monitor in the next session.",
    Cause.CALENDAR: f"Where the market is open, `tradectl run-due` looks for the proof again. {FILL_YEAR}",
    Cause.FAILED: "`tradectl logs --level error` shows the failure.",
    Cause.UNEXPLAINED: "`tradectl sell-monitor --once` looks again.",
}
"""What helps, by cause."""


@dataclass(frozen=True, slots=True)
class Unprotected:
    """A finding: `shares` of a position's `quantity` have no live sell order. `since`: when that began, at the latest; `as_of`:
    when the cause was determined, perhaps by another process."""

    position_id: int
    instrument_id: str
    symbol: str
    shares: int
    quantity: int
    cause: Cause
    detail: str
    since: datetime
    as_of: datetime

    @property
    def grave(self) -> bool:
        """Whether it needs a person: it is in the exit code."""
        return self.cause not in INFORMATION

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be reported by now."""
        return self.cause in AT_ONCE or now - self.since >= REACTION

    @property
    def text(self) -> str:
        """One line: what happened, what it means for the money, what helps."""
        what = f"{self.symbol}: {self.shares} of {self.quantity} shares have no live sell order"
        return f"{what} ({self.cause.replace('_', ' ')}): {self.detail}. {ADVICE[self.cause]}"

    @property
    def shown(self) -> dict[str, str | int | bool]:
        """As JSON values."""
        return {
            "symbol": self.symbol,
            "shares": self.shares,
            "quantity": self.quantity,
            "cause": str(self.cause),
            "detail": self.detail,
            "grave": self.grave,
            "since": to_ist(self.since).isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one position that is not covered. Prices in paise.

    `halted`: the reason of a halt, None where the account is not halted. `failure`: the cause and text of a step that failed.
    `unknown`: a sell order of unknown outcome. `unread`: a live sell order with the broker's status word for it, which is not
    known. `held`: the broker's row of the symbol, None where it has none; meaningful only if
    `read`. `tied`: shares bought today in a trade-for-trade series. `credited`: new shares of corporate actions of the last days,
    which may not be credited yet. `refused`: the reason of the last sell order of the session, if it was rejected. `taken_back`:
    the sells of the session that the broker cancelled by itself. `stopped`: the corporate action that keeps it from being sold.
    `missing`: which data are missing. `price`: what the sell should ask, `band` the limits of the day. `most`: the largest
    quantity of one order at the broker.
    """

    shares: int
    quantity: int
    halted: str | None = None
    armed: bool = True
    failure: tuple[Cause, str] | None = None
    unknown: Order | None = None
    unread: tuple[Order, str] | None = None
    continuous: bool = True
    read: bool = False
    held: Holding | None = None
    tied: int = 0
    credited: int = 0
    refused: str | None = None
    taken_back: Sequence[Order] = ()
    stopped: str = ""
    missing: str = ""
    price: int | None = None
    band: tuple[int | None, int | None] = (None, None)
    own_buy: Order | None = None
    most: int | None = None


def in_market_hours(session: Session | None, now: datetime, closing_auctions: Iterable[bool]) -> bool:
    """Return whether a sell of a stock may rest and trade now: in the hours of any of its kinds, where more than one may be its
    own. A session on which tradectl does not run has no such hours."""
    if session is None or not session.runs:
        return False
    phases = (session.phase_at(now, closing_auction) for closing_auction in closing_auctions)
    return any(phase is not None and phase.kind in MARKET_HOURS for phase in phases)


def closing_auctions(market: MarketData, position: Position, day: date) -> tuple[tuple[bool, ...], str]:
    """Return the kinds of stock that a position may be of, and why the market data cannot say it: then both, for a finding must
    not depend on data that may be damaged."""
    try:
        return market.instrument(position.instrument_id, day).closing_auctions, ""
    except TradectlError as error:
        return (False, True), str(error).rstrip(".") or type(error).__name__


def exposed_shares(
    book: Book, position: Position, orders: Iterable[Order], session: Session, now: datetime, *, kinds: Sequence[bool]
) -> int:
    """Return how many shares of a position have no live sell in the market hours of its stock.

    Where the kind of the stock is not known and the hours of one kind are over, a sell that rested until then still counts: the
    exchange may have ended it with them."""
    shares = uncovered(position, orders, session.date)
    if not shares or not in_market_hours(session, now, kinds):
        return 0
    over = [session.continuous_end(kind) for kind in kinds if not in_market_hours(session, now, (kind,))]
    closed = [end for end in over if end <= now]
    if not closed:
        return shares
    rested = (
        order.quantity - order.filled_quantity
        for order in _sells(book, position, session.date)
        if order.status is OrderStatus.CANCELLED and order.updated_at >= min(closed)
    )
    return max(0, shares - sum(rested))


def uncovered(position: Position, orders: Iterable[Order], session: date) -> int:
    """Return how many shares of a position no live sell order of a session covers.

    An order counts with what is left of it while it may trade: it has the broker's id and its outcome is known. An order of an
    earlier session has ended with it, whatever the ledger still says.
    """
    left = position.quantity
    for order in orders:
        if order.instrument_id == position.instrument_id and _covers(order, session):
            left -= order.quantity - order.filled_quantity
    return max(0, left)


def _covers(order: Order, session: date) -> bool:
    known = order.status is not OrderStatus.UNKNOWN and order.broker_order_id is not None
    return order.side is Side.SELL and order.status in ALIVE and known and order.session == session


def proved(orders: Iterable[Order], unread: Mapping[int, OrderReport]) -> list[Order]:
    """Return the orders without those whose status word at the broker is not known (`Book.unread`): such a sell may have ended,
    and proves no cover."""
    return [order for order in orders if order.id not in unread]


def unread_sell(position: Position, orders: Iterable[Order], unread: Mapping[int, OrderReport], session: date) -> Order | None:
    """Return a sell order of a position that would cover it, and whose status word at the broker is not known."""
    of = (order for order in orders if order.id in unread and order.instrument_id == position.instrument_id)
    return next((order for order in of if _covers(order, session)), None)


def unresolved_sell(position: Position, orders: Iterable[Order]) -> Order | None:
    """Return a sell order of a position with an unknown outcome: UNKNOWN, or marked as being sent and never answered."""
    for order in orders:
        sent = order.side is Side.SELL and order.alive and order.sending_at is not None
        answered = order.broker_order_id is not None and order.status is not OrderStatus.UNKNOWN
        if sent and not answered and order.instrument_id == position.instrument_id:
            return order
    return None


def exposed_since(book: Book, position: Position, session: date, opened: datetime, now: datetime) -> datetime:
    """Return since when a position of now can have been uncovered in a session: its open, the last buy fill, or the end of the
    last sell order that covered it. A rejected order never covered anything. Of the sells that the broker took back by itself
    only the first counts: a position whose sells are taken back again and again has been without one since then. A moment that
    has not come was written by a clock that was ahead, and says nothing."""
    buys: list[datetime] = [
        row.at
        for row in book.fills(session=session, ours=True)
        if row.instrument_id == position.instrument_id and row.side == Side.BUY
    ]
    sells = _sells(book, position, session)
    again = taken_back(sells)[1:]
    covered = {OrderStatus.CANCELLED, OrderStatus.EXECUTED}
    ends = [order.updated_at for order in sells if order.status in covered and order not in again]
    return max([opened, *(moment for moment in (*buys, *ends) if moment <= now + SKEW)])


def taken_back(sells: Iterable[Order]) -> list[Order]:
    """Return the sells of a position that the broker cancelled by itself, oldest first: their end was not asked for here."""
    return [
        order
        for order in sells
        if order.status is OrderStatus.CANCELLED
        and order.broker_order_id is not None
        and order.reason not in {WITHDRAWN, REAPPEARED}
        and not order.reason.startswith(DECIDED)
    ]


def taken_back_in(book: Book, position: Position, session: date) -> list[Order]:
    """Return the sells of a position in a session that the broker cancelled by itself, oldest first."""
    return taken_back(_sells(book, position, session))


def sells_of(book: Book, position: Position, session: date) -> list[Order]:
    """Return the sells of a position in a session, oldest first, ended ones and refused ones too."""
    sells = (order for order in book.orders(session=session) if order.side is Side.SELL)
    return [order for order in sells if order.instrument_id == position.instrument_id]


def _sells(book: Book, position: Position, session: date) -> list[Order]:
    """Return the sells of a position in a session that the broker took, oldest first, ended ones too."""
    return [order for order in sells_of(book, position, session) if order.broker_order_id is not None]


def cause_of(facts: Facts) -> tuple[Cause, str]:
    """Return why a position is not covered, and the facts in words. What makes everything else pointless comes first."""
    if facts.halted is not None:
        return Cause.HALTED, f"the account is halted, {facts.halted or 'without a reason'}"
    if not facts.armed:
        return Cause.NOT_ARMED, "live orders are not armed"
    if facts.failure is not None:
        return facts.failure
    if facts.unknown is not None:
        order = facts.unknown
        if order.purpose is Purpose.UNIDENTIFIED:
            return Cause.UNIDENTIFIED, f"order {order.id} offers shares of it, and {order.reason}"
        if _AUTHORISATION.search(order.reason):
            text = f"the broker replied to its sell order {order.id}: {order.reason.rstrip('.')}"
            return Cause.AUTHORISATION, f"{text}; whether it took the order is not known, `tradectl orders resolve` decides that"
        return Cause.OUTCOME_UNKNOWN, f"the outcome of its sell order {order.id} is not known ({order.reason or 'no answer'})"
    if facts.unread is not None:
        order, word = facts.unread
        return Cause.UNKNOWN_WORD, f"the broker's status {word!r} of its sell order {order.id} is not known, nor whether it rests"
    if facts.stopped:
        return Cause.CORPORATE_ACTION, facts.stopped
    refused = _refusal(facts)
    short = _short(facts) if facts.read else None
    if short is not None:
        return refused if refused is not None and short[0] in INFORMATION else short
    if not facts.continuous:
        return Cause.AUCTION, "continuous trading has ended for this stock"
    if refused is not None:
        return refused
    if facts.missing:
        return Cause.DATA_MISSING, facts.missing
    if facts.price is not None and not fits(facts.price, facts.band):
        low, high = (show_rupees(limit) if limit is not None else "none" for limit in facts.band)
        return Cause.OFF_BAND, f"the sell at {show_rupees(facts.price)} is outside the day's band, {low} to {high}"
    if facts.own_buy is not None:
        order = facts.own_buy
        return Cause.OWN_BUY, f"buy order {order.id} at {show_rupees(order.price)} is not confirmed cancelled"
    if facts.most is not None and facts.quantity > facts.most:
        return Cause.FREEZE_QUANTITY, f"the broker takes at most {facts.most} shares in one order (its freeze quantity)"
    return Cause.UNEXPLAINED, "sell-monitor placed no sell and found no reason"


def halted_by(snapshot: Snapshot, marker: HaltMarker) -> str | None:
    """Return the reason of a halt, in the ledger or in the halt marker; None where the account is not halted. A marker that
    cannot be read halts too."""
    if snapshot.trading_state == "HALTED":
        return snapshot.state_reason
    try:
        marked = marker.read()
    except Blocked as unreadable:
        return str(unreadable)
    return marked.reason if marked.state == "HALTED" else None


def is_armed(ledger: Ledger) -> bool:
    """Return whether orders may go out. A home without a broker trades on paper, where they always may."""
    broker = ledger.settings.plain(BROKER)
    return broker is None or Arming(ledger, broker).since() is not None


def refusal(reason: str) -> tuple[Cause, str]:
    """Return the cause that a broker's refusal of a sell order means."""
    if _AUTHORISATION.search(reason):
        return Cause.AUTHORISATION, f"the broker refused the sell: {reason.rstrip('.')}"
    return Cause.REFUSED, f"the broker refused the sell: {reason.rstrip('.') or 'no reason given'}"


def _refusal(facts: Facts) -> tuple[Cause, str] | None:
    """Return the cause that the last sell of the session, refused or taken back again, means; None where it was neither."""
    if facts.refused is not None:
        return refusal(facts.refused)
    if len(facts.taken_back) < AGAIN:
        return None
    last = facts.taken_back[-1]
    text = (
        f"the broker cancelled {len(facts.taken_back)} sells of today by itself, the last at {to_ist(last.updated_at):%H:%M:%S}"
    )
    why = last.reason.rstrip(".") or "no reason given"
    cause = Cause.AUTHORISATION if _AUTHORISATION.search(why) else Cause.REFUSED
    return cause, f"{text}: {why}"


def fits(price: int, band: tuple[int | None, int | None]) -> bool:
    """Return whether the exchange takes a price (paise) within a day's band."""
    low, high = band
    return (low is None or price >= low) and (high is None or price <= high)


def _short(facts: Facts) -> tuple[Cause, str] | None:
    """Return why the broker lets fewer shares be sold than the position has; None where it lets all be sold.

    That shares need only time is the cause where it explains every share without a sell, and no other cause explains less."""
    held = facts.held or Holding("", 0, 0, 0)
    lacking = facts.quantity - held.sellable
    if lacking <= 0:
        return None
    shown = held.quantity + held.t1_quantity
    of = f"{held.sellable} of {facts.quantity} shares may be sold"
    uncredited = min(facts.credited, max(0, facts.quantity - shown))
    needs_time = max(facts.tied, held.t1_quantity) + uncredited
    if lacking <= needs_time:
        if facts.shares > needs_time:
            return None
        if lacking <= facts.tied:
            return Cause.NOT_YET_SELLABLE, f"{facts.tied} were bought today in a trade-for-trade series"
        if uncredited:
            return Cause.NOT_YET_SELLABLE, f"{uncredited} shares of a corporate action are not credited yet, {of}"
        return Cause.NOT_YET_SELLABLE, f"the broker lists {held.t1_quantity} shares as not delivered yet, {of}"
    if held.pledged and shown + held.pledged + uncredited >= facts.quantity:
        return Cause.PLEDGED, f"the broker lists {held.pledged} shares as pledged, {of}"
    if shown + uncredited >= facts.quantity:
        return Cause.PLEDGED, f"the broker lists {shown} shares, pledged or blocked: {of}"
    if held.other_isin:
        return Cause.MISSING, f"the broker's shares of this name are another security, ISIN {held.other_isin}: not offered"
    return (
        Cause.MISSING,
        f"the broker lists {shown} of {facts.quantity} shares under this symbol (renamed, moved or sold elsewhere)",
    )
