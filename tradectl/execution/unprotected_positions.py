"""Name the cause of each unprotected position: an open position in market hours that no live sell order covers.

The decisions here are pure. The sell monitor gathers the facts after each step (`tasks.sell_monitor.unprotected_check`). Other
commands derive the same findings from the ledger and the clock (`runtime.exposure`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import Blocked
from tradectl.exchange.sessions import FILL_YEAR
from tradectl.execution.probable_renames import IMPORT_RENAMES
from tradectl.ledger.arming import BROKER, Arming
from tradectl.ledger.rows import Order
from tradectl.model.moment import to_ist
from tradectl.model.money import show_rupees
from tradectl.model.order import Holding, Purpose

if TYPE_CHECKING:
    from tradectl.ledger.snapshot import Snapshot
    from tradectl.ledger.store import Ledger
    from tradectl.ports import HaltMarker

REACTION = timedelta(minutes=2)
"""How long a position may be uncovered before a cause that the next step can remove becomes a finding."""
REPEATED_CANCELS = 2
"""How many sells of a session the broker must cancel by itself before that counts as a refusal."""
_AUTHORISATION = re.compile(
    r"authori[sz]ation at (the )?depository|needs? authori[sz]ation|\b(TPIN|e-?DIS|CDSL|DDPI)\b", re.IGNORECASE
)
"""Matches a refusal because the holder's authorisation is missing (Kite: "... quantity needs authorisation at depository.")."""


class Cause(StrEnum):
    """Why no live sell order covers a position."""

    HALTED = "halted"
    NOT_ARMED = "not_armed"
    LOGIN_NEEDED = "login_needed"
    BROKER_UNREACHABLE = "broker_unreachable"
    UNREADABLE_ROW = "unreadable_row"  # a row of the broker for its symbol cannot be read
    OUTCOME_UNKNOWN = "outcome_unknown"
    UNKNOWN_WORD = "unknown_word"  # the broker reports an unknown status for its sell, which may have ended
    UNIDENTIFIED = "unidentified"  # a sell under a tag of tradectl that no intent of the ledger explains
    MONITOR_NOT_RUNNING = "monitor_not_running"
    MISSED_WINDOW = "missed_window"
    NOT_SCHEDULED = "not_scheduled"  # its window has not begun or is over, so only `--force` runs the monitor
    PLEDGED = "pledged"
    MISSING = "missing"  # moved or sold at the broker
    RENAMED = "renamed"  # the broker lists the shares under a symbol that the list of renames does not have
    NOT_YET_SELLABLE = "not_yet_sellable"
    AUTHORISATION = "authorisation"
    REFUSED = "refused"
    STRATEGY_MISSING = "strategy_missing"  # the ledger has no readable text of the strategy that opened it
    NO_TARGET = "no_target"  # its strategy rests no sell; the monitor watches its exit and its stop
    STOP_NOT_WATCHED = "stop_not_watched"  # a sell rests, but no monitor compares prices with the stop
    CORPORATE_ACTION = "corporate_action"  # unknown, or the broker shows another number of shares
    DATA_MISSING = "data_missing"
    OFF_BAND = "off_band"
    FREEZE_QUANTITY = "freeze_quantity"  # the shares exceed the largest quantity of one order
    OWN_BUY = "own_buy"  # the user's own resting buy would trade with the sell
    AUCTION = "auction"  # continuous trading has ended for the stock
    CALENDAR = "calendar"  # no list of holidays reaches the day, and no broker has shown that the market is open
    FAILED = "failed"  # the step of the monitor failed
    UNEXPLAINED = "unexplained"


INFORMATION = frozenset({Cause.NOT_YET_SELLABLE, Cause.NO_TARGET})
"""Causes that need no action, since they end by themselves or by the rule: reported once, without an exit code."""
IMMEDIATE = frozenset(
    {
        Cause.HALTED,
        Cause.NOT_ARMED,
        Cause.LOGIN_NEEDED,
        Cause.PLEDGED,
        Cause.RENAMED,
        Cause.NOT_YET_SELLABLE,
        Cause.AUTHORISATION,
        Cause.CORPORATE_ACTION,
        Cause.REFUSED,
        Cause.STRATEGY_MISSING,
        Cause.NO_TARGET,
        Cause.OFF_BAND,
        Cause.UNREADABLE_ROW,
    }
)
"""Causes that a next step does not remove: reported without waiting for `REACTION`."""
ADVICE: Mapping[Cause, str] = {
    Cause.HALTED: "`tradectl resume` lets sell-monitor place the sell.",
    Cause.NOT_ARMED: "`tradectl broker arm` lets sell-monitor place the sell.",
    Cause.LOGIN_NEEDED: "`tradectl login` lets sell-monitor go on.",
    Cause.BROKER_UNREACHABLE: "sell-monitor tries again each minute; `tradectl doctor` checks the broker.",
    Cause.OUTCOME_UNKNOWN: "`tradectl orders resolve ORDER` decides it.",
    Cause.UNKNOWN_WORD: (
        "Look at the order in the broker's app: if it has ended there, sell manually. tradectl sends no second sell."
    ),
    Cause.UNIDENTIFIED: "Run `tradectl orders adopt ORDER`; add `--not-ours` if it is not tradectl's.",
    Cause.MONITOR_NOT_RUNNING: "`tradectl sell-monitor --until last-fill` or `tradectl daemon` runs it.",
    Cause.MISSED_WINDOW: "`tradectl sell-monitor --force` runs it now.",
    Cause.NOT_SCHEDULED: "`tradectl sell-monitor --force` runs it now; `tradectl schedule set` changes its hours.",
    Cause.UNREADABLE_ROW: "Look at it in the broker's app; sell-monitor places the sell when the row can be read.",
    Cause.PLEDGED: "Release the shares at the broker; then sell-monitor can sell them.",
    Cause.MISSING: "`tradectl reconcile` compares the ledger with the broker.",
    Cause.RENAMED: f"{IMPORT_RENAMES}. Then sell-monitor can sell it.",
    Cause.NOT_YET_SELLABLE: "No action is needed: sell-monitor sells when the shares become sellable.",
    Cause.AUTHORISATION: "Authorise the sale at the depository (TPIN), or sign a DDPI with the broker.",
    Cause.REFUSED: "sell-monitor tries again after 15 minutes; `tradectl orders list` shows the orders.",
    Cause.CORPORATE_ACTION: (
        "tradectl does not trade it. Compare the broker's statement; `tradectl data actions list` shows what is known, "
        "`set` and `ignore` decide it."
    ),
    Cause.STRATEGY_MISSING: "tradectl cannot sell it by its rules: sell it manually, or restore a backup that has the text.",
    Cause.NO_TARGET: "No action is needed while sell-monitor runs.",
    Cause.STOP_NOT_WATCHED: "`tradectl sell-monitor --force` runs it now, `tradectl doctor` checks the broker; or sell manually.",
    Cause.DATA_MISSING: "`tradectl data check` and `tradectl doctor` show which data are missing.",
    Cause.OFF_BAND: "sell-monitor places the sell when its price is within the band.",
    Cause.FREEZE_QUANTITY: "sell-monitor offers the rest when the first order has filled; or sell it manually before.",
    Cause.OWN_BUY: "`tradectl orders list` shows the buy; `tradectl orders cancel ORDER` ends it.",
    Cause.AUCTION: "tradectl places no sell now; sell manually, or sell-monitor sells in the next session.",
    Cause.CALENDAR: f"If the market is open, `tradectl run-due` checks this again. {FILL_YEAR}",
    Cause.FAILED: "`tradectl logs --level error` shows the failure.",
    Cause.UNEXPLAINED: "`tradectl sell-monitor --once --force` checks again.",
}
"""The command or action that helps, by cause."""


class Unprotected(Struct, frozen=True):
    """A finding: `shares` of a position's `quantity` have no live sell order, or a stop that is not watched.

    `since`: when that began, at the latest. `as_of`: when the cause was determined, possibly by another process."""

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
        """Return whether the finding needs a person; it then sets the exit code."""
        return self.cause not in INFORMATION

    def is_due(self, now: datetime) -> bool:
        """Return whether the finding is due to be reported."""
        return self.cause in IMMEDIATE or now - self.since >= REACTION

    @property
    def text(self) -> str:
        """Return one line: what happened, what it means for the money, what helps."""
        what = f"{self.symbol}: {self.shares} of {self.quantity} shares have no live sell order"
        if self.cause is Cause.STOP_NOT_WATCHED:
            what = f"{self.symbol}: nothing protects {self.shares} shares below their stop"
        return f"{what} ({self.cause.replace('_', ' ')}): {self.detail}. {ADVICE[self.cause]}"

    @property
    def shown(self) -> dict[str, str | int | bool]:
        """Return the finding as JSON values."""
        return {
            "symbol": self.symbol,
            "shares": self.shares,
            "quantity": self.quantity,
            "cause": str(self.cause),
            "detail": self.detail,
            "grave": self.grave,
            "since": to_ist(self.since).isoformat(),
        }


class ExposureFacts(Struct, frozen=True):
    """The facts about one position that is not covered.

    Attributes:
        shares: Shares without a live sell.
        quantity: Shares of the position.
        halted: The reason of a halt; None where the account is not halted.
        failure: The cause and text of a failed step.
        unknown: A sell order whose outcome is not known.
        unread: A live sell order, and the broker's unknown status text for it.
        read: Whether the holdings were read.
        held: The broker's row of the symbol; None without a row. Only valid if `read`.
        renamed: A probable rename of the position, as text; empty if there is none.
        trade_for_trade: Shares bought today in a trade-for-trade series.
        credited: New shares of recent corporate actions, which may not be credited yet.
        refused: The reason of the session's last sell order, if it was rejected.
        cancelled_by_broker: The session's sells that the broker cancelled by itself.
        stopped: The corporate action that blocks the sale.
        missing: Which data are missing.
        strategy_missing: Why the text of the strategy that opened it cannot be used; empty if it can.
        without_target: Why its own strategy rests no sell; empty where a sell should rest.
        price: The wanted limit of the sell, in paise.
        band: The day's price band, in paise.
        own_buy: The user's own resting buy that the sell would trade with.
        max_quantity: The largest quantity of one order at the broker.
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
    renamed: str = ""
    trade_for_trade: int = 0
    credited: int = 0
    refused: str | None = None
    cancelled_by_broker: Sequence[Order] = ()
    stopped: str = ""
    missing: str = ""
    strategy_missing: str = ""
    without_target: str = ""
    price: int | None = None
    band: tuple[int | None, int | None] = (None, None)
    own_buy: Order | None = None
    max_quantity: int | None = None


def cause_of(facts: ExposureFacts) -> tuple[Cause, str]:
    """Return why a position is not covered, and the facts as text. The cause that prevents all later steps comes first."""
    if facts.halted is not None:
        return Cause.HALTED, f"the account is halted, {facts.halted or 'without a reason'}"
    if not facts.armed:
        return Cause.NOT_ARMED, "live orders are not armed"
    if facts.failure is not None:
        return facts.failure
    if facts.unknown is not None:
        order = facts.unknown
        if order.purpose is Purpose.UNIDENTIFIED:
            return Cause.UNIDENTIFIED, f"order {order.id} sells shares of this symbol: {order.reason}"
        if _AUTHORISATION.search(order.reason):
            text = f"the broker replied to its sell order {order.id}: {order.reason.rstrip('.')}"
            return Cause.AUTHORISATION, f"{text}; the order's outcome is unknown: use `tradectl orders resolve`"
        return Cause.OUTCOME_UNKNOWN, f"the outcome of its sell order {order.id} is not known ({order.reason or 'no answer'})"
    if facts.unread is not None:
        order, word = facts.unread
        return Cause.UNKNOWN_WORD, f"the broker's status {word!r} of sell order {order.id} is unknown: the order may not be live"
    if facts.stopped:
        return Cause.CORPORATE_ACTION, facts.stopped
    if facts.strategy_missing:
        return Cause.STRATEGY_MISSING, facts.strategy_missing
    shortage = _shortage(facts) if facts.read else None
    if facts.without_target:
        if shortage is None or shortage[0] in INFORMATION:
            return Cause.NO_TARGET, facts.without_target
        return shortage[0], f"{shortage[1]}; {facts.without_target}"
    refused = _refusal(facts)
    if shortage is not None:
        return refused if refused is not None and shortage[0] in INFORMATION else shortage
    if not facts.continuous:
        return Cause.AUCTION, "continuous trading has ended for this stock"
    if refused is not None:
        return refused
    if facts.missing:
        return Cause.DATA_MISSING, facts.missing
    if facts.price is not None and not fits_band(facts.price, facts.band):
        low, high = (show_rupees(limit) if limit is not None else "none" for limit in facts.band)
        return Cause.OFF_BAND, f"the sell at {show_rupees(facts.price)} is outside the day's band, {low} to {high}"
    if facts.own_buy is not None:
        order = facts.own_buy
        return Cause.OWN_BUY, f"buy order {order.id} at {show_rupees(order.price)} is not confirmed cancelled"
    if facts.max_quantity is not None and facts.quantity > facts.max_quantity:
        return Cause.FREEZE_QUANTITY, f"the broker takes at most {facts.max_quantity} shares in one order (its freeze quantity)"
    return Cause.UNEXPLAINED, "sell-monitor placed no sell and found no reason"


def halted_by(snapshot: Snapshot, marker: HaltMarker) -> str | None:
    """Return the reason of a halt, in the ledger or in the halt marker; None where the account is not halted. A marker that
    cannot be read counts as a halt."""
    if snapshot.trading_state == "HALTED":
        return snapshot.state_reason
    try:
        marked = marker.read()
    except Blocked as unreadable:
        return str(unreadable)
    return marked.reason if marked.state == "HALTED" else None


def is_armed(ledger: Ledger) -> bool:
    """Return whether orders may be sent. A home without a broker trades on paper, where they always may."""
    broker = ledger.settings.plain(BROKER)
    return broker is None or Arming(ledger, broker).since() is not None


def refusal(reason: str) -> tuple[Cause, str]:
    """Return the cause that a broker's refusal of a sell order means."""
    if _AUTHORISATION.search(reason):
        return Cause.AUTHORISATION, f"the broker refused the sell: {reason.rstrip('.')}"
    return Cause.REFUSED, f"the broker refused the sell: {reason.rstrip('.') or 'no reason given'}"


def _refusal(facts: ExposureFacts) -> tuple[Cause, str] | None:
    """Return the cause if the session's last sell was refused or repeatedly cancelled by the broker; None otherwise."""
    if facts.refused is not None:
        return refusal(facts.refused)
    if len(facts.cancelled_by_broker) < REPEATED_CANCELS:
        return None
    last = facts.cancelled_by_broker[-1]
    count = len(facts.cancelled_by_broker)
    text = f"the broker cancelled {count} sells of today by itself, the last at {to_ist(last.updated_at):%H:%M:%S}"
    why = last.reason.rstrip(".") or "no reason given"
    cause = Cause.AUTHORISATION if _AUTHORISATION.search(why) else Cause.REFUSED
    return cause, f"{text}: {why}"


def fits_band(price: int, band: tuple[int | None, int | None]) -> bool:
    """Return whether a price (paise) is within a day's band."""
    low, high = band
    return (low is None or price >= low) and (high is None or price <= high)


def _shortage(facts: ExposureFacts) -> tuple[Cause, str] | None:
    """Return why fewer shares may be sold at the broker than the position has; None if all may be sold.

    NOT_YET_SELLABLE is returned only if it explains every share without a sell."""
    held = facts.held or Holding("", 0, 0, 0)
    lacking = facts.quantity - held.sellable
    if lacking <= 0:
        return None
    shown = held.quantity + held.t1_quantity
    of = f"{held.sellable} of {facts.quantity} shares may be sold"
    uncredited = min(facts.credited, max(0, facts.quantity - shown))
    needs_time = max(facts.trade_for_trade, held.t1_quantity) + uncredited
    if lacking <= needs_time:
        if facts.shares > needs_time:
            return None
        if lacking <= facts.trade_for_trade:
            return Cause.NOT_YET_SELLABLE, f"{facts.trade_for_trade} shares were bought today in a trade-for-trade series"
        if uncredited:
            return Cause.NOT_YET_SELLABLE, f"{uncredited} shares of a corporate action are not credited yet, {of}"
        return Cause.NOT_YET_SELLABLE, f"the broker lists {held.t1_quantity} shares as not delivered yet, {of}"
    if held.pledged and shown + held.pledged + uncredited >= facts.quantity:
        return Cause.PLEDGED, f"the broker lists {held.pledged} shares as pledged, {of}"
    if shown + uncredited >= facts.quantity:
        return Cause.PLEDGED, f"the broker lists {shown} shares, pledged or blocked: {of}"
    if facts.renamed:
        return Cause.RENAMED, facts.renamed
    if held.other_isin:
        return (
            Cause.MISSING,
            f"the broker's shares under this symbol are another security, ISIN {held.other_isin}: tradectl does not sell them",
        )
    return (
        Cause.MISSING,
        f"the broker lists {shown} of {facts.quantity} shares under this symbol (moved or sold elsewhere, or renamed)",
    )
