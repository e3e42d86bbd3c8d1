"""Run a sweep: return the trades of each setting, and the possible positions of one setting, from the cache or computed.

The result does not depend on the division of the work, on the processes or on the order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

from msgspec import Struct

from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.study import Setting, Study, setting_key
from tradectl.research.sweep_cache import SweepCache
from tradectl.research.workers import BacktestWork, PossibleWork, StrategyWork, Work, run_here, run_on_dask
from tradectl.runtime.interrupt import Stop
from tradectl.strategy.features import INDICATOR_SETTINGS

CHUNK = 50
"""Maximum number of settings in one piece of work. A stopped sweep loses at most the pieces that are running."""
BLOCK = 50
"""Number of instruments in one piece of work on possible entries."""

Progress = Callable[[str, int, int], None]


class Sweep(Struct, frozen=True):
    """Run a sweep in `jobs` processes, or in the Dask cluster at the address `dask`.

    `stop`: can end the sweep between two pieces of work. `progress`: called after each piece of work."""

    study: Study
    cache: SweepCache
    stop: Stop
    progress: Progress
    jobs: int = 1
    dask: str = ""

    def trades(self, settings: Sequence[Setting]) -> list[ClosedTrades]:
        """Return the closed trades of each setting. Settings with the same trades are computed once."""
        missing = {}
        for setting in settings:
            key = setting_key(setting)
            if key not in missing and self.cache.get(key, "trades") is None:
                missing[key] = setting
        waiting = tuple(sorted(missing.values(), key=_indicators))
        chunk = max(1, min(CHUNK, ceil(len(waiting) / self.jobs))) if self.study.strategy is None else 1
        kind = BacktestWork if self.study.strategy is None else StrategyWork
        works = [kind(self.study, waiting[i : i + chunk]) for i in range(0, len(waiting), chunk)]
        self._do("settings", works, done=len(settings) - len(waiting), total=len(settings))
        return [self._cached(setting, "trades") for setting in settings]

    def possible(self, setting: Setting) -> ClosedTrades:
        """Return all possible positions of one setting of the shipped rule, one row each."""
        count = len(self.study.instruments)
        works = [PossibleWork(self.study, (setting,), i, min(i + BLOCK, count)) for i in range(0, count, BLOCK)]
        waiting = [work for work in works if self.cache.get(setting_key(setting), work.part) is None]
        self._do("random entries", waiting, done=len(works) - len(waiting), total=len(works))
        blocks = [(work.begin, self._cached(setting, work.part)) for work in works]
        found = ClosedTrades.of_trades({})
        for begin, block in blocks:
            found += replace(block, instrument=block.instrument + begin)
        return found

    def _do(self, name: str, works: Sequence[Work], *, done: int, total: int) -> None:
        """Run the work and store the results in the cache."""
        self.progress(name, done, total)
        results = run_on_dask(works, self.dask) if self.dask and works else run_here(works, self.jobs)
        for work, packed in results:
            self.cache.put(work.part, zip(map(setting_key, work.settings), packed, strict=True))
            done += len(work.settings)
            self.progress(name, done, total)
            self.stop.raise_if_requested()

    def _cached(self, setting: Setting, part: str) -> ClosedTrades:
        found = self.cache.get(setting_key(setting), part)
        if found is None:
            raise AssertionError(f"{part} was computed and is not in the cache")
        return found


def _indicators(setting: Setting) -> tuple[float, ...]:
    """Return the settings of the indicators. Settings with equal indicators share their tables in one piece of work."""
    return tuple(getattr(setting.parameters, name) for name in INDICATOR_SETTINGS)
