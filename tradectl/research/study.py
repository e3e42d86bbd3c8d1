"""What is studied: which instruments, over which span, by which version of the rules. It names the results, so that those of
another market, span or rule are never taken for these."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from tradectl import source
from tradectl.marketdata.archive import database_errors
from tradectl.marketdata.reading import Mark, mark_of, read_archive
from tradectl.research.grid import INERT
from tradectl.settings import Settings
from tradectl.strategy.parameters import Parameters, setting_fields

RULES = ("backtest", "exchange", "marketdata", "model", "research", "strategy")
"""The packages whose source decides what a backtest comes to."""


@dataclass(frozen=True)
class Study:
    """`instruments`: ids, sorted. `generation`: of the market data. `rules`: the fingerprint of the source. `scored`: entries
    need the score of a BUY, as in `analyze`; otherwise every entry that the rule allows is taken."""

    settings: Settings
    instruments: tuple[str, ...]
    first: date
    last: date
    scored: bool
    generation: Mark
    rules: str

    @cached_property
    def key(self) -> str:
        """The name of everything that was computed in it."""
        market = (self.generation.generation, self.generation.random)
        said = [*self.instruments, self.first.isoformat(), self.last.isoformat(), self.scored, *market, self.rules]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]


def setting_key(parameters: Parameters) -> str:
    """The name of one setting: every number that can change a trade."""
    numbers = [item.name for item in setting_fields() if item.name not in INERT]
    values: dict[str, Any] = {name: getattr(parameters, name) for name in numbers} | {"tariff": repr(parameters.tariff)}
    exact = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value for name, value in values.items()
    }
    return hashlib.sha256(json.dumps(exact, sort_keys=True).encode()).hexdigest()[:24]


def generation_of(market: Path) -> Mark:
    """What the archive of a market folder is at. Raises DataError, DatabaseError."""
    with contextlib.closing(read_archive(market)) as connection, database_errors(market):
        return mark_of(connection)


def fingerprint(sessions: Path) -> str:
    """Of the rules: source, the exchange's tables, and the operator's own sessions."""
    digest = hashlib.sha256(source.fingerprint(*RULES).encode())
    if sessions.exists():
        digest.update(sessions.read_bytes())
    return digest.hexdigest()[:24]
