"""What is traded and what it did: instrument, bar, quote, corporate action."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Instrument:
    """A security as it is on one session.

    `instrument_id` is the last name of its chain of renames and never changes; `symbol` is its name on that session;
    `tick_size` is in paise; `closing_auction` and `derivatives` say whether it has a closing auction and a dynamic band;
    `derivatives_known` is False where no imported list says whether it has derivatives.
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
        """The kinds of stock whose hours bind its orders: both where the kind is not known."""
        return (self.closing_auction,) if self.derivatives_known else (False, True)


@dataclass(frozen=True, slots=True)
class Bar:
    """One session as traded: prices in paise, volume in shares. `provisional`: made from a quote, not the final file."""

    session: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    series: str = "EQ"
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """The last price of a symbol with its time and source. Prices in paise; `delay` is what the source declares.

    `open`, `high`, `low`, `volume` are the day's so far, None before the first trade. `last_trade_at` is when `last` traded.
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
    SPLIT = "split"
    BONUS = "bonus"
    CONSOLIDATION = "consolidation"
    DEMERGER = "demerger"
    RIGHTS = "rights"
    DIVIDEND = "dividend"
    OTHER = "other"
    UNKNOWN = "unknown"
    """It may change the number of shares, and its text does not say how. A person decides (`data actions`)."""
    ACCEPTED = "accepted"
    """A person decided that nothing changes the shares on this date, and that the prices are right as they are."""


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """One thing that happens to a security on its ex-date.

    `ratio` is new shares for one old share (split 10:1 -> 10, bonus 1:1 -> 2, 1 where shares do not change). A demerger's
    price factor is not known before the open of its ex-date, so it is not here. `dividend` is in paise a share. `offered`: shares
    that a rights issue offers for one held.
    """

    instrument_id: str
    ex_date: date
    kind: ActionKind
    ratio: Fraction = Fraction(1)
    dividend: int = 0
    subject: str = ""
    offered: Fraction = Fraction(0)


def changes_shares(action: CorporateAction) -> bool:
    return action.ratio != 1


def bars_entry(action: CorporateAction) -> bool:
    """Whether a session that is this action's ex-date is closed to new entries."""
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
