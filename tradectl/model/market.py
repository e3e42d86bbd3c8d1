"""Define instruments, bars, quotes and corporate actions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct


class Instrument(Struct, frozen=True):
    """A security with its properties on one session.

    Attributes:
        instrument_id: The newest symbol of its chain of renames.
        symbol: Its symbol on that session.
        tick_size: In paise.
        closing_auction: Whether it has a closing auction.
        derivatives: Whether it has derivatives, and so a dynamic band.
        derivatives_known: False if no imported list shows whether it has derivatives.
    """

    instrument_id: str
    symbol: str
    series: str
    isin: str | None
    tick_size: int
    lot_size: int = 1
    closing_auction: bool = False
    derivatives: bool = False
    name: str = ""
    derivatives_known: bool = True

    @property
    def closing_auctions(self) -> tuple[bool, ...]:
        """Return the values of `closing_auction` whose hours its orders must observe; both if the value is not known."""
        return (self.closing_auction,) if self.derivatives_known else (False, True)


class Bar(Struct, frozen=True):
    """The bar of one session, as traded: prices in paise, volume in shares. `provisional`: made from quotes."""

    session: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    series: str = "EQ"
    provisional: bool = False


class Quote(Struct, frozen=True):
    """The last price of a symbol. Prices are in paise.

    Attributes:
        at: The time of the quote.
        delay: The age of quotes that the source declares.
        last_trade_at: The time of the last trade; None if the source does not report it.
        open, high, low, volume: Those of the day so far; None before its first trade.
        lower_band, upper_band: The day's band; None if the source has none.
    """

    symbol: str
    last: int
    at: datetime
    source: str
    delay: timedelta = timedelta(0)
    last_trade_at: datetime | None = None
    open: int | None = None
    high: int | None = None
    low: int | None = None
    volume: int | None = None
    lower_band: int | None = None
    upper_band: int | None = None


class ActionKind(StrEnum):
    """The kind of a corporate action."""

    SPLIT = "split"
    BONUS = "bonus"
    CONSOLIDATION = "consolidation"
    DEMERGER = "demerger"
    RIGHTS = "rights"
    DIVIDEND = "dividend"
    OTHER = "other"
    UNKNOWN = "unknown"
    """It may change the number of shares, but its text does not state how. A person must decide (`data actions`)."""
    ACCEPTED = "accepted"
    """A person decided that nothing changes the shares on this date, and that the stored prices are correct."""


class CorporateAction(Struct, frozen=True):
    """A corporate action of one security. The price factor of a demerger is not stored: it is known only at the ex-date's open.

    Attributes:
        ratio: New shares for one old share (split 10:1: 10, bonus 1:1: 2); 1 if the number of shares does not change.
        dividend: Paise for one share.
        subject: The text of the exchange.
        offered: Shares that a rights issue offers for one share held.
    """

    instrument_id: str
    ex_date: date
    kind: ActionKind
    ratio: Fraction = Fraction(1)
    dividend: int = 0
    subject: str = ""
    offered: Fraction = Fraction(0)


def changes_shares(action: CorporateAction) -> bool:
    """Return whether an action changes the number of shares."""
    return action.ratio != 1


def bars_entry(action: CorporateAction) -> bool:
    """Return whether an action forbids new entries on its ex-date."""
    return action.kind in _BARRING


_BARRING = frozenset(
    {
        ActionKind.SPLIT,
        ActionKind.BONUS,
        ActionKind.CONSOLIDATION,
        ActionKind.DEMERGER,
        ActionKind.RIGHTS,
        ActionKind.UNKNOWN,
    }
)
