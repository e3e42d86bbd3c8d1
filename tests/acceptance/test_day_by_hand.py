"""A day by hand is the day of `simulate`, and typing any of it again changes nothing.

Three sessions of January 2023, every command with `--at` in a home that did not exist before: what is bought on the first
evening fills on the second day, some of it is sold on the second day and some on the third.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.conftest import Homes, Once, home_with
from tests.acceptance.day import Step, day
from tests.acceptance.program import Row, Said, Server, Tradectl, rows

SESSIONS = ("2023-01-30", "2023-01-31", "2023-02-01")
LAST = "2023-02-01 18:00"
STEPS = [step for session in SESSIONS for step in day(session)]
RUNS = [step for step in STEPS if not step.repeats and not "10:00" < step.slot < "15:00"]
"""One command for each slot of each day; of the position monitor, which orders nothing, the first and the last."""
LEDGER = ("orders", "fills", "positions", "adjustments", "signals", "decisions", "daily_stats", "task_executions")
EXCHANGE = ("orders", "trades", "lots", "charges", "cash_entries")
RUN_SPECIFIC = {"trigger": "manual or simulate", "opened_at": "the first command", "at": "the deposit is as old as the account"}


@pytest.fixture(scope="module")
def walked(server: Server, real_market: Path, once: Once) -> Path:
    """`hand`, the home after three days by hand, and `simulated`, what `simulate --keep` left. Copy `hand` to go on in it."""
    return once("by-hand", lambda work: _walk(home_with(real_market, work / "hand", server), work / "simulated"))


def _walk(hand: Tradectl, kept: Path) -> None:
    for number, step in enumerate(STEPS):
        run = hand.cold if number % 25 == 0 else hand
        said = run(*step.words, "--json", at=step.at)
        assert (said.code, said.object["outcome"]) == (_code(said), "completed"), (step, said)
    said = hand("simulate", "--from", SESSIONS[0], "--to", SESSIONS[-1], "--keep", str(kept), "--json")
    assert said.code == 0, said.err
    (kept / "said.json").write_text(said.out, encoding="utf-8")


def _code(said: Said) -> int:
    """On two of these days a target is outside its band, which every task of the hours of trading names by its exit code."""
    return 11 if "(off band)" in (said.object["error"] or "") else 0


@pytest.fixture
def hand(walked: Path, copied: Homes) -> Tradectl:
    """A home after the three days, to go on in."""
    return copied(walked / "hand")


def table(folder: Path, file: str, name: str) -> list[Row]:
    return [
        {column: value for column, value in row.items() if column not in RUN_SPECIFIC}
        for row in rows(folder / file, f"SELECT * FROM {name}")
    ]


@pytest.mark.parametrize("name", LEDGER)
def test_the_ledger_by_hand_is_the_simulated_one(walked: Path, name: str):
    assert table(walked / "hand", "ledger.db", name) == table(walked / "simulated", "ledger.db", name)


@pytest.mark.parametrize("name", EXCHANGE)
def test_the_exchange_by_hand_is_the_simulated_one(walked: Path, name: str):
    assert table(walked / "hand", "paper.db", name) == table(walked / "simulated", "paper.db", name)


def test_something_was_bought_filled_and_sold(walked: Path):
    fills = rows(walked / "hand" / "ledger.db", "SELECT side, session_date FROM fills")
    sides = Counter((row["session_date"], row["side"]) for row in fills)
    assert sides["2023-01-31", "BUY"] >= 3
    assert sides["2023-01-31", "SELL"] >= 1
    assert sides["2023-02-01", "SELL"] >= 1


def test_the_profit_by_hand_is_the_simulated_one(walked: Path):
    result = json.loads((walked / "simulated" / "said.json").read_text(encoding="utf-8"))["result"]
    closed = rows(walked / "hand" / "ledger.db", "SELECT * FROM positions WHERE status = 'closed'")
    assert result["reconciled"]
    assert len(result["trades"]) == len(closed)
    net = {row["symbol"]: row["realised"] - row["charges"] for row in closed}
    assert {trade["symbol"]: paise(trade["net"]) for trade in result["trades"]} == net
    assert sum(net.values()) == paise(result["realised_pnl"])
    [last] = rows(walked / "hand" / "ledger.db", "SELECT * FROM daily_stats ORDER BY session_date DESC LIMIT 1")
    assert (last["cash"], last["equity"]) == (paise(result["cash"]), paise(result["equity"]))
    [cash] = rows(walked / "hand" / "paper.db", "SELECT sum(amount) AS paise FROM cash_entries")
    assert cash["paise"] == paise(result["cash"])


def paise(rupees: str) -> int:
    return int(rupees.replace(".", ""))


@contextmanager
def nothing_ordered(hand: Tradectl) -> Iterator[None]:
    """Not one order more, here or at the exchange, and none of them another than before."""
    before = everything_sent(hand)
    yield
    assert everything_sent(hand) == before


def everything_sent(hand: Tradectl) -> list[list[Row]]:
    return [
        hand.ledger("SELECT * FROM orders"),
        hand.ledger("SELECT * FROM fills"),
        hand.ledger("SELECT * FROM positions"),
        hand.ledger("SELECT * FROM daily_stats"),
        hand.exchange("SELECT * FROM orders"),
        hand.exchange("SELECT * FROM trades"),
        hand.exchange("SELECT * FROM cash_entries"),
    ]


@pytest.mark.parametrize("session", SESSIONS)
def test_each_command_again_at_its_own_time_has_completed(hand: Tradectl, session: str):
    with nothing_ordered(hand):
        for step in runs_of(session):
            said = hand(step.task, "--json", at=step.at)
            assert (step, *said.outcome, said.err) == (step, "already_completed", 0, "")
            assert {**said.object["result"], "reason": ""} == {**result_of(hand, step), "reason": ""}


@pytest.mark.parametrize("session", SESSIONS)
def test_each_command_again_at_the_last_time_has_completed(hand: Tradectl, session: str):
    with nothing_ordered(hand):
        for step in runs_of(session):
            said = hand(*step.again, "--json", at=LAST)
            assert (step, *said.outcome, said.err) == (step, "already_completed", 0, "")


@pytest.mark.parametrize("session", SESSIONS)
def test_forced_again_nothing_is_sent_twice(hand: Tradectl, session: str):
    """An old evening's buys cannot be made any more: the session that they were for has begun, and that is what it says."""
    with nothing_ordered(hand):
        for step in runs_of(session):
            said = hand(*step.again, "--force", "--json", at=LAST)
            too_late = step.task == "buy" and session != SESSIONS[-1]
            assert (step, *said.outcome) == (step, *(("blocked", 9) if too_late else ("completed", _code(said)))), said
    forced = hand.ledger("SELECT count(*) AS runs FROM task_executions WHERE session_date = ? AND forced = 1", session)
    assert forced == [{"runs": len(runs_of(session))}]


@pytest.mark.parametrize("session", SESSIONS)
def test_forced_before_the_last_event_is_refused(hand: Tradectl, session: str):
    with nothing_ordered(hand):
        for step in runs_of(session):
            if step.at == LAST:
                continue
            said = hand(step.task, "--force", at=step.at)
            assert (step, said.code, said.out, said.err.count("\n")) == (step, 2, "", 1)
            assert "use a later --at" in said.err


def runs_of(session: str) -> list[Step]:
    return [step for step in RUNS if step.session == session]


def result_of(hand: Tradectl, step: Step) -> object:
    key = (step.task, step.session, step.slot)
    [row] = hand.ledger("SELECT result FROM task_executions WHERE task = ? AND session_date = ? AND slot = ?", *key)
    return json.loads(row["result"])
