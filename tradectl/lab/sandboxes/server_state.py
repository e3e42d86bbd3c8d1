"""Store the state of a broker's server besides the exchange: orders that the server refused itself, and tags that it changed.

Without a file, a restarted server would lose this state and use the same order numbers twice. The file is replaced in one step,
and is read again after another server has written it.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tradectl.files import replace_file
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus


@dataclass(slots=True)
class StoredState:
    """The state of one account.

    Attributes:
        refused: Rows of the order book that the exchange does not have.
        written: By order number, the tag that replaces the client's tag after a change.
        words: By order number, a special status name of the broker.
        changes: The number of commands that changed an order.
    """

    refused: list[OrderReport] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    changes: int = 0


class ServerState:
    """The state of one account, stored in `file` if given. One server at a time may change it."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept = StoredState()
        self._seen = (0, 0)

    @property
    def kept(self) -> StoredState:
        """Return the current state. After a change, call `keep`."""
        if self._file is not None and self._file.exists() and (stamp := _stamp(self._file)) != self._seen:
            self._kept, self._seen = pickle.loads(self._file.read_bytes()), stamp
        return self._kept

    def refuse(self, order: OrderRequest, reason: str, now: datetime) -> str:
        """Add a rejected row for an order that the exchange refused, and return its order number."""
        number = f"{ist_date(now):%y%m%d}9{len(self.kept.refused) + 1:08d}"
        report = OrderReport(
            broker_order_id=number,
            tag=order.tag,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
            filled_quantity=0,
            status=OrderStatus.REJECTED,
            reason=reason,
            variety=order.variety,
            placed_at=now,
            updated_at=now,
        )
        self._kept.refused.append(report)
        self.keep()
        return number

    def keep(self) -> None:
        """Write the state to the file, if there is one."""
        if self._file is None:
            return
        replace_file(self._file, pickle.dumps(self._kept))
        self._seen = _stamp(self._file)


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns
