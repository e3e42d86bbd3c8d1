"""The invented market: repeatable, sound, and lively enough for the strategy."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tradectl.errors import UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.check import check
from tradectl.marketdata.store import Store
from tradectl.marketdata.synthetic import make_market
from tradectl.strategy.indicators import ema, rsi

LAST = date(2026, 11, 20)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, sessions: SessionTable) -> Store:
    folder = tmp_path_factory.mktemp("demo")
    assert make_market(folder, sessions, last=LAST) == "demo"
    return Store(folder, sessions)


def test_it_ends_on_the_session_asked_for_and_is_sound(demo: Store) -> None:
    names = demo.universe("demo")
    assert len(names) == 12
    assert demo.last_session() == LAST
    assert {len(demo.history(name) or ()) for name in names} == {330}
    assert not [finding for finding in check(demo, indicators=True) if finding.count]


def test_every_price_is_on_its_tick_and_every_isin_is_a_shares(demo: Store) -> None:
    isins = set()
    for name in demo.universe("demo"):
        history = demo.history(name)
        assert history is not None
        for at in range(40, 330):
            tick = demo.instrument(name, history.session(at)).tick_size
            assert all(int(column[at]) % tick == 0 for column in (history.open, history.high, history.low, history.close))
        isins.add(demo.instrument(name, LAST).isin)
    assert len(isins) == 12
    assert all(isin and isin.startswith("INE") and len(isin) == 12 for isin in isins)


def test_a_split_lies_in_the_last_twenty_sessions(demo: Store, sessions: SessionTable) -> None:
    first = sessions.between(date(2026, 1, 1), LAST)[-20].date
    found = [action for name in demo.universe("demo") for action in demo.actions(name, first, LAST)]
    assert [(action.kind, action.ratio) for action in found] == [("split", 5)]


def test_the_strategy_finds_dips_to_buy_and_recoveries_to_sell(demo: Store) -> None:
    bought = sold = 0
    for name in demo.universe("demo"):
        history = demo.history(name)
        assert history is not None
        closes = history.close / 100 * history.multiplier
        highs = history.high / 100 * history.multiplier
        signals = (rsi(closes, 10) < 30) & (closes > ema(closes, 200))
        signals &= history.volume / history.multiplier > 0.5 * np.mean(history.volume[-50:] / history.multiplier[-50:])
        bought += int(signals[-20:-1].any())
        back = highs[1:] >= ema(closes, 9)[:-1]
        sold += sum(bool(signals[at] and back[at + 1 :].any()) for at in range(310, 327))
    assert bought >= 6
    assert sold >= 6


def test_the_same_arguments_give_the_same_market(demo: Store, sessions: SessionTable, tmp_path: Path) -> None:
    make_market(tmp_path, sessions, last=LAST)
    make_market(tmp_path, sessions, last=LAST)
    rows = "SELECT symbol, session, open, high, low, close, volume FROM bars ORDER BY symbol, session"
    archives = [Archive(folder) for folder in (tmp_path, demo.folder)]
    one, other = (archive.db.execute(rows).fetchall() for archive in archives)
    for archive in archives:
        archive.close()
    assert one == other
    assert len(one) == 12 * 330


def test_another_seed_gives_another_market(demo: Store, sessions: SessionTable, tmp_path: Path) -> None:
    make_market(tmp_path, sessions, last=LAST, seed=8, symbols=3)
    other = Store(tmp_path, sessions)
    assert len(other.universe("demo")) == 3
    name = other.universe("demo")[0]
    assert not np.array_equal(other.history(name).close, demo.history(name).close)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"last": date(2026, 11, 21)}, "2026-11-21 is not a session"),
        ({"last": LAST, "symbols": 99}, "has 3 to 12 companies, not 99"),
        ({"last": LAST, "first": date(2026, 6, 1)}, "the demo market needs 260"),
    ],
)
def test_what_cannot_be_made_is_refused(
    sessions: SessionTable, tmp_path: Path, arguments: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_market(tmp_path, sessions, **arguments)  # type: ignore[arg-type]
