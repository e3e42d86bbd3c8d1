"""Whole sessions over real sockets: the adapter, Kite's wire format and the paper exchange, against the paper exchange alone.

Everything is the program's own: tasks, runner, ledger, and a login each morning. The exchange alone is told to promise no more
than Kite does (no pre-open prices, no refusal of a repeated tag). Nothing else needs to be made alike: a quote's source is not
kept, and in a simulation everything happens on whole seconds, which is all that Kite's times can say.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.integration.research.world import EAGER
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.drill.session_comparison import SessionComparison, SessionsRun, differences
from tradectl.lab.sandboxes.server import Sandbox, Trouble
from tradectl.marketdata.synthetic import make_market
from tradectl.settings import Settings

LAST = date(2025, 11, 14)
"""The market's last session; a holiday (2025-11-05) and a split lie in the days before it."""
FIRST = date(2025, 10, 31)


class Stage(SessionComparison):
    """Sessions from `FIRST` on of a market in `home`."""

    def __init__(self, home: Path, folder: Path, last: date) -> None:
        files = {name: home / name for name in ("paper", "market", "sessions", "secret_key")}
        settings = Settings(home, f"sqlite:///{home / 'none.db'}", **files)
        super().__init__(settings, folder, FIRST, last, {**EAGER, "universe": "demo"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sessions: SessionTable) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make_market(folder / "market", sessions, last=LAST)
    return folder


def test_eight_sessions_at_kite_equal_those_at_the_exchange(home: Path, tmp_path: Path) -> None:
    """Every row of every table, every message, and the exchange's statement to the paisa; refusals come late, as at Kite."""
    stage = Stage(home, tmp_path, date(2025, 11, 12))
    near, far = stage.alone("kite"), stage.through("kite")
    assert list(differences(near, far)) == []
    days: dict[date, list[str]] = {}
    for row in far.rows["fills"]:
        days.setdefault(row["session_date"], []).append(row["trade_id"])
    assert len(days) > 2
    for day, names in days.items():  # the exchange's numbers begin anew each day
        assert set(names) == {f"{day:%Y%m%d}-NSE-{number}" for number in range(10_000_001, 10_000_001 + len(names))}
    assert len(near.rows["fills"]) >= 15
    assert {row["variety"] for row in near.rows["orders"]} == {"AMO", "REGULAR"}
    sent = {f"{method} {path.rpartition('/')[0] if method in {'PUT', 'DELETE'} else path}" for method, path in far.requests}
    assert {"POST /orders/amo", "POST /orders/regular"} <= sent
    assert far.requests.count(("POST", "/session/token")) == 8  # one a session


def test_answers_that_are_lost_cost_no_order_and_no_share(home: Path, tmp_path: Path) -> None:
    """Orders whose answer never came are found in the book by their tag; nothing is bought or sold twice."""

    def trouble(kite: Sandbox) -> None:
        kite.trouble(Trouble.CUT, method="POST", path="/orders", times=4)
        kite.trouble(Trouble.BAD_GATEWAY, method="POST", path="/orders/regular", times=2)
        kite.trouble(Trouble.MALFORMED, method="GET", path="/orders", times=2)
        kite.trouble(Trouble.HALF, method="GET", path="/trades", times=2)

    stage = Stage(home, tmp_path, date(2025, 11, 4))
    near, far = stage.alone("kite"), stage.through("kite", trouble)
    assert [deed(row) for row in far.rows["fills"]] == [deed(row) for row in near.rows["fills"]]
    assert len(near.rows["fills"]) >= 6
    assert executed(far) == executed(near)
    assert sum(row["action"] == "order_unknown" for row in far.rows["user_logs"]) == 2  # the monitor's; `buy` counts its own
    assert far.statement == near.statement


def executed(life: SessionsRun) -> list[tuple[Any, ...]]:
    """Orders that were executed. One that was refused for want of money may have been tried again under another tag."""
    return [
        (row["symbol"], row["side"], row["quantity"], row["price"]) for row in life.rows["orders"] if row["status"] == "EXECUTED"
    ]


def deed(row: dict[str, Any]) -> tuple[Any, ...]:
    """A fill without the numbers of rows and orders."""
    return tuple(row[name] for name in ("symbol", "side", "quantity", "price", "at", "charges"))
