"""Whole sessions through Dhan's adapter and its sandbox, over sockets, against the paper exchange alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.integration.research.world import EAGER
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.drill.session_comparison import SessionComparison, differences
from tradectl.lab.sandboxes.server import Sandbox, Trouble
from tradectl.marketdata.synthetic import make_market
from tradectl.settings import Settings

LAST = date(2025, 11, 14)
"""The market's last session; a holiday (2025-11-05), Muhurat (2025-10-21) and a split lie in the weeks before it."""


class Stage(SessionComparison):
    """Sessions of a market in `home`."""

    def __init__(self, home: Path, folder: Path, first: date, last: date) -> None:
        files = {name: home / name for name in ("paper", "market", "sessions", "secret_key")}
        settings = Settings(home, f"sqlite:///{home / 'none.db'}", **files)
        super().__init__(settings, folder, first, last, {**EAGER, "universe": "demo"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sessions: SessionTable) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make_market(folder / "market", sessions, last=LAST)
    return folder


@pytest.mark.parametrize(
    ("first", "last", "fills"),
    [
        (date(2025, 10, 31), date(2025, 11, 4), 6),
        pytest.param(date(2025, 10, 13), date(2025, 11, 13), 20, marks=pytest.mark.slow),
    ],
    ids=["three sessions", "a month"],
)
def test_sessions_at_dhan_are_sessions_at_the_exchange_behind_it(
    home: Path, tmp_path: Path, first: date, last: date, fills: int
) -> None:
    """Every row of every table, every message, and the exchange's statement to the paisa; refusals come late, as at Dhan."""
    stage = Stage(home, tmp_path, first, last)
    near, far = stage.alone("dhan"), stage.through("dhan")
    assert list(differences(near, far)) == []
    assert len(near.rows["fills"]) >= fills
    assert {row["variety"] for row in near.rows["orders"]} == {"AMO", "REGULAR"}
    assert {("POST", "/v2/orders"), ("GET", "/v2/holdings"), ("GET", "/v2/fundlimit")} <= set(far.requests)


@pytest.mark.slow
def test_replies_that_are_lost_cost_no_order_and_no_share(home: Path, tmp_path: Path) -> None:
    """Orders whose reply never came are found in the book by their tag; nothing is bought or sold twice."""

    def trouble(dhan: Sandbox) -> None:
        dhan.trouble(Trouble.CUT, method="POST", path="/v2/orders", times=3)
        dhan.trouble(Trouble.BAD_GATEWAY, method="POST", path="/v2/orders", times=2)
        dhan.trouble(Trouble.MALFORMED, method="GET", path="/v2/orders", times=2)
        dhan.trouble(Trouble.HALF, method="GET", path="/v2/trades", times=2)

    stage = Stage(home, tmp_path, date(2025, 10, 31), date(2025, 11, 4))
    near, far = stage.alone("dhan"), stage.through("dhan", trouble)
    names = ("symbol", "side", "quantity", "price", "at", "charges")
    assert [[row[name] for name in names] for row in far.rows["fills"]] == [
        [row[name] for name in names] for row in near.rows["fills"]
    ]
    assert sum(path == ("POST", "/v2/orders") for path in far.requests) == len(near.rows["orders"])  # each order was sent once
    assert far.statement == near.statement
