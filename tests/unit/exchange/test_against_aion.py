"""Our tables of 2026 against a second calendar, aion-indian-market-calendar 1.6.0, with every difference by name."""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta

import pytest
from aion_indian_market_calendar import microstructure
from aion_indian_market_calendar.calendar import IndiaMarketCalendar

from tradectl.exchange.phases import Phase, PhaseKind
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import IST, to_ist

MARKETS = {False: "NSE_EQUITY", True: "NSE_EQUITY_FNO_UNDERLYING"}
"""Its names of the two kinds of stock."""
BUDGET, MUHURAT = date(2026, 2, 1), date(2026, 11, 8)
ENTRY = {PhaseKind.CLOSING_REFERENCE, PhaseKind.CLOSING_AUCTION, PhaseKind.CLOSING_AUCTION_LIMIT, PhaseKind.CLOSING_MATCHING}
KINDS = {
    microstructure.PRE_OPEN: {PhaseKind.PRE_OPEN, PhaseKind.PRE_OPEN_LIMIT, PhaseKind.PRE_OPEN_MATCHING, PhaseKind.BUFFER},
    microstructure.CONTINUOUS: {PhaseKind.CONTINUOUS},
    microstructure.CLOSING_AUCTION: ENTRY,
    microstructure.POST_CLOSE: {PhaseKind.POST_CLOSE},
}


def known_difference(phase: Phase | None, day: date, theirs: str) -> bool:
    """Whether a minute differs for a reason that is known."""
    if phase is None:
        return False
    if phase.kind is PhaseKind.CLOSING_MATCHING and day >= date(2026, 12, 7):
        return theirs == microstructure.CLOSED  # their auction ends with order entry at 15:40; the match comes after
    before_september = day < date(2026, 9, 7) and phase.kind in {PhaseKind.PRE_OPEN_MATCHING, PhaseKind.BUFFER}
    return before_september and theirs == microstructure.CONTINUOUS  # their session begins at 09:00, their pre-open ends at 09:08


@pytest.fixture(scope="module")
def aion() -> IndiaMarketCalendar:
    """The data that ship with it; it says on its logger that it fetched nothing newer."""
    logging.getLogger("aion_indian_market_calendar").setLevel(logging.CRITICAL)
    return IndiaMarketCalendar.bundled(2026)


@pytest.fixture(scope="module")
def year() -> dict[date, Session | None]:
    table = SessionTable.load()
    first = date(2026, 1, 1)
    return {first + timedelta(days=n): table.session(first + timedelta(days=n)) for n in range(359)}  # its data end on 12-25


def at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, IST)


def test_the_sessions_agree_but_for_the_budget_sunday(aion, year) -> None:
    theirs = {day for day in year if aion.is_trading_day(at(day, time(12)), market="NSE")}
    ours = {day for day, session in year.items() if session is not None}
    assert ours - theirs == {BUDGET}  # NSE/CMTR/72349 of 2026-01-16: aion has the budget as an event, not as a session
    assert theirs - ours == set()


def test_settlement_agrees(aion, year) -> None:
    theirs = {
        day for day, session in year.items() if session is not None and not microstructure.is_settlement_day(day, calendar=aion)
    }
    ours = {day for day, session in year.items() if session is not None and not session.settles}
    assert ours == theirs
    assert {BUDGET, MUHURAT} <= ours


@pytest.mark.parametrize("closing_auction", [True, False])
def test_the_phases_agree_minute_by_minute(aion, year, closing_auction: bool) -> None:
    """On the sessions around each change; a minute is compared at its start."""
    days = [date(2026, 7, 31), date(2026, 8, 3), date(2026, 9, 4), date(2026, 9, 7), date(2026, 12, 4), date(2026, 12, 7)]
    for day in days:
        session = year[day]
        assert session is not None
        for minute in range(8 * 60, 17 * 60):
            moment = at(day, time(*divmod(minute, 60)))
            phase = session.phase_at(moment, closing_auction)
            theirs = microstructure.get_market_phase(moment, MARKETS[closing_auction], calendar=aion)
            kind = phase.kind if phase is not None else None
            ours = next((name for name, kinds in KINDS.items() if kind in kinds), microstructure.CLOSED)
            if ours != theirs:
                assert known_difference(phase, day, theirs), f"{moment:%Y-%m-%d %H:%M}: {ours} here, {theirs} there"


def test_muhurat_differs_by_15_minutes_without_a_message(aion, year) -> None:
    theirs = microstructure.muhurat_session(MUHURAT, calendar=aion)
    session = year[MUHURAT]
    assert theirs is not None
    assert session is not None
    assert theirs.provisional
    assert (theirs.open, theirs.close) == (time(18, 15), time(19, 15))
    assert (to_ist(session.open_at()).time(), to_ist(session.continuous_end(False)).time()) == (time(18, 0), time(19, 0))
    assert "no source" in session.source
