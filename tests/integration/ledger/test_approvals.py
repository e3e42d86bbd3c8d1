"""A list of buys is stored once and decided once; an update of Telegram is recorded once. On SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest

from tests.integration.ledger.conftest import NOW
from tradectl.ledger.approvals import ApprovalLine, Approvals, Verdict, hash_of
from tradectl.ledger.store import Ledger
from tradectl.ledger.telegram_updates import KEPT, TelegramUpdates

DAY, NEXT = date(2026, 1, 7), date(2026, 1, 8)
LINES = [ApprovalLine("INE001", "ACME", "entry", 10, 10050)]
OTHER = [ApprovalLine("INE001", "ACME", "entry", 11, 10050)]
HOUR = timedelta(hours=1)


@pytest.fixture
def approvals(ledger: Ledger) -> Approvals:
    return Approvals(ledger.database, ledger.user)


def test_a_session_has_one_list(approvals: Approvals) -> None:
    first = approvals.ask(DAY, NEXT, LINES, asked_at=NOW, until=NOW + HOUR)
    assert approvals.ask(DAY, NEXT, OTHER, asked_at=NOW, until=NOW + 2 * HOUR) == first == approvals.of(DAY)
    assert (first.lines, first.until, first.verdict, first.shown_at) == (tuple(LINES), NOW + HOUR, None, None)
    assert approvals.open_at(NOW) == (first,)
    assert approvals.open_at(NOW + HOUR) == ()
    assert approvals.of(NEXT) is None


def test_the_hash_covers_every_part() -> None:
    hashes = {hash_of(DAY, NEXT, LINES), hash_of(DAY, NEXT, OTHER), hash_of(NEXT, NEXT, LINES), hash_of(DAY, DAY, LINES)}
    assert len(hashes) == 4
    assert hash_of(DAY, NEXT, LINES) == hash_of(DAY, NEXT, list(LINES))


def test_an_answer_counts_before_the_end_and_expiry_after_it(approvals: Approvals) -> None:
    asked = approvals.ask(DAY, NEXT, LINES, asked_at=NOW, until=NOW + HOUR)
    assert not approvals.decide(DAY, asked.list_hash, Verdict.EXPIRED, NOW)
    assert not approvals.decide(DAY, asked.list_hash, Verdict.APPROVED, NOW + HOUR)
    assert not approvals.decide(DAY, "00000000", Verdict.APPROVED, NOW)
    assert approvals.decide(DAY, asked.list_hash, Verdict.APPROVED, NOW, by="Asha")
    assert not approvals.decide(DAY, asked.list_hash, Verdict.EXPIRED, NOW + HOUR)
    found = approvals.of(DAY)
    assert found is not None
    assert (found.verdict, found.decided_by, found.decided_at) == (Verdict.APPROVED, "Asha", NOW)


def test_of_many_answers_at_once_one_counts(ledger: Ledger, approvals: Approvals) -> None:
    asked = approvals.ask(DAY, NEXT, LINES, asked_at=NOW, until=NOW + HOUR)
    won: list[str] = []

    def answer(name: str, verdict: Verdict) -> None:
        if Approvals(ledger.database, ledger.user).decide(DAY, asked.list_hash, verdict, NOW, by=name):
            won.append(name)
        ledger.database.leave_thread()

    verdicts = [Verdict.APPROVED, Verdict.REJECTED]
    threads = [threading.Thread(target=answer, args=(str(n), verdicts[n % 2])) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = approvals.of(DAY)
    assert found is not None
    assert won == [found.decided_by]


def test_the_first_time_of_showing_stays(approvals: Approvals) -> None:
    approvals.ask(DAY, NEXT, LINES, asked_at=NOW, until=NOW + HOUR)
    approvals.mark_shown(DAY, NOW)
    approvals.mark_shown(DAY, NOW + HOUR)
    found = approvals.of(DAY)
    assert found is not None
    assert found.shown_at == NOW


def test_an_update_is_recorded_once_and_forgotten_after_days(ledger: Ledger) -> None:
    updates = TelegramUpdates(ledger.database, ledger.user)
    number, chat = 2**40, -(2**45)
    assert updates.record(number, chat, "/halt", NOW)
    assert not updates.record(number, chat, "/halt", NOW + KEPT)
    assert updates.handled(number)
    assert updates.record(number + 1, chat, "/a_command_of_many_letters", NOW + KEPT + HOUR)
    assert not updates.handled(number)
    updates.clear()
    assert not updates.handled(number + 1)
