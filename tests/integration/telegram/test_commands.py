"""What a paired chat may ask, and what it cannot do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.report.conftest import DAY, Rows
from tests.integration.telegram.conftest import Phone
from tests.support.telegram_server import ASHA
from tradectl.clock import SystemClock
from tradectl.errors import DatabaseError
from tradectl.runtime.halting import note_resumed
from tradectl.world import World


def test_status_has_the_state_and_the_day(paired: Phone) -> None:
    (text,) = paired.ask("/status")
    assert text.startswith("ACTIVE: everything may be sent\npaper, 0 positions, 0 live orders, 0 waiting\n")
    assert text.endswith("no daemon or run-due is running")


def test_positions_and_orders_are_grouped_as_in_india(paired: Phone) -> None:
    rows = Rows(paired.world.ledger)
    rows.position(quantity=123456, cost=1234567_50)
    rows.order(status="ONGOING", side="SELL", purpose="target", quantity=123456, price=12345_00, broker_order_id="B1")
    (text,) = paired.ask("/positions@tradectl_test_bot")
    assert text.splitlines()[0] == "ACME 1,23,456 at 10.00, cost 12,34,567.50"  # in market hours UNPROTECTED follows
    assert paired.ask("/orders") == ["1 SELL 1,23,456 ACME at 12,345.00 ONGOING, for 2023-07-21"]


def test_why_has_the_last_decisions_about_a_symbol(paired: Phone) -> None:
    Rows(paired.world.ledger).decision(session_date=DAY, verdict="BUY", rule="score", reason="score 63.0")
    (text,) = paired.ask("/why acme")
    assert text == "2023-07-20 analyze: BUY (score) score 63.0"
    assert paired.ask("/why") == ["Write the symbol: /why RELIANCE"]
    assert paired.ask("/why NOSUCH")[0].startswith("No answer: ")


def test_pnl_has_the_last_session_and_all_closed_positions(paired: Phone) -> None:
    rows = Rows(paired.world.ledger)
    rows.position(status="closed", quantity=0, realised=12345678, charges=78, closed_session=DAY, closed_at=SystemClock().now())
    (text,) = paired.ask("/pnl")
    assert text.endswith("closed positions: 1, net 1,23,456.00 after charges")


@pytest.mark.parametrize("text", ["/resume", "/arm", "/buy ACME 1", "/sell ACME", "/config set x y", "/login"])
def test_nothing_that_raises_risk_is_accepted(paired: Phone, text: str) -> None:
    paired.marker.set("HALTED", "a test", SystemClock().now())
    (reply,) = paired.ask(text)
    assert "not accepted from a phone" in reply
    assert paired.marker.read().state == "HALTED"


def test_halt_sets_marker_and_ledger(paired: Phone) -> None:
    Rows(paired.world.ledger).order(status="ONGOING", broker_order_id="B1")
    (text,) = paired.ask("/halt")
    assert text.startswith("HALTED, by phone, Asha: only cancels are sent\n1 order is at the exchange and may trade.")
    assert paired.marker.read().reason == "by phone, Asha"
    assert paired.world.ledger.users.get("asha").trading_state == "HALTED"


def test_reducing_does_not_weaken_a_halt(paired: Phone) -> None:
    assert paired.ask("/reducing")[0].startswith("REDUCING, by phone, Asha: only sells and cancels are sent")
    paired.ask("/halt")
    assert paired.ask("/reducing")[0].startswith("HALTED, by phone, Asha")
    assert paired.world.ledger.users.get("asha").trading_state == "HALTED"


def test_an_old_halt_is_answered_and_not_carried_out(paired: Phone) -> None:
    (text,) = paired.ask("/halt", age=3600)
    assert "arrived 60 minutes late and was NOT carried out. The account is ACTIVE" in text
    assert paired.marker.read().state == "ACTIVE"


def test_a_halt_repeated_after_a_resume_halts_nothing(paired: Phone) -> None:
    paired.server.repeats = True
    paired.server.message("/halt")
    paired.poller().poll_once(0)
    replace_state(paired)
    paired.poller().poll_once(0)
    assert paired.marker.read().state == "ACTIVE"
    assert len(paired.server.replies()) == 1


def test_a_halt_unrecorded_before_a_resume_is_refused(paired: Phone) -> None:
    """The process died between the marker and the record, and a person resumed before the next one."""
    paired.server.message("/halt", age=30)
    paired.marker.set("HALTED", "by phone, Asha", SystemClock().now())
    replace_state(paired)
    paired.poller().poll_once(0)
    assert paired.marker.read().state == "ACTIVE"
    assert "was NOT set: `resume` was given at" in paired.server.replies()[0]


def replace_state(phone: Phone) -> None:
    """Resume as `tradectl resume` does."""
    phone.marker.begin_resume()
    phone.world.ledger.users.set_trading_state("asha", "ACTIVE", "")
    note_resumed(phone.world.ledger, SystemClock().now() + timedelta(seconds=2))
    phone.marker.finish_resume()


def test_a_halt_needs_no_ledger(paired: Phone) -> None:
    """The ledger cannot be read: the marker is set at once, one reply goes out, and the record follows later."""
    broken = True

    def opened(read_only: bool) -> World:
        if broken:
            raise DatabaseError("the ledger is away")
        return paired.opened(read_only)

    poller = paired.poller(opened)
    poller.chats = paired.pairing.chats()
    paired.server.message("/status")
    paired.server.message("/halt")
    for _ in range(2):
        with pytest.raises(DatabaseError):
            poller.poll_once(0)
    assert paired.marker.read().state == "HALTED"
    assert [text.splitlines()[0] for text in paired.server.replies()] == [
        "HALTED: only cancels are sent. The ledger cannot be read now, so the orders are not counted."
    ]
    broken = False
    poller.poll_once(0)
    assert [text.split(",")[0] for text in paired.server.replies()[1:]] == ["HALTED"]  # the status


def test_commands_have_no_second_effect_in_another_process(paired: Phone) -> None:
    paired.server.repeats = True
    for text in ("/status", "/halt", "/help"):
        paired.server.message(text)
    for _ in range(3):
        paired.poller().poll_once(0)
    assert len(paired.server.replies()) == 3
    assert len(paired.world.ledger.logs.list(action="halted")) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"edit_date": 1},
        {"forward_origin": {"type": "user"}},
        {"via_bot": {"id": 1}},
        {"date": "now"},
        {"date": 10**20},
    ],
)
def test_an_edited_forwarded_or_malformed_message_is_ignored(paired: Phone, more: dict[str, object]) -> None:
    paired.server.message("/halt", **more)  # type: ignore[arg-type]
    paired.poller().poll_once(0)
    assert (paired.server.sent, paired.marker.read().state) == ([], "ACTIVE")


def test_other_updates_do_not_stop_those_that_follow(paired: Phone) -> None:
    for value in (None, 7, [], {"update_id": "x"}, {"update_id": 90500}, {"update_id": 90501, "message": {"chat": 5}}):
        paired.server.raw(value)
    paired.server.put({"edited_message": {"text": "/halt"}})
    paired.server.put({"channel_post": {"text": "/halt"}})
    paired.server.message("/help")
    paired.poller().poll_once(0)
    assert [text.split(" ")[0] for text in paired.server.replies()] == ["/status"]


def test_a_long_reply_is_cut(paired: Phone) -> None:
    rows = Rows(paired.world.ledger)
    for number in range(30):
        rows.position(instrument_id=f"INE{number:03}", symbol=f"S{number:02}")
    text = paired.ask("/positions")[0].splitlines()
    assert (len(text), text[-1]) == (21, "and more: `tradectl positions` at the terminal")


def test_a_name_cannot_imitate_a_line(phone: Phone) -> None:
    code = phone.pairing.new_code(SystemClock().now())
    sender = {"id": ASHA, "is_bot": False, "first_name": "A\nACTIVE: everything\u202e", "last_name": "B"}
    phone.server.message(f"/pair {code}", **{"from": sender})  # type: ignore[arg-type]
    phone.poller().poll_once(0)
    assert phone.pairing.chats()[0].name == "A ACTIVE: everything B"


def test_the_token_appears_nowhere(paired: Phone) -> None:
    from requests import ConnectionError as Unreachable

    from tests.support.http_server import unused_address
    from tests.support.telegram_server import TOKEN
    from tradectl.telegram.bot_api import BotApi, TelegramUnavailable

    with pytest.raises(TelegramUnavailable) as raised:
        BotApi(unused_address(), TOKEN).username()
    assert str(raised.value) == f"Telegram is not reachable ({Unreachable.__name__}): no phone is answered meanwhile"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
