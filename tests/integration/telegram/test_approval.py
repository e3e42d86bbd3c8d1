"""The list of buys on the phone, and the phone's answer to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.report.conftest import DAY, NEXT
from tests.integration.telegram.conftest import Phone
from tradectl.clock import SystemClock
from tradectl.ledger.approvals import Approval, ApprovalLine, Approvals, Verdict

LINES = (
    ApprovalLine("INE001", "ACME", "entry", 1234, 1234_50),
    ApprovalLine("INE002", "BETA", "reentry", 10, 99_95),
)


def approvals(phone: Phone) -> Approvals:
    return Approvals(phone.world.ledger.database, "asha")


def ask(phone: Phone, *, minutes: int = 60) -> Approval:
    now = SystemClock().now()
    return approvals(phone).ask(DAY, NEXT, LINES, asked_at=now, until=now + timedelta(minutes=minutes))


def shown(phone: Phone) -> Approval:
    """Ask, and let a process show the list."""
    asked = ask(phone)
    phone.step()
    return asked


def verdict(phone: Phone) -> Verdict | None:
    found = approvals(phone).of(DAY)
    assert found is not None
    return found.verdict


def test_the_list_has_symbol_quantity_limit_and_amount(paired: Phone) -> None:
    asked = shown(paired)
    (text,) = paired.server.replies()
    lines = text.splitlines()
    assert lines[:3] == [
        "Approve 2 buys for 2023-07-21? Rs 15,24,372.50 without charges",
        "ACME 1,234 at 1,234.50 = 15,23,373.00",
        "BETA 10 at 99.95 = 999.50, re-entry",
    ]
    assert lines[3].startswith(f"/approve {asked.list_hash} or /reject {asked.list_hash} until ")
    paired.step()
    assert len(paired.server.replies()) == 1  # shown once


def test_no_line_of_a_long_list_is_cut(paired: Phone) -> None:
    now = SystemClock().now()
    lines = [ApprovalLine(f"INE{n:03}", f"LONGSYMBOL{n:03}", "reentry", 99999, 99999_95) for n in range(150)]
    approvals(paired).ask(DAY, NEXT, lines, asked_at=now, until=now + timedelta(minutes=5))
    paired.step()
    texts = paired.server.replies()
    assert len(texts) == 4
    assert all(any(f"LONGSYMBOL{n:03} 99,999 at 99,999.95 = " in text for text in texts) for n in range(150))
    assert "/approve" in texts[-1].splitlines()[-1]


@pytest.mark.parametrize("words", ["/approve", "/approve {}"])
def test_approve_approves_the_list_that_was_shown(paired: Phone, words: str) -> None:
    asked = shown(paired)
    assert paired.ask(words.format(asked.list_hash), age=-1)[0].startswith("Approved")
    assert verdict(paired) is Verdict.APPROVED
    assert len(paired.world.ledger.logs.list(action="buys_approved")) == 1


def test_reject_rejects_it_and_the_verdict_stays(paired: Phone) -> None:
    shown(paired)
    assert paired.ask("/reject", age=-1) == ["Rejected: none of the 2 buys for 2023-07-21 is sent."]
    assert paired.ask("/approve", age=-1) == ["No list of buys waits for an answer; nothing was changed."]
    assert verdict(paired) is Verdict.REJECTED


def test_an_answer_with_another_code_decides_nothing(paired: Phone) -> None:
    asked = shown(paired)
    assert paired.ask("/approve 00000000", age=-1)[0].startswith(f"That is not the list that waits ({asked.list_hash})")
    assert verdict(paired) is None


def test_an_answer_from_before_the_list_decides_nothing(paired: Phone) -> None:
    shown(paired)
    assert "newer than your message" in paired.ask("/approve", age=30)[0]
    assert verdict(paired) is None


def test_an_unseen_or_expired_list_is_not_approved(paired: Phone) -> None:
    ask(paired, minutes=-1)
    assert paired.ask("/approve")[0].startswith("No list of buys waits")
    assert verdict(paired) is None


def test_an_old_answer_decides_nothing(paired: Phone) -> None:
    asked = shown(paired)
    assert "NOT carried out" in paired.ask(f"/approve {asked.list_hash}", age=1200)[0]
    assert verdict(paired) is None


def test_a_stranger_neither_sees_nor_answers_a_list(paired: Phone) -> None:
    asked = shown(paired)
    paired.server.message(f"/approve {asked.list_hash}", chat=666)
    paired.step()
    assert {chat for chat, _ in paired.server.sent} == {paired.pairing.chats()[0].id}
    assert verdict(paired) is None


def test_a_list_that_could_not_be_sent_is_sent_later(paired: Phone) -> None:
    paired.server.too_many("sendMessage", 1)
    shown(paired)
    assert paired.server.sent == []
    paired.step()
    assert len(paired.server.sent) == 1
