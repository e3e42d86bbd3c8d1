"""A sweep: the trades of every setting, and the result of every possible entry for one setting, from the cache or computed.

The result does not depend on how the work was divided, on the processes, or on the order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.study import Study, setting_key
from tradectl.research.sweep_cache import SweepCache
from tradectl.research.workers import BacktestWork, PossibleWork, Work, run_here, run_on_dask
from tradectl.runtime.interrupt import Stop
from tradectl.strategy.features import INDICATOR_SETTINGS
from tradectl.strategy.parameters import Parameters

CHUNK = 50
"""The most settings of one piece of work: what is lost when a sweep is stopped."""
BLOCK = 50
"""The instruments of one piece of work on possible entries."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sweep:
    """A sweep by `jobs` processes, or by the Dask cluster at an address. `stop` can end it between two pieces of work."""

    study: Study
    cache: SweepCache
    stop: Stop
    progress: Progress
    jobs: int = 1
    dask: str = ""

    def trades(self, settings: Sequence[Parameters]) -> list[ClosedTrades]:
        """Return the closed trades of each setting. Settings with the same trades are computed once."""
        missing = {}
        for parameters in settings:
            key = setting_key(parameters)
            if key not in missing and self.cache.get(key, "trades") is None:
                missing[key] = parameters
        waiting = tuple(sorted(missing.values(), key=_indicators))
        chunk = max(1, min(CHUNK, ceil(len(waiting) / self.jobs)))
        works = [BacktestWork(self.study, waiting[i : i + chunk]) for i in range(0, len(waiting), chunk)]
        self._do("settings", works, done=len(settings) - len(waiting), total=len(settings))
        return [self._cached(parameters, "trades") for parameters in settings]

    def possible(self, parameters: Parameters) -> ClosedTrades:
        """Return every possible position with one setting."""
        count = len(self.study.instruments)
        works = [PossibleWork(self.study, (parameters,), i, min(i + BLOCK, count)) for i in range(0, count, BLOCK)]
        waiting = [work for work in works if self.cache.get(setting_key(parameters), work.part) is None]
        self._do("random entries", waiting, done=len(works) - len(waiting), total=len(works))
        blocks = [(work.begin, self._cached(parameters, work.part)) for work in works]
        found = ClosedTrades.of_trades({})
        for begin, block in blocks:
            found += replace(block, instrument=block.instrument + begin)
        return found

    def _do(self, name: str, works: Sequence[Work], *, done: int, total: int) -> None:
        """Do the work and store the results."""
        self.progress(name, done, total)
        results = run_on_dask(works, self.dask) if self.dask and works else run_here(works, self.jobs)
        for work, packed in results:
            self.cache.put(work.part, zip(map(setting_key, work.settings), packed, strict=True))
            done += len(work.settings)
            self.progress(name, done, total)
            self.stop.raise_if_requested()

    def _cached(self, parameters: Parameters, part: str) -> ClosedTrades:
        found = self.cache.get(setting_key(parameters), part)
        if found is None:
            raise AssertionError(f"{part} was computed and is not in the cache")
        return found


def _indicators(parameters: Parameters) -> tuple[float, ...]:
    """Return the settings of the indicators. Settings with equal ones share their columns in one piece of work."""
    return tuple(getattr(parameters, name) for name in INDICATOR_SETTINGS)
