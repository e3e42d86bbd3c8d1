"""Describe the subject of a sweep: instruments, span, and the version of market data and rules.

Results are stored under the key of the study, so results of another market, span or version are never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import Struct

from tradectl.build_fingerprint import build_fingerprint
from tradectl.marketdata.archive import database_errors
from tradectl.marketdata.reading import Generation, newest_generation, read_archive
from tradectl.research.grid import INERT
from tradectl.settings import Settings
from tradectl.strategy.parameters import Parameters, setting_fields

RULES = ("backtest", "exchange", "marketdata", "model", "research", "strategy")
"""The packages whose source decides the result of a backtest."""


class StrategyFile(Struct, frozen=True):
    """Hold the file of an own strategy, so that a worker in another process makes the same rule."""

    name: str
    form: str
    text: str


@dataclass(frozen=True)
class Study:
    """Describe the subject of a sweep.

    Attributes:
        instruments: Instrument ids, sorted.
        first: First session.
        last: Last session.
        scored: Whether entries need the score of a BUY, as in `analyze`; otherwise every entry of the rule is taken.
        generation: Generation of the market data.
        rules: Fingerprint of the source code and the operator's sessions.
        strategy: The file of an own strategy; None for the shipped rule.
    """

    settings: Settings
    instruments: tuple[str, ...]
    first: date
    last: date
    scored: bool
    generation: Generation
    rules: str
    strategy: StrategyFile | None = None

    @cached_property
    def key(self) -> str:
        """Return the key under which the results of this study are stored."""
        at = self.settings.at  # bars that end later are left out
        market = (self.generation.number, self.generation.mark, *([at.isoformat()] if at is not None else []))
        values = [*self.instruments, self.first.isoformat(), self.last.isoformat(), self.scored, *market, self.rules]
        values += [] if self.strategy is None else [self.strategy.name, self.strategy.text]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:24]


class Setting(Struct, frozen=True):
    """Hold one setting to try: the user's settings, and the values of an own strategy's parameters as text by name."""

    parameters: Parameters
    values: tuple[tuple[str, str], ...] = ()


def setting_key(setting: Setting) -> str:
    """Return the key of one setting, computed from all values that can change a trade."""
    parameters = setting.parameters
    numbers = [item.name for item in setting_fields() if item.name not in INERT]
    values: dict[str, Any] = {name: getattr(parameters, name) for name in numbers} | {"tariff": repr(parameters.tariff)}
    exact = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value for name, value in values.items()
    } | {f"strategy {name}": float(value.replace(",", "")) for name, value in setting.values}
    return hashlib.sha256(json.dumps(exact, sort_keys=True).encode()).hexdigest()[:24]


def generation_of(market: Path) -> Generation:
    """Return the generation of a market folder's archive. Raises DataError without an archive, DatabaseError."""
    with contextlib.closing(read_archive(market)) as connection, database_errors(market):
        return newest_generation(connection)


def fingerprint(sessions: Path) -> str:
    """Return the fingerprint of the rules: source code, tables of the exchange, and the operator's file of sessions."""
    digest = hashlib.sha256(build_fingerprint(*RULES).encode())
    if sessions.exists():
        digest.update(sessions.read_bytes())
    return digest.hexdigest()[:24]
