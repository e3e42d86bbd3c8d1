"""The outbox by a user's settings: switched kinds, quiet hours, digests, and what is read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.integration.notify.conftest import NOW
from tests.integration.notify.loopback import Loopback
from tradectl.clock import VirtualClock
from tradectl.errors import DatabaseError
from tradectl.ledger.delivery import parcels
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.model.message_kind import MessageKind
from tradectl.notify.console import SilentNotifier
from tradectl.notify.services import ServiceNotifier

TELEGRAM = "tgram://123456789:AAEabcdefghijklmnopqrstuvwxyz012345/987654321/"
HOUR = timedelta(hours=1)
NIGHT = "18:00-07:00"
"""NOW is 18:00 in India."""


@dataclass
class Phone:
    """A service that keeps the titles of what it was sent."""

    interrupts: bool = True
    down: bool = False
    titles: list[str] = field(default_factory=list)
    trouble: str = ""

    def send(self, title: str, body: str) -> bool:
        if not self.down:
            self.titles.append(title)
        return not self.down


def test_a_message_keeps_its_kind(ledger: Ledger) -> None:
    ledger.outbox.add(NOW, "one", "", "1", kind=MessageKind.SELL_FILLED)
    ledger.outbox.add(NOW, "two", "", "2")
    assert [item.kind for item in ledger.outbox.pending()] == [MessageKind.SELL_FILLED, MessageKind.NOTICE]


def test_the_database_refuses_an_unknown_kind(ledger: Ledger) -> None:
    ledger.outbox.add(NOW, "one", "", "1")
    with pytest.raises((DatabaseError, Exception), match="CHECK"), ledger.database.write() as connection:
        connection.execute(text("UPDATE outbox SET kind = 'gossip'"))


def test_a_switched_off_kind_is_not_sent(ledger: Ledger) -> None:
    phone = Phone()
    ledger.settings.set("notify.buy_placed", "off")
    ledger.outbox.add(NOW, "placed", "", "1", kind=MessageKind.BUY_PLACED)
    ledger.outbox.add(NOW, "filled", "", "2", kind=MessageKind.BUY_FILLED)
    assert ledger.outbox.deliver(phone, VirtualClock(NOW)) == 1
    assert (phone.titles, ledger.outbox.pending()) == (["filled"], ())
    assert not ledger.outbox.add(NOW, "placed", "", "1", kind=MessageKind.BUY_PLACED)


def test_a_message_waits_for_the_end_of_the_quiet_hours(ledger: Ledger) -> None:
    phone, clock = Phone(), VirtualClock(NOW)
    ledger.settings.set("notify.quiet_hours", NIGHT)
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    ledger.outbox.add(NOW, "ACME is unprotected", "", "2", kind=MessageKind.UNPROTECTED)
    for _ in range(13):
        ledger.outbox.deliver(phone, clock)
        assert phone.titles == ["ACME is unprotected"]
        clock.sleep(3600)
    assert ledger.outbox.deliver(phone, clock) == 1
    assert (phone.titles[1:], ledger.outbox.pending()) == (["filled"], ())


def test_quiet_hours_end_when_the_setting_is_removed(ledger: Ledger) -> None:
    phone, clock = Phone(), VirtualClock(NOW)
    ledger.settings.set("notify.quiet_hours", NIGHT)
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    assert ledger.outbox.deliver(phone, clock) == 0
    other = Ledger(open_database(ledger.database.name, durable=False), "asha")
    other.settings.unset("notify.quiet_hours")
    other.database.close()
    assert ledger.outbox.deliver(phone, clock) == 1


def test_a_new_grave_message_ends_the_rest_of_the_outbox(ledger: Ledger) -> None:
    phone, clock = Phone(), VirtualClock(NOW)
    ledger.settings.set("notify.quiet_hours", NIGHT)
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    assert ledger.outbox.deliver(phone, clock) == 0
    ledger.outbox.add(NOW, "HALTED", "", "2", kind=MessageKind.HALTED)
    assert ledger.outbox.deliver(phone, clock) == 1
    other = Ledger(open_database(ledger.database.name, durable=False), "asha")
    other.outbox.add(NOW, "UNKNOWN", "", "3", kind=MessageKind.UNKNOWN_ORDER)
    other.database.close()
    assert ledger.outbox.deliver(phone, clock) == 1
    assert phone.titles == ["HALTED", "UNKNOWN"]


def test_an_outbox_that_rests_is_not_read_again(ledger: Ledger) -> None:
    phone, clock = Phone(), VirtualClock(NOW)
    ledger.settings.set("notify.quiet_hours", NIGHT)
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    ledger.outbox.deliver(phone, clock)
    ledger.database.engine.dispose()
    statements: list[str] = []
    thread = ledger.database.thread()
    assert thread.file is not None
    thread.file.set_trace_callback(statements.append)
    for _ in range(5):
        ledger.outbox.deliver(phone, clock)
    thread.file.set_trace_callback(None)
    assert [line for line in statements if "SELECT" in line] == []


def test_a_terminal_has_no_quiet_hours(ledger: Ledger) -> None:
    ledger.settings.set("notify.quiet_hours", NIGHT)
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    assert ledger.outbox.deliver(SilentNotifier(), VirtualClock(NOW)) == 1


def test_a_service_that_is_down_in_quiet_hours_is_tried_again(ledger: Ledger) -> None:
    phone, clock = Phone(down=True), VirtualClock(NOW)
    ledger.settings.set("notify.quiet_hours", NIGHT)
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    ledger.outbox.add(NOW, "HALTED", "", "2", kind=MessageKind.HALTED)
    assert ledger.outbox.deliver(phone, clock) == 0
    phone.down = False
    assert ledger.outbox.deliver(phone, clock) == 1


def test_an_absence_becomes_one_message_at_telegram(ledger: Ledger, telegram: Loopback) -> None:
    with ledger.database.write():
        for number in range(300):
            title = f"step {number} failed"
            ledger.outbox.add(NOW + number * HOUR, title, "the broker is down " * 300, str(number), kind=MessageKind.TASK_FAILED)
    assert ledger.outbox.deliver(ServiceNotifier([TELEGRAM], pause=0), VirtualClock(NOW)) == 300
    [(_, content)] = telegram.received
    assert "300 times: a task failed or is blocked" in content["text"]
    assert "step 299 failed" in content["text"]
    assert len(content["text"]) <= 4096
    assert ledger.outbox.pending() == ()


def test_a_digest_that_is_not_accepted_stays_whole(ledger: Ledger) -> None:
    phone = Phone(down=True, trouble="no network")
    for number in range(7):
        ledger.outbox.add(NOW, "one", "", str(number), kind=MessageKind.NOTICE)
    assert ledger.outbox.deliver(phone, VirtualClock(NOW)) == 0
    assert [(item.tries, item.error) for item in ledger.outbox.pending()] == [(1, "no network")] * 7


def test_repeats_count_only_the_same_key(ledger: Ledger) -> None:
    for key in ("a_b", "a_b:1", "a_b:2", "a_bc", "axb:1"):
        ledger.outbox.add(NOW, "one", "", key)
    assert ledger.outbox.repeats("a_b") == (3, NOW)
    assert ledger.outbox.repeats("none") == (0, None)


@pytest.mark.parametrize("count", [1, 7])
def test_two_processes_send_a_message_once(ledger: Ledger, count: int) -> None:
    """The second process delivers while the first is inside its send, which the ledger does not know yet."""
    clock, second = VirtualClock(NOW), Phone()
    other = Ledger(open_database(ledger.database.name, durable=False), "asha")
    for number in range(count):
        ledger.outbox.add(NOW, "filled", "", str(number), kind=MessageKind.BUY_FILLED)

    class First(Phone):
        def send(self, title: str, body: str) -> bool:
            assert other.outbox.deliver(second, clock) == 0
            return super().send(title, body)

    first = First()
    assert ledger.outbox.deliver(first, clock) == count
    assert (len(first.titles), second.titles, other.outbox.pending()) == (1, [], ())
    other.database.close()


def test_two_processes_that_read_at_once_send_once(ledger: Ledger) -> None:
    """Both have read the waiting messages before either claims them; the second has read one more."""
    clock, phone = VirtualClock(NOW), Phone()
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    other = Ledger(open_database(ledger.database.name, durable=False), "asha")
    read = other.outbox.pending()
    assert ledger.outbox.deliver(phone, clock) == 1
    assert other.outbox._send(parcels(read), phone, clock) == 0
    assert phone.titles == ["filled"]
    other.database.close()


def test_after_a_crash_in_a_send_the_message_is_sent_again(ledger: Ledger) -> None:
    class Dying(Phone):
        def send(self, title: str, body: str) -> bool:
            raise KeyboardInterrupt

    clock, phone = VirtualClock(NOW), Phone()
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    with pytest.raises(KeyboardInterrupt):
        ledger.outbox.deliver(Dying(), clock)
    ledger.outbox.deliver(phone, clock)
    assert phone.titles == []
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE outbox SET claimed_until = '2023-01-01T00:00:00.000000+00:00'"))
    ledger.outbox.deliver(phone, clock)
    assert phone.titles == ["filled"]


def test_a_grave_message_needs_no_write_of_the_ledger(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full: shares are unprotected all the same. The process sends it once, and another message waits."""
    clock, phone = VirtualClock(NOW), Phone()
    ledger.outbox.add(NOW, "filled", "", "1", kind=MessageKind.BUY_FILLED)
    ledger.outbox.add(NOW, "unprotected", "", "2", kind=MessageKind.UNPROTECTED)

    def full() -> None:
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(ledger.database, "note", full)
        for _ in range(2):
            with pytest.raises(DatabaseError):
                ledger.outbox._send(parcels(ledger.outbox.pending()[1:]), phone, clock)
        with pytest.raises(DatabaseError):
            ledger.outbox._send(parcels(ledger.outbox.pending()[:1]), phone, clock)
    assert phone.titles == ["unprotected"]


def test_a_claim_of_a_dead_process_ends_in_quiet_hours_too(ledger: Ledger) -> None:
    ledger.settings.set("notify.quiet_hours", NIGHT)
    clock, phone = VirtualClock(NOW), Phone()
    ledger.outbox.add(NOW, "summary", "", "1", kind=MessageKind.DAILY_SUMMARY)
    ledger.outbox.add(NOW, "halted", "", "2", kind=MessageKind.HALTED)
    assert ledger.outbox._claim(ledger.outbox.pending()[1:], clock.machine_now())
    assert ledger.outbox.deliver(phone, clock) == 0
    assert ledger.outbox._rest is None
