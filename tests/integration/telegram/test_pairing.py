"""Only a chat that sent the code of the terminal is answered."""

from __future__ import annotations

from datetime import datetime

from tests.integration.telegram.conftest import Phone
from tests.support.telegram_server import ASHA
from tradectl.clock import SystemClock
from tradectl.telegram.pairing import TRIES, VALID

STRANGER = 666


def now() -> datetime:
    return SystemClock().now()


def test_the_code_of_the_terminal_pairs_a_chat(phone: Phone) -> None:
    code = phone.pairing.new_code(now())
    assert phone.ask(f"/start {code}")[0].startswith("This chat is paired with the account asha.")
    assert [(chat.id, chat.name) for chat in phone.pairing.chats()] == [(ASHA, "Asha")]
    assert not phone.pairing.code_open(now())
    (log,) = phone.world.ledger.logs.list(action="telegram_paired")
    assert "Asha" in log.message


def test_a_stranger_gets_no_answer_to_anything(paired: Phone) -> None:
    for text in ("/status", "/halt", "/start", "hello", "/pair 12345678"):
        paired.server.message(text, chat=STRANGER)
    paired.poller().poll_once(0)
    assert paired.server.sent == []
    assert paired.marker.read().state == "ACTIVE"


def test_a_group_is_never_paired_nor_answered(paired: Phone) -> None:
    code = paired.pairing.new_code(now())
    for text in (f"/pair {code}", "/halt"):
        paired.server.message(text, chat=-100555, kind="supergroup")
    paired.poller().poll_once(0)
    assert paired.server.sent == []
    assert [chat.id for chat in paired.pairing.chats()] == [ASHA]
    assert paired.marker.read().state == "ACTIVE"


def test_wrong_codes_void_the_code(phone: Phone) -> None:
    code = phone.pairing.new_code(now())
    wrong = "00000000" if code != "00000000" else "11111111"
    for _ in range(TRIES):
        phone.server.message(f"/pair {wrong}", chat=STRANGER)
    phone.server.message(f"/pair {code}")
    phone.poller().poll_once(0)
    assert (phone.server.sent, phone.pairing.chats()) == ([], ())


def test_a_wrong_code_that_is_sent_again_counts_once(phone: Phone) -> None:
    code = phone.pairing.new_code(now())
    phone.server.repeats = True
    phone.server.message("/pair wrong", chat=STRANGER)
    for _ in range(TRIES + 1):
        phone.poller().poll_once(0)
    assert phone.pairing.code_open(now())
    phone.server.message(f"/pair {code}")
    phone.poller().poll_once(0)
    assert len(phone.pairing.chats()) == 1


def test_an_expired_code_pairs_nothing(phone: Phone) -> None:
    code = phone.pairing.new_code(now() - VALID)
    assert phone.ask(f"/pair {code}") == []
    assert phone.pairing.chats() == ()


def test_only_the_hash_of_a_code_is_stored(phone: Phone) -> None:
    code = phone.pairing.new_code(now())
    assert code not in (phone.world.ledger.settings.plain("telegram.code") or code)


def test_a_forgotten_chat_is_answered_no_more(paired: Phone) -> None:
    assert paired.pairing.forget(ASHA) == 1
    assert paired.ask("/status") == []
