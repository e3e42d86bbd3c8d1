"""Store the tick sizes of the universe from the list of the user's broker, for the days between two imported dumps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from tradectl.errors import UsageError
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.feeds.store_file import StoreFile
from tradectl.model.freshness import INSTRUMENTS, Freshness
from tradectl.ports import Brought, FeedRequest, ListsOrderRules, OrderRules

if TYPE_CHECKING:
    from tradectl.model.market import Instrument

UNKNOWN = -1
"""The flag of a share in a list that does not say which shares have derivatives."""


class InstrumentsFeed:
    """Store the broker's tick sizes. `broker` and `members` (the universe on a session) are called only by `bring`."""

    tolerance = 5
    meaning = "order prices follow the exchange's table of tick sizes; the broker rejects a price that its list does not allow"

    def __init__(
        self, store: StoreFile, name: str, broker: Callable[[], ListsOrderRules], members: Callable[[date], Sequence[Instrument]]
    ) -> None:
        self._store, self._name, self._broker, self._members = store, name, broker, members
        self.kind, self.title = f"{INSTRUMENTS}{name}", f"instruments of {name}"
        self.remedy = "`tradectl login`, then `tradectl prices --force`"

    def is_due(self, known: Freshness | None, through: date) -> bool:
        return known is None or known.as_of < through

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Store the rules of each member. Raises LoginNeeded, BrokerUnavailable."""
        broker, found = self._broker(), []
        for item in self._members(request.through):
            request.look()
            with contextlib.suppress(UsageError):  # a share that the broker does not list is not traded there
                rules = broker.order_rules(item.symbol)
                if rules is not None:
                    found.append((item, rules))
        if not found:
            self._store.record(self.kind, request.through, "no list")
            yield Brought(request.through, 0, f"{self._name} has no list of instruments")
            return
        as_of = max(rules.listed_on for _, rules in found)
        yield Brought(as_of, self._put(found, as_of))

    def _put(self, found: Sequence[tuple[Instrument, OrderRules]], as_of: date) -> int:
        import pandas as pd

        frame = pd.DataFrame(
            {
                "symbol": [item.symbol for item, _ in found],
                "dumped_on": [rules.listed_on.isoformat() for _, rules in found],
                "source": self._name,
                "series": [item.series for item, _ in found],
                "name": [item.name for item, _ in found],
                "isin": [item.isin or "" for item, _ in found],
                "token": "",
                "tick_size": [rules.tick_size for _, rules in found],
                "lot_size": [item.lot_size for item, _ in found],
                "derivatives": UNKNOWN,
            }
        )
        name, at = f"instruments of {self._name}", self._store.machine_now()
        with contextlib.closing(Archive(self._store.folder)) as archive, archive.transaction():
            file = archive.record_file(name, f"{name} {as_of}", "broker-instruments", len(frame), at)
            merged = archive.merge("instruments", frame, file, replace=True, source=name)
            archive.record_freshness(self.kind, as_of, at, self._name)
        return merged.new + merged.replaced
