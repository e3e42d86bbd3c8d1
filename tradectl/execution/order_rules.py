"""The rules of an order's price and quantity, from the broker's list of instruments or else from the exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from math import lcm
from typing import TypeGuard

from tradectl.errors import BrokerUnavailable, UsageError
from tradectl.ports import ListsOrderRules, MarketData, OrderRules


@dataclass(slots=True, eq=False)
class BrokerOrderRules:
    """Return the tick size and the freeze quantity that the broker accepts.

    Attributes:
        listed: The broker's list of instruments. None: the broker has no list, and the exchange's rules count.
        log: `log(action, message, symbol=…)` writes a line to the user's log.
    """

    listed: ListsOrderRules | None
    market: MarketData
    log: Callable[..., None]
    unread: set[str] = field(default_factory=set, init=False, repr=False)
    """Symbols whose unreadable row in the broker's list has been logged."""

    @classmethod
    def of(cls, broker: object, market: MarketData, log: Callable[..., None]) -> BrokerOrderRules:
        """Return the rules of a broker's orders; `broker` may have a list of instruments (port `ListsOrderRules`)."""
        return cls(broker if _has_list(broker) else None, market, log)

    def tick_size(self, instrument_id: str, session: date) -> int:
        """Return the tick size (paise) of an order for a session: from the broker's list, if the list is of that session.

        With an older list the result fits both the list and the exchange's rule for the session. Without a row in the list the
        exchange's rule counts."""
        instrument = self.market.instrument(instrument_id, session)
        row = self._row(instrument.symbol)
        if row is None:
            return instrument.tick_size
        return row.tick_size if row.listed_on == session else lcm(row.tick_size, instrument.tick_size)

    def most_shares(self, symbol: str) -> int | None:
        """Return the largest quantity of one order (the freeze quantity) by the broker's list; None without one."""
        row = self._row(symbol)
        return row.most_shares if row is not None else None

    def is_unlisted(self, symbol: str) -> bool:
        """Return whether the broker's list of instruments lacks a symbol; False if the list is absent or unreadable."""
        if self.listed is None:
            return False
        try:
            self.listed.order_rules(symbol)
        except UsageError:
            return True
        except BrokerUnavailable:
            return False
        return False

    def _row(self, symbol: str) -> OrderRules | None:
        """Return a symbol's rules from the broker's list; None without a list or row, or if the list cannot be read."""
        try:
            return self.listed.order_rules(symbol) if self.listed is not None else None
        except UsageError:
            return None
        except BrokerUnavailable as error:
            if symbol not in self.unread:
                self.unread.add(symbol)
                what = "the freeze quantity is not checked, and the tick size is NSE's"
                text = f"{symbol}: the broker's list cannot be read ({error}): {what}"
                self.log("order_rules_unread", text, symbol, level="warning")
            return None


def _has_list(broker: object) -> TypeGuard[ListsOrderRules]:
    """Return whether a broker is a `ListsOrderRules`. Python compares the methods of an object each time, of a class once."""
    return issubclass(type(broker), ListsOrderRules)
