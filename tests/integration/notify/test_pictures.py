"""Pictures of the outbox: after all texts, once, by real HTTP and a real mail server; a failed one is given up and reported."""

from __future__ import annotations

import socketserver
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.integration.notify.conftest import NOW
from tests.integration.notify.loopback import Loopback
from tests.integration.notify.test_services import TELEGRAM, TOKEN
from tradectl.clock import VirtualClock
from tradectl.ledger.outbox import PICTURE_PAUSE, PICTURE_TRIES, Outbox
from tradectl.ledger.store import Ledger
from tradectl.model.message_kind import MessageKind
from tradectl.notify.services import TRIES, ServiceNotifier

PHOTO, TEXT = f"/bot{TOKEN}/sendPhoto", f"/bot{TOKEN}/sendMessage"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A PNG of one white point."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    file = tmp_path / "day.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\xff\xff\xff")) + chunk(b"IEND", b""))
    return file


@pytest.fixture
def notifier() -> ServiceNotifier:
    return ServiceNotifier([TELEGRAM], pause=0)


class MachineClock(VirtualClock):
    """A clock whose machine time a test moves, by which a failed picture waits."""

    machine = NOW

    def machine_now(self) -> datetime:
        return self.machine

    def wait(self, span: timedelta = PICTURE_PAUSE) -> None:
        self.machine += span


@pytest.fixture
def clock() -> MachineClock:
    return MachineClock(NOW)


def add(ledger: Ledger, picture: Path) -> bool:
    return ledger.outbox.add(
        NOW, "the day", "Fri 21 Jul", "picture:2023-07-21", kind=MessageKind.DAILY_SUMMARY, picture=str(picture)
    )


def test_a_photo_comes_after_all_texts_with_a_caption(
    ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path
) -> None:
    assert add(ledger, picture)
    ledger.outbox.add(NOW, "summary", "realised P&L", "eod")
    assert ledger.outbox.deliver(notifier, VirtualClock(NOW)) == 2
    assert [path for path, _ in telegram.received] == [TEXT, PHOTO]
    sent = telegram.received[1][1]
    assert picture.read_bytes() in sent
    assert b"the day" in sent
    assert b"Fri 21 Jul" in sent
    assert not add(ledger, picture)
    assert ledger.outbox.deliver(notifier, VirtualClock(NOW)) == 0
    assert len(telegram.received) == 2


def test_a_failed_photo_is_given_up_and_reported_once(
    ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path, clock: MachineClock
) -> None:
    add(ledger, picture)
    ledger.outbox.add(NOW, "summary", "realised P&L", "eod")
    telegram.answers = [200, *[400] * PICTURE_TRIES]
    assert ledger.outbox.deliver(notifier, clock) == 1
    assert not ledger.outbox.failed
    for _ in range(PICTURE_TRIES + 2):
        clock.wait()
        ledger.outbox.deliver(notifier, clock)
    assert [path for path, _ in telegram.received] == [TEXT, *[PHOTO] * PICTURE_TRIES, TEXT]
    said = telegram.received[-1][1]["text"]
    assert "the day was not sent" in said
    assert str(picture) in said
    assert "AAEabcdefghijklmnopqrstuvwxyz012345" not in said
    assert ledger.outbox.pending() == ()


def test_a_photo_that_fails_once_is_sent_after_the_pause(
    ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path, clock: MachineClock
) -> None:
    add(ledger, picture)
    telegram.answers = [502]
    assert ledger.outbox.deliver(notifier, clock) == 0
    clock.wait(PICTURE_PAUSE - timedelta(seconds=1))
    assert [ledger.outbox.deliver(notifier, clock) for _ in range(9)] == [0] * 9
    clock.wait(timedelta(seconds=1))
    assert [ledger.outbox.deliver(notifier, clock) for _ in range(2)] == [1, 0]
    assert [path for path, _ in telegram.received] == [PHOTO, PHOTO]


def test_a_failed_photo_delays_no_text_and_no_process_sends_it(
    ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path, clock: MachineClock
) -> None:
    """As `run-due`, which cron starts each minute: the pause is in the ledger."""
    add(ledger, picture)
    telegram.answers = [503]
    assert ledger.outbox.deliver(notifier, clock) == 0
    ledger.outbox.add(NOW, "unprotected", "ITC", "2", kind=MessageKind.UNPROTECTED)
    for _ in range(PICTURE_TRIES + 1):
        clock.wait(timedelta(minutes=1))
        Outbox(ledger.database, ledger.user).deliver(notifier, clock)
    assert [path for path, _ in telegram.received] == [PHOTO, TEXT]
    clock.wait(timedelta(minutes=1))
    assert Outbox(ledger.database, ledger.user).deliver(notifier, clock) == 1
    assert [path for path, _ in telegram.received] == [PHOTO, TEXT, PHOTO]


def test_a_service_that_is_down_keeps_the_photo_for_later(
    ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path
) -> None:
    add(ledger, picture)
    ledger.outbox.add(NOW, "summary", "realised P&L", "eod")
    telegram.answers = [500] * TRIES
    assert ledger.outbox.deliver(notifier, VirtualClock(NOW)) == 0
    assert {path for path, _ in telegram.received} == {TEXT}
    assert ledger.outbox.deliver(notifier, VirtualClock(NOW)) == 2


def test_a_photo_whose_file_is_gone_is_reported(
    ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path, clock: MachineClock
) -> None:
    add(ledger, picture)
    picture.unlink()
    for _ in range(PICTURE_TRIES + 1):
        ledger.outbox.deliver(notifier, clock)
        clock.wait()
    [(path, content)] = telegram.received
    assert (path, "the file of the picture is gone" in content["text"]) == (TEXT, True)


def test_a_crash_before_the_mark_sends_the_photo_again(
    ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path
) -> None:
    add(ledger, picture)
    [message] = ledger.outbox.pending()
    assert notifier.send_picture(message.title, message.body, picture) == ""  # and the process dies here
    assert ledger.outbox.deliver(notifier, VirtualClock(NOW)) == 1
    assert [path for path, _ in telegram.received] == [PHOTO, PHOTO]


def test_the_quiet_hours_hold_a_photo_too(ledger: Ledger, telegram: Loopback, notifier: ServiceNotifier, picture: Path) -> None:
    ledger.settings.set("notify.quiet_hours", "18:00-07:00")
    add(ledger, picture)
    assert ledger.outbox.deliver(notifier, VirtualClock(NOW)) == 0
    assert telegram.received == []


@dataclass
class Mails:
    """A mail server on this machine, and the mails that it got."""

    port: int
    received: list[bytes] = field(default_factory=list)


@pytest.fixture
def mails() -> Iterator[Mails]:
    found = Mails(0)

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 loopback\r\n")
            for line in self.rfile:
                word = line[:4].upper()
                self.wfile.write(b"354 go on\r\n" if word == b"DATA" else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"DATA":
                    found.received.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self.wfile.write(b"250 ok\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def test_a_mail_has_the_picture_as_an_attachment(ledger: Ledger, mails: Mails, picture: Path) -> None:
    url = f"mailto://127.0.0.1:{mails.port}/?from=tradectl@example.com&to=me@example.com&mode=insecure"
    add(ledger, picture)
    assert ledger.outbox.deliver(ServiceNotifier([url], pause=0), VirtualClock(NOW)) == 1
    [raw] = mails.received
    parts = {part.get_content_type(): part.get_payload(decode=True) for part in message_from_bytes(raw).walk()}
    assert parts["image/png"] == picture.read_bytes()


def test_a_service_without_pictures_says_so(ledger: Ledger, picture: Path) -> None:
    """An SMS service takes no attachment."""
    sms = ServiceNotifier(["clicksend://user:password@15551234567"], pause=0)
    assert sms.send_picture("the day", "", picture) == "no service of notify.urls takes pictures"
