"""Polling in spite of Telegram: limits, conflicts, failures and hangs."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import insert

from tests.integration.telegram.conftest import Phone
from tradectl.cli.init import DEMO_LAST
from tradectl.clock import SystemClock, VirtualClock
from tradectl.errors import ConfigurationError
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger import schema
from tradectl.marketdata.synthetic import make_market
from tradectl.runtime.interrupt import Stop
from tradectl.telegram import polling
from tradectl.telegram.bot_api import BotApi, PollConflict, TelegramUnavailable, TooManyRequests
from tradectl.telegram.polling import is_polled, last_poll, lock_file, polling_lock
from tradectl.world import World


def test_a_reply_held_by_429_waits_while_polling_goes_on(paired: Phone) -> None:
    paired.server.too_many("sendMessage", 1)
    paired.server.message("/help")
    poller = paired.poller()
    poller.poll_once(0)
    assert (paired.server.sent, len(poller.outgoing)) == ([], 1)
    paired.server.message("/halt")
    poller.poll_once(0)
    assert paired.marker.read().state == "HALTED"  # not held back
    assert paired.server.sent == []
    sends = [method for method, _ in paired.server.calls].count("sendMessage")
    time.sleep(1.05)
    poller.poll_once(0)
    assert [text.split()[0] for text in paired.server.replies()] == ["/status", "HALTED,"]
    assert [method for method, _ in paired.server.calls].count("sendMessage") == sends + 2


def test_429_of_a_poll_says_how_long_to_wait(phone: Phone) -> None:
    phone.server.too_many("getUpdates", 17)
    with pytest.raises(TooManyRequests) as raised:
        phone.poller().poll_once(0)
    assert raised.value.wait == 17


def test_the_wait_of_a_429_is_obeyed(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PAUSE", 0.05)
    phone.server.too_many("getUpdates", 1)
    phone.server.message("hello")
    begun = time.monotonic()
    phone.poller().run(Stop(), SystemClock().now() + timedelta(seconds=5), done=lambda: phone.server.polls > 0)
    assert 1 <= time.monotonic() - begun < 4
    assert phone.told == ["Telegram allows no more messages for now"]


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b'{"ok": 1}', {"ok": True, "result": {}}, {"ok": False}])
def test_a_reply_that_cannot_be_read_is_tried_again(paired: Phone, body: object) -> None:
    paired.server.fail("getUpdates", 200, body)
    with pytest.raises(TelegramUnavailable):
        paired.poller().poll_once(0)
    assert paired.ask("/help")


def test_a_second_poller_of_the_bot_is_a_conflict(paired: Phone) -> None:
    first = paired.poller()
    raised: list[Exception] = []

    def poll() -> None:
        try:
            first.poll_once(20)
        except PollConflict as error:
            raised.append(error)

    thread = threading.Thread(target=poll)
    polls = paired.server.polls
    thread.start()
    with paired.server.changed:
        assert paired.server.changed.wait_for(lambda: paired.server.polls > polls, 20)
    BotApi(paired.server.url, paired.poller().api._token).updates(offset=None, timeout=0)
    with paired.server.changed:
        paired.server.changed.notify_all()
    thread.join(20)
    assert len(raised) == 1


def test_a_refused_token_ends_the_process(phone: Phone) -> None:
    with pytest.raises(ConfigurationError, match=r"telegram\.token"):
        phone.poller(token="1:wrong").run(Stop())


def test_what_was_handled_is_confirmed_at_the_end(paired: Phone) -> None:
    paired.server.message("/help")
    paired.poller().run(Stop(), done=lambda: bool(paired.server.sent))
    assert paired.server.updates == []


def test_after_everything_is_confirmed_no_offset_is_sent(paired: Phone) -> None:
    """After a week without updates Telegram numbers anew, perhaps lower: an old offset would drop a halt."""
    number = paired.server.message("/help")
    poller = paired.poller()
    for _ in range(3):
        poller.poll_once(0)
    offsets = [given.get("offset") for method, given in paired.server.calls if method == "getUpdates"][-3:]
    assert offsets == [None, number + 1, None]


def test_a_blocked_bot_loses_one_reply_and_goes_on(paired: Phone) -> None:
    paired.server.fail("sendMessage", 403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked"})
    paired.server.message("/help")
    paired.server.message("/orders")
    paired.poller().poll_once(0)
    assert paired.server.replies() == ["No open orders."]


def test_one_process_polls(phone: Phone) -> None:
    home = phone.settings.home
    assert not is_polled(home, "asha")
    with polling_lock(home, "asha") as alone:
        assert alone
        assert last_poll(home, "asha") is None
        assert is_polled(home, "asha")
        with polling_lock(home, "asha") as second:
            assert not second
    assert not is_polled(home, "asha")
    assert lock_file(home, "asha").exists()


@pytest.mark.parametrize("address", ["http://api.telegram.example", "ftp://127.0.0.1", "api.telegram.org"])
def test_an_address_that_would_show_the_token_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        BotApi(address, "1:x")


def test_a_poll_notes_its_time(phone: Phone) -> None:
    with polling_lock(phone.settings.home, "asha"):
        phone.poller().poll_once(0)
    assert last_poll(phone.settings.home, "asha") is not None


@pytest.fixture
def rare_collections() -> Iterator[None]:
    """The thresholds of the program: it collects garbage seldom."""
    usual = gc.get_threshold()
    gc.set_threshold(500_000)
    yield
    gc.set_threshold(*usual)


def files_of(home: Path) -> int:
    """Return how many files of a home this process has open."""
    names = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return sum(os.path.exists(name) and os.readlink(name).startswith(str(home)) for name in names)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("commands", [10, pytest.param(40, marks=pytest.mark.slow)])
def test_many_commands_leave_no_file_open(paired: Phone, rare_collections: None, commands: int) -> None:
    """In market hours a command about a position opens the market data. A process that polls for weeks must not keep them."""
    make_market(paired.settings.market, SessionTable.load(), last=DEMO_LAST)
    noon, bought = datetime(2025, 11, 10, 6, 30, tzinfo=UTC), date(2025, 11, 6)
    of = {"user": "asha", "instrument_id": "AMBERWELL", "symbol": "AMBERWELL", "quantity": 10, "charges": 0}
    own = {"status": "open", "cost": 4500_00, "bought": 4500_00, "sold": 0, "buys": 1, "realised": 0, "level": 30}
    days = {"level_session": bought, "opened_session": bought, "opened_at": noon}
    with paired.world.ledger.database.write() as connection:
        connection.execute(insert(schema.positions).values(**of, **own, **days))

    def at_noon(read_only: bool) -> World:
        return replace(paired.opened(read_only), clock=VirtualClock(noon))

    poller, opened = paired.poller(at_noon), []
    for _ in range(commands):
        paired.server.message("/positions")
        poller.poll_once(0)
        opened.append(files_of(paired.settings.home))
    assert len(paired.server.replies()) == commands
    assert "UNPROTECTED AMBERWELL" in paired.server.replies()[-1]
    assert max(opened) <= opened[0]
