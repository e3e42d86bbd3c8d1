"""The reference trades of each symbol, kept: what was closed while the run was flat stays as it is, and only the rest is run.

Only symbols whose entry rule held once are in here. All of it is void as soon as anything but later bars is known: another
edition of the bars, or another action, name, tick or minute bar of anybody.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, astuple, dataclass
from datetime import date

import numpy as np

from tradectl import __version__
from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History, Ints
from tradectl.model.position import Trade
from tradectl.ports import MarketData, Shelf
from tradectl.strategy.backtest import Facts, Past, settled
from tradectl.strategy.parameters import NOT_OF_A_SYMBOL, Parameters

FORMAT = 1
"""Of what is put on the shelf."""
_Spans = dict[str, tuple[int, int, int]]


@dataclass(frozen=True)
class _Kept:
    """What lay on the shelf: for each instrument its `flat_on` (ordinal) and which rows are its trades. A row is a Trade, its
    symbol by number and its dates as ordinals."""

    symbols: list[str]
    spans: _Spans
    rows: Ints

    def past(self, instrument_id: str) -> Past | None:
        span = self.spans.get(instrument_id)
        if span is None:
            return None
        flat_on, start, stop = span
        return Past(tuple(_trade(self.symbols, row) for row in self.rows[start:stop].tolist()), date.fromordinal(flat_on))


class PastTrades:
    """The reference trades of one market's symbols under one set of parameters."""

    def __init__(self, market: MarketData, parameters: Parameters, shelf: Shelf | None = None) -> None:
        self._market = market
        self._parameters = parameters
        self._shelf = shelf
        self._of_history: dict[str, tuple[History, tuple[Trade, ...]]] = {}
        self._past: dict[str, Past] = {}
        self._kept: _Kept | None = None
        self._name = ""
        self._changed = False

    def trades(self, facts: Facts) -> tuple[Trade, ...]:
        """The reference trades of a history, run once as long as the history is the same."""
        history = facts.history
        known = self._of_history.get(history.instrument_id)
        if known is None or known[0] is not history:
            known = self._of_history[history.instrument_id] = (history, self._run(facts))
        return known[1]

    def _run(self, facts: Facts) -> tuple[Trade, ...]:
        name, history = facts.history.instrument_id, facts.history
        past = self._known(name, facts.sessions)
        usable = past is not None and len(history) > 0 and past.flat_on <= history.session(len(history) - 1)
        trades, found = settled(facts, past if usable else None)
        if found is not None and (past is None or found.flat_on > past.flat_on):
            self._past[name], self._changed = found, True
        return trades

    def _known(self, instrument_id: str, sessions: SessionTable) -> Past | None:
        if self._kept is None:
            self._name = f"past-{FORMAT}-{_rules(self._parameters, sessions)}"
            content = self._shelf.get(self._name) if self._shelf is not None else None
            self._kept = _read(content, self._basis()) if content is not None else _Kept([], {}, np.empty((0, 0), dtype=np.int64))
        return self._past.get(instrument_id) or self._kept.past(instrument_id)

    def _basis(self) -> list[str]:
        return [self._market.edition(), self._market.stamp()]

    def keep(self) -> None:
        """Put on the shelf what is new."""
        if self._shelf is not None and self._changed and self._kept is not None:
            everything = {name: past for name in self._kept.spans if (past := self._kept.past(name)) is not None} | self._past
            self._shelf.put(self._name, _written(everything, self._basis()))
            self._changed = False


def _rules(parameters: Parameters, sessions: SessionTable) -> str:
    """Names the rules that made the trades: this version of the program, the settings, and the calendar."""
    settings = sorted((name, value) for name, value in asdict(parameters).items() if name not in NOT_OF_A_SYMBOL)
    days = [
        (item.date.toordinal(), item.runs, item.settles, item.hours) for item in sessions.between(sessions.first, sessions.last)
    ]
    return hashlib.sha256(repr((__version__, settings, days)).encode()).hexdigest()[:16]


def _written(everything: dict[str, Past], basis: list[str]) -> bytes:
    symbols = sorted({trade.symbol for past in everything.values() for trade in past.trades})
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    spans: _Spans = {}
    rows: list[tuple[int, ...]] = []
    for name, past in everything.items():
        spans[name] = (past.flat_on.toordinal(), len(rows), len(rows) + len(past.trades))
        rows += [_row(numbers, trade) for trade in past.trades]
    header = json.dumps([basis, symbols, spans], separators=(",", ":")).encode()
    return header + b"\n" + np.array(rows, dtype=np.int64).tobytes()


def _read(content: bytes, basis: list[str]) -> _Kept:
    line, _, rest = content.partition(b"\n")
    of, symbols, spans = json.loads(line)
    if of != basis:
        return _Kept([], {}, np.empty((0, 0), dtype=np.int64))
    return _Kept(symbols, spans, np.frombuffer(rest, dtype=np.int64).reshape(-1, len(Trade.__slots__)))


def _row(numbers: dict[str, int], trade: Trade) -> tuple[int, ...]:
    _, entered, left, *others = astuple(trade)
    return numbers[trade.symbol], entered.toordinal(), left.toordinal(), *others


def _trade(symbols: list[str], row: list[int]) -> Trade:
    symbol, entered, left, *others = row
    return Trade(symbols[symbol], date.fromordinal(entered), date.fromordinal(left), *others)
