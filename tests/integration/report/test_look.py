"""Signals, executions, the log and the decisions as people look at them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.report.conftest import DAY, NEXT, NOW, Rows
from tradectl.errors import UsageError
from tradectl.ledger.store import Ledger
from tradectl.report import executions, logs, signals, why


def test_signals_are_those_of_the_newest_session_by_rank(ledger: Ledger, rows: Rows):
    rows.signal(analysed=DAY - timedelta(days=1), for_session=DAY, symbol="OLD")
    rows.signal(rank=2, instrument_id="INE002", symbol="BETA")
    rows.signal(rank=1)
    assert [item["symbol"] for item in signals.listing(ledger.database, "asha")] == ["ACME", "BETA"]
    assert [item["symbol"] for item in signals.listing(ledger.database, "asha", session=DAY)] == ["OLD"]
    assert signals.listing(ledger.database, "ravi") == []


def test_signals_of_a_span_come_in_order_with_their_reasons(ledger: Ledger, rows: Rows):
    """Another user's decisions, another task's, and the verdict of another rule are no reasons of theirs."""
    before = DAY - timedelta(days=1)
    rows.signal(rank=2, instrument_id="INE002", symbol="BETA")
    rows.signal()
    rows.signal(analysed=before, for_session=DAY, symbol="OLD")
    for session, reason in ((before, "score 60.0"), (DAY, "score 63.0")):
        rows.decision(session_date=session, verdict="BUY", rule="score", reason=reason)
    rows.decision(task="buy", verdict="placed", rule="score", reason="10 at 101.00")
    rows.decision(instrument_id="INE002", reason="it was forgotten")
    found = signals.listing(ledger.database, "asha", analysed=(before, DAY))
    told = [(item["analysed"], item["symbol"], item["reason"]) for item in found]
    assert told == [("2023-07-19", "OLD", "score 60.0"), ("2023-07-20", "ACME", "score 63.0"), ("2023-07-20", "BETA", None)]
    assert [item["symbol"] for item in signals.listing(ledger.database, "asha", analysed=(DAY, NEXT))] == ["ACME", "BETA"]
    assert signals.listing(ledger.database, "asha", analysed=(NEXT, NEXT)) == []


def test_a_signals_money_is_rupees_and_its_numbers_are_numbers(ledger: Ledger, rows: Rows):
    rows.signal()
    [item] = signals.listing(ledger.database, "asha")
    assert (item["close"], item["limit_price"], item["average_turnover"]) == ("100.50", "101.00", "10000000.00")
    assert (item["rsi"], item["rank"], item["for_session"]) == (24.1, 1, "2023-07-21")


def test_executions_are_chosen_by_task_status_and_session(ledger: Ledger, rows: Rows):
    rows.execution(task="analyze")
    failed = rows.execution(task="buy", status="failed", error="no funds")
    [item] = executions.listing(ledger.database, "asha", task="buy")
    assert (item["id"], item["status"], item["error"], item["result"]) == (failed, "failed", "no funds", {"placed": 1})
    assert [item["task"] for item in executions.listing(ledger.database, "asha")] == ["buy", "analyze"]
    assert executions.listing(ledger.database, "asha", session=NEXT) == []
    assert [item["id"] for item in executions.listing(ledger.database, "asha", status="failed")] == [failed]


def test_the_log_ends_with_the_newest_line(ledger: Ledger):
    for number in range(4):
        ledger.logs.append(NOW + timedelta(minutes=number), "info", "task_completed", f"line {number}", task="buy")
    ledger.logs.append(NOW + timedelta(days=1), "error", "task_failed", "no bars", task="analyze", symbol="ACME")
    assert [item["message"] for item in logs.listing(ledger.database, "asha", limit=2)] == ["line 3", "no bars"]
    assert [item["message"] for item in logs.listing(ledger.database, "asha", level="warning")] == ["no bars"]
    assert [item["message"] for item in logs.listing(ledger.database, "asha", symbol="acme", task="analyze")] == ["no bars"]
    assert len(logs.listing(ledger.database, "asha", day=DAY)) == 4
    with pytest.raises(UsageError, match="no level"):
        logs.listing(ledger.database, "asha", level="loud")


def test_a_day_of_the_log_begins_at_midnight_in_india(ledger: Ledger):
    midnight = NOW.replace(day=19, hour=18, minute=30)
    ledger.logs.append(midnight - timedelta(seconds=1), "info", "x", "before")
    ledger.logs.append(midnight, "info", "x", "after")
    assert [item["message"] for item in logs.listing(ledger.database, "asha", day=DAY)] == ["after"]


def test_why_lists_decisions_newest_first_or_of_sessions(ledger: Ledger, rows: Rows):
    rows.decision(session_date=DAY - timedelta(days=1), rule="rsi")
    rows.decision()
    rows.decision(task="buy", verdict="skipped_limit", rule="max_positions", reason="6 open", at=NOW + timedelta(minutes=5))
    found = why.decisions(ledger.database, {"asha"}, "acme", sessions=[DAY])
    assert [(item["task"], item["rule"], item["reason"]) for item in found] == [
        ("buy", "max_positions", "6 open"),
        ("analyze", "volume", "volume 0.31 of average, 0.5 needed"),
    ]
    assert found[1]["inputs"] == {"volume_ratio": 0.31}
    both = why.decisions(ledger.database, {"asha"}, "acme")
    assert [item["rule"] for item in both] == ["max_positions", "volume", "rsi"]


def test_why_follows_a_renamed_symbol_and_the_followed_user(ledger: Ledger, rows: Rows):
    rows.decision(symbol="OLDNAME", session_date=DAY - timedelta(days=1))
    rows.decision(symbol="NEWNAME")
    days = [DAY, DAY - timedelta(days=1)]
    assert len(why.decisions(ledger.database, {"asha"}, "NEWNAME", sessions=days)) == 2
    assert len(why.decisions(ledger.database, {"ravi", "asha"}, "OLDNAME", sessions=days)) == 2
    assert why.decisions(ledger.database, {"ravi"}, "NEWNAME") == []
