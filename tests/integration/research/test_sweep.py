"""A sweep gives the same bits with any processes, and continues where it was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from tests.integration.research.studies import CHANGES, SETTINGS, rows_in, study_of, sweep_of
from tradectl.backtest.context import Span
from tradectl.errors import BrokerUnavailable, DataError, Interrupted
from tradectl.marketdata.reading import Generation
from tradectl.research.backtests import BacktestRequest, run_alone
from tradectl.research.study import Setting, StrategyFile, Study, setting_key
from tradectl.runtime.interrupt import Stop
from tradectl.settings import Settings
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.strategy_file import parse_strategy


@pytest.fixture(scope="module")
def study(invented: Settings) -> Study:
    return study_of(invented)[0]


@pytest.fixture(scope="module")
def rows(study: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bytes]:
    """Return the results of this process alone."""
    home = tmp_path_factory.mktemp("alone")
    with sweep_of(study, home) as sweep:
        sweep.trades(SETTINGS)
        sweep.possible(SETTINGS[0])
    return rows_in(home, study)


def test_several_processes_come_to_the_same_bits(
    study: Study, rows: dict[tuple[str, str], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradectl.research.sweep.CHUNK", 2)
    monkeypatch.setattr("tradectl.research.sweep.BLOCK", 3)
    with sweep_of(study, tmp_path, jobs=2) as sweep:
        sweep.trades(SETTINGS[::-1])
        sweep.possible(SETTINGS[0])
    assert rows_in(tmp_path, study) == rows
    assert len(rows) == len(SETTINGS) + 1


def test_a_dask_cluster_of_two_processes_comes_to_the_same_bits(
    study: Study, rows: dict[tuple[str, str], bytes], tmp_path: Path
) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        sweep_of(study, tmp_path, dask=cluster.scheduler_address) as sweep,
    ):
        assert len({worker.pid for worker in cluster.workers.values()}) == 2
        sweep.trades(SETTINGS)
        sweep.possible(SETTINGS[0])
    assert rows_in(tmp_path, study) == rows


def test_a_scheduler_that_is_not_there_is_said_to_be_missing(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradectl.research.workers.PATIENCE", 1)
    with sweep_of(study, tmp_path, dask="tcp://127.0.0.1:9") as sweep, pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:9"):
        sweep.trades(SETTINGS)


def test_a_sweep_that_was_stopped_goes_on_where_it_was(
    study: Study, rows: dict[tuple[str, str], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradectl.research.sweep.CHUNK", 1)
    stop = Stop()

    def ask_after_two(name: str, done: int, total: int) -> None:
        if done == 2:
            stop.handle(2)

    with sweep_of(study, tmp_path, stop=stop, progress=ask_after_two) as sweep, pytest.raises(Interrupted):
        sweep.trades(SETTINGS)
    assert len(rows_in(tmp_path, study)) == 2
    told: list[int] = []
    with sweep_of(study, tmp_path, progress=lambda _name, done, _total: told.append(done)) as sweep:
        found = sweep.trades(SETTINGS)
    assert told == [2, 3, 4, 5, 6]
    assert [closed.packed() for closed in found] == [rows[setting_key(setting), "trades"] for setting in SETTINGS]


def test_what_is_kept_is_not_computed_again(study: Study, tmp_path: Path) -> None:
    with sweep_of(study, tmp_path) as sweep:
        sweep.cache.put("trades", [(setting_key(SETTINGS[0]), sweep.trades(SETTINGS[1:2])[0].packed())])
        assert sweep.trades(SETTINGS[:1])[0].packed() == sweep.trades(SETTINGS[1:2])[0].packed(), "it was taken as it was kept"


def test_another_span_rule_or_market_has_results_of_its_own(study: Study) -> None:
    others = [
        replace(study, instruments=study.instruments[:1]),
        replace(study, first=study.last),
        replace(study, scored=False),
        replace(study, generation=Generation(study.generation.number, study.generation.mark + 1)),
        replace(study, rules="another version"),
    ]
    assert len({study.key, *(other.key for other in others)}) == 6


def test_a_setting_is_named_by_what_it_does() -> None:
    keys = [setting_key(setting) for setting in SETTINGS]
    assert len(set(keys)) == len(CHANGES)
    assert setting_key(Setting(Parameters(max_positions=1))) == setting_key(Setting(Parameters())), (
        "no portfolio limit stands in a sweep's way"
    )
    assert setting_key(Setting(Parameters(rsi_exit=50))) == setting_key(Setting(Parameters(rsi_exit=50.0)))
    assert setting_key(Setting(Parameters(amo_adjust_reprice=True))) != setting_key(Setting(Parameters()))


@pytest.mark.parametrize("seen", [{"generation": Generation(1, 0)}, {"rules": "another version"}])
def test_a_worker_that_sees_something_else_refuses_to_work(study: Study, tmp_path: Path, seen: dict[str, Any]) -> None:
    other = replace(study, **seen)
    with sweep_of(other, tmp_path) as sweep, pytest.raises(DataError):
        sweep.trades(SETTINGS[:1])


DIP = """entry = "rsi(3) < oversold"
exit = "close > sma(days)"
[parameters.oversold]
default = 20
low = 5
high = 40
[parameters.days]
default = 5
low = 2
high = 20
"""


def test_the_parameters_of_an_own_strategy_are_tried(invented: Settings, tmp_path: Path) -> None:
    """Each setting has the trades of its own backtest, in one process and in two."""
    study, market = study_of(invented)
    own = replace(study, strategy=StrategyFile("dip", "expressions", DIP), scored=False)
    tried = [Setting(Parameters(), (("oversold", text), ("days", "5"))) for text in ("10", "20", "30")]
    with sweep_of(own, tmp_path) as sweep:
        found = sweep.trades(tried)
    with sweep_of(own, tmp_path / "two", jobs=2) as sweep:
        assert [one.packed() for one in sweep.trades(tried)] == [one.packed() for one in found]
    for setting, closed in zip(tried, found, strict=True):
        rule = parse_strategy("dip", DIP).rule(dict(setting.values))
        span = Span(own.first, own.last)
        request = BacktestRequest(own.settings, market, "demo", own.instruments, Parameters(), span, rule=rule)
        trades = [trade for _, done in run_alone(request) for trade in done.trades]
        assert len(closed) == len(trades) > 0
        assert int(closed.net.sum()) == sum(trade.net for trade in trades)
    assert len({len(one) for one in found}) > 1
    assert own.key != study.key != replace(own, strategy=StrategyFile("dip", "expressions", DIP + "\n")).key
