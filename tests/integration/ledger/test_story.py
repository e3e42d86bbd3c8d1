"""Logs, services and the outbox."""

from __future__ import annotations

from datetime import timedelta

from tests.integration.ledger.conftest import NOW
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.store import Ledger

MINUTE = timedelta(minutes=1)


def test_log_lines_come_oldest_first_and_can_be_followed(ledger: Ledger) -> None:
    for number, level in enumerate(["info", "warning", "error"]):
        ledger.logs.append(NOW + number * MINUTE, level, "task_completed", f"line {number}", task="buy", symbol="TCS")
    lines = ledger.logs.list()
    assert [line.message for line in lines] == ["line 0", "line 1", "line 2"]
    assert [line.message for line in ledger.logs.list(limit=2)] == ["line 1", "line 2"]
    assert [line.level for line in ledger.logs.list(level="warning")] == ["warning", "error"]
    assert [line.message for line in ledger.logs.list(after_id=lines[1].id)] == ["line 2"]
    assert [line.message for line in ledger.logs.list(since=NOW + MINUTE)] == ["line 1", "line 2"]
    assert ledger.logs.list(task="analyze") == ()
    assert ledger.logs.list(symbol="TCS") == lines


def test_old_log_lines_are_forgotten(ledger: Ledger) -> None:
    ledger.logs.append(NOW, "info", "old", "old")
    ledger.logs.append(NOW + MINUTE, "info", "new", "new")
    assert ledger.logs.prune(NOW + MINUTE) == 1
    assert [line.action for line in ledger.logs.list()] == ["new"]


def test_a_service_beats_and_stops(ledger: Ledger) -> None:
    ledger.service.beat("daemon", current_identity(), NOW)
    ledger.service.beat("daemon", current_identity(), NOW + MINUTE, "sell-monitor")
    (row,) = ledger.service.list()
    assert (row.started_at, row.beat_at, row.detail) == (NOW, NOW + MINUTE, "sell-monitor")
    assert row.running(NOW + 2 * MINUTE)
    assert not row.running(NOW + 5 * MINUTE)
    ledger.service.stop("daemon", current_identity(), NOW + 2 * MINUTE)
    assert not ledger.service.list()[0].running(NOW + 2 * MINUTE)


def test_a_daemon_whose_process_is_gone_does_not_run(ledger: Ledger) -> None:
    host, boot, _, _ = current_identity().rsplit(":", 3)
    ledger.service.beat("daemon", f"{host}:{boot}:999999999:1", NOW)
    assert not ledger.service.list()[0].running(NOW)


def test_a_new_daemon_is_not_stopped_by_the_old_one(ledger: Ledger) -> None:
    ledger.service.beat("daemon", "old:1:1:1", NOW)
    ledger.service.beat("daemon", current_identity(), NOW + MINUTE)
    ledger.service.stop("daemon", "old:1:1:1", NOW + MINUTE)
    (row,) = ledger.service.list()
    assert (row.status, row.started_at) == ("running", NOW + MINUTE)


def test_the_same_message_is_added_once(ledger: Ledger) -> None:
    assert ledger.outbox.add(NOW, "missed", "buy", "missed:buy:2026-01-07")
    assert not ledger.outbox.add(NOW, "missed", "buy", "missed:buy:2026-01-07")
    assert [message.title for message in ledger.outbox.pending()] == ["missed"]


def test_a_message_waits_until_it_is_sent_and_is_never_given_up(ledger: Ledger) -> None:
    ledger.outbox.add(NOW, "one", "", "1")
    ledger.outbox.add(NOW, "two", "", "2")
    one, two = ledger.outbox.pending()
    ledger.outbox.mark_sent(one, NOW)
    ledger.outbox.mark_failed(two, "no network")
    (left,) = ledger.outbox.pending()
    assert (left.title, left.tries, left.error) == ("two", 1, "no network")
    for _ in range(50):
        ledger.outbox.mark_failed(ledger.outbox.pending()[0], "no network")
    ledger.outbox.mark_sent(ledger.outbox.pending()[0], NOW)
    assert ledger.outbox.pending() == ()


def test_sent_messages_are_forgotten_waiting_ones_are_not(ledger: Ledger) -> None:
    ledger.outbox.add(NOW, "one", "", "1")
    ledger.outbox.add(NOW, "two", "", "2")
    ledger.outbox.mark_sent(ledger.outbox.pending()[0], NOW)
    assert ledger.outbox.prune(NOW + MINUTE) == 1
    assert [message.title for message in ledger.outbox.pending()] == ["two"]


def test_a_message_is_lost_with_the_write_it_tells_about(ledger: Ledger) -> None:
    try:
        with ledger.database.write():
            ledger.outbox.add(NOW, "bought", "", "1")
            raise KeyError
    except KeyError:
        pass
    assert ledger.outbox.pending() == ()
