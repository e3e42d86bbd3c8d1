"""The verdicts of `analyze` on real closes equal those of each history alone, in one process and in many."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from tests.unit.screener.by_instrument import ByInstrument
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.market import Bar
from tradectl.ports import silence
from tradectl.screener.readings import Readings
from tradectl.screener.screen import screen, screen_alone
from tradectl.screener.verdicts import ScreenRequest
from tradectl.strategy.parameters import Parameters

PARAMETERS = Parameters()


@pytest.fixture(scope="module")
def store(real_market: Path, sessions: SessionTable) -> Store:
    return Store(real_market, sessions)


@pytest.fixture(scope="module")
def oracle(store: Store) -> ByInstrument:
    return ByInstrument(store, Readings(store, PARAMETERS))


def question(store: Store, session: date, bars: Mapping[str, Bar] | None = None) -> ScreenRequest:
    following = store.sessions.next_run_session(session).date
    return ScreenRequest(store.universe("nifty200"), session, following, bars, PARAMETERS)


def exact(verdicts: object) -> str:
    """Return the verdicts with every bit of every number."""
    return repr(verdicts)


def days(store: Store, every: int, first: date = date(2023, 1, 1), last: date = date(2023, 12, 31)) -> list[date]:
    return [session.date for session in store.sessions.run_between(first, last)][::every]


@pytest.mark.parametrize("every", [15, pytest.param(3, marks=pytest.mark.slow)])
def test_every_verdict_is_that_of_its_own_history(store: Store, oracle: ByInstrument, every: int) -> None:
    """One process that goes from session to session, over a year."""
    known = Readings(store, PARAMETERS)
    scored = 0
    for session in days(store, every):
        asked = question(store, session)
        close = screen(store, store.sessions, known, asked, silence)
        assert exact(list(close.verdicts)) == exact(oracle.verdicts(asked)), session
        scored += sum(item.rule == "score" for item in close.verdicts)
    assert scored > 90 / every


@pytest.mark.parametrize("every", [18, pytest.param(6, marks=pytest.mark.slow)])
def test_a_process_for_each_evening_finds_the_same(store: Store, oracle: ByInstrument, every: int) -> None:
    """As cron starts them: each one begins with an empty memory, and sees no bar of a later session."""
    scored = 0
    for session in days(store, every, date(2023, 3, 1), date(2023, 6, 30)):
        alone = Store(store.folder, store.sessions, through=session)
        asked = question(store, session)
        close = screen_alone(alone, store.sessions, asked)
        assert exact(list(close.verdicts)) == exact(oracle.verdicts(asked)), session
        scored += sum(item.rule == "score" for item in close.verdicts)
    assert scored > 60 / every


def test_an_earlier_session_and_the_same_one_again_find_the_same(store: Store, oracle: ByInstrument) -> None:
    sessions = days(store, 1, date(2023, 3, 1), date(2023, 3, 20))
    known = Readings(store, PARAMETERS)
    for session in [*sessions, sessions[3], sessions[-1], sessions[-1]]:
        asked = question(store, session)
        close = screen(store, store.sessions, known, asked, silence)
        assert exact(list(close.verdicts)) == exact(oracle.verdicts(asked)), session


@pytest.mark.parametrize("last", [date(2023, 3, 15), pytest.param(date(2023, 3, 31), marks=pytest.mark.slow)], ids=str)
def test_a_bar_that_is_not_final_is_scanned_on_top_of_yesterday(store: Store, oracle: ByInstrument, last: date) -> None:
    """Some bars are final, some are not, some are missing; none of them is stored."""
    known = Readings(store, PARAMETERS)
    for session in days(store, 1, date(2023, 3, 10), last):
        panel = store.panel()
        index = panel.last_index(session)
        bars = {}
        for number, name in enumerate(store.universe("nifty200")):
            history = store.history(name)
            at = history.index(session) if history is not None else None
            if history is None or at is None or number % 17 == 0:
                continue
            bar = history.bar(at)
            bars[name] = bar if number % 2 else Bar(session, bar.open, bar.high, bar.low, bar.low, bar.volume // 2, bar.series)
        asked = question(store, session, bars)
        close = screen(store, store.sessions, known, asked, silence)
        assert exact(list(close.verdicts)) == exact(oracle.verdicts(asked)), session
        assert known.states.through(session, silence).session == int(panel.sessions[index])
