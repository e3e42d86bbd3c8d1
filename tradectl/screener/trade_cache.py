"""A cache of the reference trades of each symbol: trades that no later bar can change are stored, and only the rest is run.

It holds only symbols whose entry rule held once. Everything in it is void as soon as anything but later bars changes: the
edition of the bars, or an action, name, tick or minute bar of any symbol.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from operator import attrgetter

import numpy as np

from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import SettledTrades, settled
from tradectl.build_fingerprint import build_fingerprint
from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History, Ints
from tradectl.model.position import Trade
from tradectl.ports import Cache, MarketData
from tradectl.screener.state import RULES
from tradectl.strategy.parameters import NOT_OF_A_SYMBOL, Parameters

FORMAT = 1
"""The version of the stored format."""
_AMOUNTS = attrgetter(*Trade.__slots__[3:])
"""The columns of a row after symbol and dates."""
_Spans = dict[str, tuple[int, int, int]]


@dataclass(frozen=True)
class _Stored:
    """The stored content: for each instrument its `flat_on` (ordinal) and the rows of its trades.

    A row is a Trade, with its symbol as a number and its dates as ordinals.
    """

    symbols: list[str]
    spans: _Spans
    rows: Ints

    def past(self, instrument_id: str) -> SettledTrades | None:
        """Return the stored trades of an instrument, or None."""
        span = self.spans.get(instrument_id)
        if span is None:
            return None
        flat_on, start, stop = span
        return SettledTrades(
            tuple(_trade(self.symbols, row) for row in self.rows[start:stop].tolist()), date.fromordinal(flat_on)
        )


class TradeCache:
    """The reference trades of one market's symbols under one set of parameters."""

    def __init__(self, market: MarketData, parameters: Parameters, cache: Cache | None = None) -> None:
        self._market = market
        self._parameters = parameters
        self._cache = cache
        self._of_history: dict[str, tuple[History, tuple[Trade, ...]]] = {}
        self._past: dict[str, SettledTrades] = {}
        self._kept: _Stored | None = None
        self._basis: list[str] = []
        self._name = ""
        self._changed = False

    def trades(self, context: BacktestContext) -> tuple[Trade, ...]:
        """Return the reference trades of a context, computed once for the same history."""
        history = context.history
        known = self._of_history.get(history.instrument_id)
        if known is None or known[0] is not history:
            known = self._of_history[history.instrument_id] = (history, self._run(context))
        return known[1]

    def flat_on(self, instrument_id: str, sessions: SessionTable) -> date | None:
        """Return the session from which a history is enough for `trades`, or None where it must be whole."""
        past = self._known(instrument_id, sessions)
        return past.flat_on if past is not None else None

    def _run(self, context: BacktestContext) -> tuple[Trade, ...]:
        name, history = context.history.instrument_id, context.history
        past = self._known(name, context.sessions)
        usable = past is not None and len(history) > 0 and past.flat_on <= history.session(len(history) - 1)
        trades, found = settled(context, past if usable else None)
        if found is not None and (past is None or found.flat_on > past.flat_on):
            self._past[name], self._changed = found, True
        return trades

    def _known(self, instrument_id: str, sessions: SessionTable) -> SettledTrades | None:
        if self._kept is None:
            self._name = f"past-{FORMAT}-{_rules(self._parameters, sessions)}"
            self._basis = [self._market.edition(), self._market.stamp()]
            content = self._cache.get(self._name) if self._cache is not None else None
            self._kept = _read(content, self._basis) if content is not None else _Stored([], {}, np.empty((0, 0), dtype=np.int64))
        return self._past.get(instrument_id) or self._kept.past(instrument_id)

    def keep(self) -> None:
        """Store the new trades under the state of the market when this cache was first read."""
        if self._cache is not None and self._changed and self._kept is not None:
            self._cache.put(self._name, _written(self._kept, self._past, self._basis))
            self._changed = False


def _rules(parameters: Parameters, sessions: SessionTable) -> str:
    """Return a name for the source, the settings and the calendar that made the trades."""
    settings = sorted((name, value) for name, value in asdict(parameters).items() if name not in NOT_OF_A_SYMBOL)
    days = [
        (item.date.toordinal(), item.runs, item.settles, item.hours, item.tables)
        for item in sessions.between(sessions.first, sessions.last)
    ]
    return hashlib.sha256(repr((build_fingerprint(*RULES), settings, days)).encode()).hexdigest()[:16]


def _written(kept: _Stored, fresh: dict[str, SettledTrades], basis: list[str]) -> bytes:
    """Return the stored trades and the new ones as bytes."""
    numbers = {symbol: number for number, symbol in enumerate(kept.symbols)}
    parts = {name: (flat_on, kept.rows[start:stop]) for name, (flat_on, start, stop) in kept.spans.items() if name not in fresh}
    for name, past in fresh.items():
        rows = np.array([_row(numbers, trade) for trade in past.trades], dtype=np.int64)
        parts[name] = past.flat_on.toordinal(), rows.reshape(-1, len(Trade.__slots__))
    spans: _Spans = {}
    start = 0
    for name, (flat_on, rows) in parts.items():
        spans[name] = flat_on, start, start + len(rows)
        start += len(rows)
    header = json.dumps([basis, list(numbers), spans], separators=(",", ":")).encode()
    return b"\n".join((header, b"".join(rows.tobytes() for _, rows in parts.values())))


def _read(content: bytes, basis: list[str]) -> _Stored:
    line, _, rest = content.partition(b"\n")
    of, symbols, spans = json.loads(line)
    if of != basis:
        return _Stored([], {}, np.empty((0, 0), dtype=np.int64))
    return _Stored(symbols, spans, np.frombuffer(rest, dtype=np.int64).reshape(-1, len(Trade.__slots__)))


def _row(numbers: dict[str, int], trade: Trade) -> tuple[int, ...]:
    symbol = numbers.setdefault(trade.symbol, len(numbers))
    return symbol, trade.entry_session.toordinal(), trade.exit_session.toordinal(), *_AMOUNTS(trade)


def _trade(symbols: list[str], row: list[int]) -> Trade:
    symbol, entered, left, *others = row
    return Trade(symbols[symbol], date.fromordinal(entered), date.fromordinal(left), *others)
