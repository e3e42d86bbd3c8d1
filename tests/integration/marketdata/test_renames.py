"""Chains of renames, dated: who a symbol was on a day, and what an instrument was called."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.renames import Rename, Renames

DAY = timedelta(days=1)


def d(year: int, month: int = 1, day: int = 1) -> date:
    return date(year, month, day)


TATA = Renames([Rename("TATAMOTORS", "TMPV", d(2025, 10, 24)), Rename("TELCO", "TATAMOTORS", d(2003, 12, 26))])


def test_a_chain_is_followed_to_its_last_name() -> None:
    assert TATA.resolve("TELCO", d(2002)) == "TMPV"
    assert TATA.resolve("TATAMOTORS", d(2023)) == "TMPV"
    assert TATA.resolve("TMPV", d(2026)) == "TMPV"


def test_a_name_holds_until_the_day_before_the_rename() -> None:
    assert TATA.name_on("TMPV", d(2003, 12, 25)) == "TELCO"
    assert TATA.name_on("TMPV", d(2003, 12, 26)) == "TATAMOTORS"
    assert TATA.name_on("TMPV", d(2025, 10, 23)) == "TATAMOTORS"
    assert TATA.name_on("TMPV", d(2025, 10, 24)) == "TMPV"


def test_todays_name_is_understood_for_an_old_date() -> None:
    assert TATA.resolve("TMPV", d(2010)) == "TMPV"


def test_an_old_name_reused_is_somebody_else() -> None:
    renames = Renames([Rename("OLD", "NEW", d(2010)), Rename("YOUNG", "OLD", d(2015))])
    assert renames.resolve("OLD", d(2009)) == "NEW"
    assert renames.resolve("OLD", d(2010)) == "OLD"
    assert renames.resolve("YOUNG", d(2014)) == "OLD"
    assert renames.name_on("NEW", d(2009)) == "OLD"
    assert renames.name_on("OLD", d(2014)) == "YOUNG"
    assert renames.name_on("OLD", d(2016)) == "OLD"


def test_two_chains_that_end_in_one_name_do_not_mix() -> None:
    renames = Renames([Rename("A", "X", d(2005)), Rename("B", "X", d(2015))])
    assert renames.resolve("A", d(2004)) == renames.resolve("X", d(2010)) == "X~2015-01-01"
    assert renames.resolve("B", d(2014)) == renames.resolve("X", d(2015)) == "X"
    assert renames.name_on("X~2015-01-01", d(2004)) == "A"
    assert renames.name_on("X~2015-01-01", d(2010)) == "X"
    assert renames.name_on("X", d(2010)) == "B"


def test_a_name_taken_back_is_the_same_company() -> None:
    renames = Renames([Rename("A", "B", d(2005)), Rename("B", "A", d(2010))])
    assert [renames.resolve(name, day) for name, day in (("A", d(2004)), ("B", d(2007)), ("A", d(2011)))] == ["A", "A", "A"]
    assert [renames.name_on("A", d(year)) for year in (2004, 2007, 2011)] == ["A", "B", "A"]


def test_names_exchanged_on_one_day_do_not_loop() -> None:
    renames = Renames([Rename("A", "B", d(2005)), Rename("B", "A", d(2005))])
    assert renames.resolve("A", d(2004)) == "B"
    assert renames.resolve("B", d(2004)) == "A"
    assert renames.name_on("A", d(2004)) == "B"


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6, unique=True), st.integers(0, 3100))
def test_resolve_and_name_on_are_inverse_along_any_chain(offsets: list[int], at: int) -> None:
    days = [d(2010) + offset * DAY for offset in sorted(offsets)]
    renames = Renames(Rename(f"N{i}", f"N{i + 1}", day) for i, day in enumerate(days))
    last, session = f"N{len(days)}", d(2010) + at * DAY
    name = renames.name_on(last, session)
    assert name == f"N{sum(day <= session for day in days)}"
    assert renames.resolve(name, session) == last


def test_real_bars_before_and_after_a_rename_are_one_history(real_market: Path, sessions: SessionTable) -> None:
    store = Store(real_market, sessions)
    for old, new, dated in (
        ("ZOMATO", "ETERNAL", d(2025, 4, 9)),
        ("GET&D", "GVT&D", d(2024, 11, 5)),
        ("IIFLWAM", "360ONE", d(2023, 1, 23)),
    ):
        history = store.history(new)
        assert history is not None
        at = history.index(dated)
        assert at is not None
        assert at > 100
        before = history.session(at - 1)
        assert store.instrument(new, before).symbol == old
        assert store.instrument(new, dated).symbol == new
        assert store.find(old, before) == new
    tata = store.history("TMPV")
    assert tata is not None
    assert len(tata) > 1800
    assert store.history("TATAMOTORS") is None


ETERNAL = Renames([Rename("ZOMATO", "ETERNAL", d(2025, 4, 9))])


@pytest.mark.parametrize(
    ("symbol", "day", "owner"),
    [
        ("ZOMATO", d(2025, 4, 8), "ETERNAL"),
        ("ETERNAL", d(2025, 4, 8), "ETERNAL"),
        ("ETERNAL", d(2025, 4, 9), "ETERNAL"),
        ("ZOMATO", d(2025, 4, 9), "ETERNAL"),  # a broker or a list that is late
        ("ZOMATO", d(2025, 4, 18), "ETERNAL"),
        ("ZOMATO", d(2025, 4, 19), "ZOMATO"),  # by then another company may have the name
        ("OTHER", d(2025, 4, 9), "OTHER"),
    ],
)
def test_a_record_means_the_company_that_had_its_symbol(symbol: str, day: date, owner: str) -> None:
    assert ETERNAL.owner(symbol, day) == owner


def test_a_late_record_means_the_company_that_took_the_name() -> None:
    renames = Renames([Rename("A", "B", d(2025, 4, 9)), Rename("C", "A", d(2025, 4, 14))])
    assert renames.owner("A", d(2025, 4, 11)) == "B"
    assert renames.owner("A", d(2025, 4, 14)) == "A"
    swapped = Renames([Rename("A", "B", d(2025, 4, 9)), Rename("B", "A", d(2025, 4, 9))])
    assert (swapped.owner("A", d(2025, 4, 9)), swapped.owner("B", d(2025, 4, 9))) == ("A", "B")


NAMES = ("A", "B", "C", "D")


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[list[Rename], list[tuple[int, str, date]]]:
    """Renames of four companies, in which no two have one name at a time, and records: company, its symbol, and the day."""
    holders, renames, records = {name: number for number, name in enumerate(NAMES[:3])}, [], []
    day = d(2020)
    for _ in range(draw(st.integers(1, 6))):
        day += timedelta(days=draw(st.integers(20, 400)))
        for name, company in sorted(holders.items()):
            if draw(st.booleans()):
                records.append((company, name, day - timedelta(days=draw(st.integers(1, 9)))))
        old, new = draw(st.sampled_from(sorted(holders))), draw(st.sampled_from([name for name in NAMES if name not in holders]))
        renames.append(Rename(old, new, day))
        holders[new] = holders.pop(old)
    records += [(company, name, day + timedelta(days=draw(st.integers(0, 9)))) for name, company in sorted(holders.items())]
    return renames, records


@given(exchanges())
def test_ids_followed_in_steps_are_those_of_the_whole_list(made: tuple[list[Rename], list[tuple[int, str, date]]]) -> None:
    """Each record keeps its id until a new rename; however the list grew, it ends with the id of its company and of no other."""
    renames, records = made
    ids = [Renames([]).resolve(symbol, day) for _, symbol, day in records]
    for known in range(1, len(renames) + 1):
        present = Renames(renames[:known])
        ids = [present.owner_of(instrument_id, symbol, day) for instrument_id, (_, symbol, day) in zip(ids, records, strict=True)]
    whole = Renames(renames)
    assert ids == [whole.resolve(symbol, day) for _, symbol, day in records]
    owners = {(instrument_id, company) for instrument_id, (company, _, _) in zip(ids, records, strict=True)}
    assert len(owners) == len({company for _, company in owners}) == len({instrument_id for instrument_id, _ in owners})
