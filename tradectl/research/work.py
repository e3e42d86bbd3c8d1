"""A piece of work that any process with the same market and the same rules does to the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tradectl import bootstrap
from tradectl.errors import DataError
from tradectl.research.study import Study, fingerprint, generation_of
from tradectl.research.vectorized import closed_trades as lanes
from tradectl.research.vectorized.market import LaneMarket
from tradectl.strategy.parameters import Parameters


@dataclass(frozen=True)
class Backtests:
    """The closed trades of some settings; one packed result a setting."""

    study: Study
    settings: tuple[Parameters, ...]

    @property
    def part(self) -> str:
        return "trades"

    def do(self) -> list[bytes]:
        study = self.study
        market = market_of(study, study.instruments)
        found = lanes.backtests(market, self.settings, first=study.first, last=study.last, scored=study.scored)
        return [closed.packed() for closed in found]


@dataclass(frozen=True)
class Possible:
    """What every possible entry in some of the instruments would have come to under one setting; one packed result."""

    study: Study
    settings: tuple[Parameters]
    begin: int
    end: int

    @property
    def part(self) -> str:
        return f"possible {self.begin} to {self.end}"

    def do(self) -> list[bytes]:
        study = self.study
        market = market_of(study, study.instruments[self.begin : self.end])
        found = lanes.positions(market, self.settings[0], first=study.first, last=study.last)
        return [found.packed()]


Work = Backtests | Possible


def do(work: Work) -> list[bytes]:
    """What a worker process is asked for."""
    return work.do()


@lru_cache(maxsize=2)
def market_of(study: Study, instruments: tuple[str, ...]) -> LaneMarket:
    """Some instruments of the study's market. DataError where this process sees another market, or knows other rules."""
    market = bootstrap.open_store(study.settings)
    generation, rules = generation_of(study.settings.market), fingerprint(study.settings.sessions)
    if generation != study.generation:
        raise DataError(f"the market data in {study.settings.market} is not what the sweep began with: start it again")
    if rules != study.rules:
        raise DataError("a worker has another version of tradectl, or other sessions, than this program: its results are no use")
    return LaneMarket.gather(market, market.sessions, instruments)
