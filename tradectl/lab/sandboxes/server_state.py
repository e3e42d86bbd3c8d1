"""What a broker's front remembers besides the exchange behind it: orders that it refused itself, what it wrote over tags.

A server that is stopped and started again would forget that, and give the same numbers twice. So it may be kept in a file, which
is replaced as a whole and read again once another server has written it.
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
class Kept:
    """`refused`: rows of the book that the exchange does not have. By order number: `written`, what an order shows as its tag
    once that has changed, and `words`, its status where it is a word of the broker's own. `changes` counts what was changed."""

    refused: list[OrderReport] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    changes: int = 0


class Memory:
    """Of one account, in `file` if there is one. One server at a time changes it."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept = Kept()
        self._seen = (0, 0)

    @property
    def kept(self) -> Kept:
        """As it is now. Who changes it says `keep`."""
        if self._file is not None and self._file.exists() and (stamp := _stamp(self._file)) != self._seen:
            self._kept, self._seen = pickle.loads(self._file.read_bytes()), stamp
        return self._kept

    def refuse(self, order: OrderRequest, reason: str, now: datetime) -> str:
        """A rejected row of the book for what the exchange would not have; its number."""
        number = f"{ist_date(now):%y%m%d}9{len(self.kept.refused) + 1:08d}"
        what = order.symbol, order.side, order.quantity, order.price
        report = OrderReport(number, order.tag, *what, 0, OrderStatus.REJECTED, reason, order.variety, now, now)
        self._kept.refused.append(report)
        self.keep()
        return number

    def keep(self) -> None:
        if self._file is None:
            return
        replace_file(self._file, pickle.dumps(self._kept))
        self._seen = _stamp(self._file)


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns
