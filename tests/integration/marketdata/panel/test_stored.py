"""An open store: current, light to open, and never taken for whole where it is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.integration.marketdata.conftest import ACTIONS, DAILY, Market, bars
from tradectl.errors import DataError
from tradectl.marketdata.check import DAMAGED, check
from tradectl.marketdata.panel.layout import ROWS, TYPES
from tradectl.marketdata.panel.refresh import open_panel, renew
from tradectl.marketdata.panel.stored import UNSOUND, StoredPanel
from tradectl.model.panel import FIELDS

DAYS = ("2024-01-15", "2024-01-16", "2024-01-17", "2024-01-18")


@pytest.fixture
def filled(market: Market) -> Market:
    market.take("ca.csv", ACTIONS + "ACME,EQ,2024-01-17,Bonus 1:1\n")
    market.take("x.csv", DAILY + bars("ACME", dict(zip(DAYS, (100, 101, 50, 51), strict=True))) + bars("NEW", {DAYS[3]: 7}))
    return market


def edition(market: Market) -> Path:
    return StoredPanel(market.folder).path


def sound(market: Market) -> bool:
    try:
        StoredPanel(market.folder)
    except UNSOUND:
        return False
    return True


def spoil(path: Path, at: int) -> Callable[[], None]:
    """Turn one bit of a file; the way back."""
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([whole[at] ^ (1 << at % 8)]))

    def mend() -> None:
        path.write_bytes(whole)

    return mend


@pytest.mark.parametrize("name", ["panel.json", ROWS, "facts"])
def test_any_bit_of_what_is_small_is_checked_when_opened(filled: Market, name: str) -> None:
    path = filled.folder / name if name == "panel.json" else next(edition(filled).glob(f"{name}*"))
    for at in range(path.stat().st_size):
        mend = spoil(path, at)
        assert not sound(filled), f"byte {at} of {name}"
        mend()
    assert sound(filled)


@pytest.mark.parametrize("name", FIELDS)
def test_any_bit_of_the_last_row_is_checked_when_opened(filled: Market, name: str) -> None:
    path = edition(filled) / name
    row = path.stat().st_size // len(DAYS)
    for at in range(3 * row, 4 * row):
        mend = spoil(path, at)
        assert not sound(filled), f"byte {at} of {name}"
        mend()


@pytest.mark.parametrize("name", FIELDS)
def test_any_bit_of_another_row_is_found_by_data_check(filled: Market, name: str) -> None:
    path = edition(filled) / name
    row = path.stat().st_size // len(DAYS)
    for at in range(0, 3 * row, 5):
        mend = spoil(path, at)
        assert StoredPanel(filled.folder).damaged() == [date.fromisoformat(DAYS[at // row])], f"byte {at} of {name}"
        mend()
    assert StoredPanel(filled.folder).damaged() == []


def test_data_check_says_which_session_is_damaged_and_what_helps(filled: Market) -> None:
    spoil(edition(filled) / "close", 0)
    found = next(finding for finding in check(filled.store()) if finding.count and finding.severity == "error")
    assert found.kind == DAMAGED
    assert (found.count, found.examples) == (1, (DAYS[0],))
    renew(filled.folder)
    assert [finding.kind for finding in check(filled.store()) if finding.severity == "error" and finding.count] == []


@pytest.mark.parametrize("damage", ["truncate", "remove", "index", "format", "edition", "all"])
def test_a_damaged_store_is_built_again(filled: Market, damage: str) -> None:
    folder, index = edition(filled), filled.folder / "panel.json"
    match damage:
        case "truncate":
            (folder / "close").write_bytes((folder / "close").read_bytes()[:-3])
        case "remove":
            next(folder.glob("facts-*")).unlink()
        case "index":
            index.write_text('{"format": 1')
        case "format":
            index.write_text(json.dumps({"format": 0}))
        case "edition":
            shutil.rmtree(folder)
        case _:
            shutil.rmtree(folder)
            index.unlink()
    history = filled.store().history("ACME")
    assert history is not None
    assert history.close.tolist() == [10000, 10100, 5000, 5100]
    assert history.multiplier.tolist() == [1, 1, 2, 2]
    assert [path.name for path in filled.folder.glob("panel-*")] == [edition(filled).name]


def test_who_has_an_older_state_open_keeps_it(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {DAYS[1]: 100}))
    reader = market.store()
    assert len(reader.panel()) == 1
    market.take("y.csv", DAILY + bars("ACME", {DAYS[2]: 101}))
    market.take("z.csv", DAILY + bars("ACME", {DAYS[0]: 99}))
    assert market.store().panel().close.tolist() == [[9900], [10000], [10100]]
    assert reader.panel().close.tolist() == [[10000]]
    assert len(list(market.folder.glob("panel-*"))) == 1


def test_no_archive_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^no market data in .*: `tradectl prices --force`"):
        open_panel(tmp_path)


def test_an_empty_archive_has_an_empty_panel(market: Market) -> None:
    store = market.store()
    assert store.panel().close.shape == (0, 0)
    assert store.history("ACME") is None
    assert store.last_session() is None
    assert store.universe("all") == ()


def test_what_is_mapped_cannot_be_written(filled: Market) -> None:
    store = filled.store()
    for name in TYPES:
        with pytest.raises(ValueError, match="read-only"):
            getattr(store.panel(), name)[0, 0] = 1
    history = store.history("ACME")
    assert history is not None
    with pytest.raises(ValueError, match="read-only"):
        history.close[0] = 1


def test_a_store_opened_through_a_session_ends_there(filled: Market) -> None:
    from tradectl.marketdata.store import Store

    store = Store(filled.folder, filled.sessions, through=date.fromisoformat(DAYS[1]))
    panel = store.panel()
    assert (len(panel), panel.close[:, panel.columns["ACME"]].tolist()) == (2, [10000, 10100])
    history = store.history("ACME")
    assert history is not None
    assert np.array_equal(history.close, [10000, 10100])
    assert store.history("NEW") is None


def test_reading_is_light(real_market: Path) -> None:
    """A reader loads neither pandas nor sqlite_utils."""
    code = f"""
import sys
from pathlib import Path
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
store = Store(Path({str(real_market)!r}), SessionTable.load())
assert len([store.history(name) for name in store.universe('nifty50')]) == 50
print(*sorted({{'pandas', 'sqlite_utils', 'sqlalchemy'}} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
