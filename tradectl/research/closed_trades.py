"""Hold the closed trades of one setting as columns of integers, convert them to bytes, and compute their figures."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date

import numpy as np

from tradectl.backtest.metrics import Statistics
from tradectl.model.history import Ints
from tradectl.model.position import Trade


@dataclass(frozen=True, eq=False)
class ClosedTrades:
    """Hold one row per trade (`model.position.Trade`), ordered by exit, instrument and entry.

    `instrument`: index in the study's instruments. `entry` and `exit`: ordinals of sessions. Amounts are in paise.
    """

    instrument: Ints
    entry: Ints
    exit: Ints
    quantity: Ints
    gross: Ints
    charges: Ints
    cost: Ints

    @classmethod
    def of(cls, columns: Mapping[str, Ints]) -> ClosedTrades:
        """Return the trades from columns. The rows may be in any order."""
        names = [item.name for item in fields(cls)]
        order = np.lexsort([columns[name] for name in (*reversed(names[3:]), "entry", "instrument", "exit")])
        return cls(*(np.asarray(columns[name], dtype=np.int64)[order] for name in names))

    @classmethod
    def of_trades(cls, trades: Mapping[int, Iterable[Trade]]) -> ClosedTrades:
        """Return the trades from `Trade` objects. `trades`: by the index of the instrument."""
        rows = [
            (n, t.entry_session.toordinal(), t.exit_session.toordinal(), t.quantity, t.gross, t.charges, t.cost)
            for n, those in trades.items()
            for t in those
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, len(fields(cls)))
        return cls.of({item.name: table[:, i] for i, item in enumerate(fields(cls))})

    @classmethod
    def unpacked(cls, packed: bytes) -> ClosedTrades:
        """Return the trades from the bytes that `packed` returned."""
        table = np.frombuffer(zlib.decompress(packed), dtype="<i8").astype(np.int64).reshape(len(fields(cls)), -1)
        return cls(*table)

    def packed(self) -> bytes:
        """Return the trades as bytes; equal trades give equal bytes."""
        table = np.array([getattr(self, item.name) for item in fields(self)], dtype="<i8")
        return zlib.compress(table.tobytes(), 1)

    def __len__(self) -> int:
        return len(self.entry)

    @property
    def net(self) -> Ints:
        """Return the net result of each trade in paise."""
        return self.gross - self.charges

    def between(self, first: date, last: date, *, closed_by: date | None = None) -> ClosedTrades:
        """Return the trades entered from `first` to `last`. `closed_by`: only those closed by this date; None for all."""
        kept = (self.entry >= first.toordinal()) & (self.entry <= last.toordinal())
        if closed_by is not None:
            kept &= self.exit <= closed_by.toordinal()
        return self._rows(kept)

    def __add__(self, other: ClosedTrades) -> ClosedTrades:
        names = [item.name for item in fields(self)]
        return ClosedTrades.of({name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names})

    def by_session(self, sessions: Ints) -> Ints:
        """Return the net result of the trades closed on each session in paise. `sessions`: ordinals, ascending."""
        found = np.zeros(len(sessions), dtype=np.int64)
        np.add.at(found, np.searchsorted(sessions, self.exit), self.net)
        return found

    def positions(self) -> ClosedTrades:
        """Return one row per position. Overlapping trades of an instrument (re-entries, a sale in parts) are one position."""
        if not len(self):
            return self
        order = np.lexsort((self.exit, self.entry, self.instrument))
        rows = self._rows(order)
        key = rows.instrument * (1 << 32)
        held = np.maximum.accumulate(key + rows.exit)
        begins = np.flatnonzero(np.concatenate([[True], (key + rows.entry)[1:] > held[:-1]]))
        ends = np.append(begins[1:], len(rows)) - 1
        sums = {name: np.add.reduceat(getattr(rows, name), begins) for name in ("quantity", "gross", "charges", "cost")}
        exits = held[ends] - key[ends]
        return ClosedTrades.of({"instrument": rows.instrument[begins], "entry": rows.entry[begins], "exit": exits, **sums})

    def statistics(self) -> Statistics:
        """Return the figures that `metrics.statistics` returns for the same trades."""
        net, n = self.net, len(self)
        won, lost = int(net[net > 0].sum()), -int(net[net < 0].sum())
        percent = np.divide(100 * net, self.cost, out=np.zeros(n), where=self.cost != 0)
        wins = int(np.count_nonzero(net > 0))
        return Statistics(
            trades=n,
            wins=wins,
            gross=int(self.gross.sum()),
            charges=int(self.charges.sum()),
            net=int(net.sum()),
            win_rate=100 * wins / n if n else None,
            profit_factor=won / lost if lost else None,
            average_percent=float(percent.mean()) if n else None,
            best_percent=float(percent.max()) if n else None,
            worst_percent=float(percent.min()) if n else None,
            average_days=float((self.exit - self.entry).mean()) if n else None,
        )

    def _rows(self, which: object) -> ClosedTrades:
        return ClosedTrades(*(getattr(self, item.name)[which] for item in fields(self)))
