"""Messages through the real apprise library and real HTTP."""

from __future__ import annotations

import pytest

from tests.integration.notify.conftest import NOW, a_world
from tests.integration.notify.loopback import Loopback
from tradectl.errors import UsageError
from tradectl.ledger.store import Ledger
from tradectl.notify.services import TRIES, ServiceNotifier

TOKEN = "123456789:AAEabcdefghijklmnopqrstuvwxyz012345"
TELEGRAM = f"tgram://{TOKEN}/987654321/"


def test_a_message_reaches_telegram(telegram: Loopback):
    notifier = ServiceNotifier([TELEGRAM], pause=0)
    assert notifier.send("tradectl: missed", "buy of 2023-07-21 did not run")
    [(path, content)] = telegram.received
    assert path == f"/bot{TOKEN}/sendMessage"
    assert str(content["chat_id"]) == "987654321"
    assert "tradectl: missed" in content["text"]
    assert "buy of 2023-07-21 did not run" in content["text"]
    assert notifier.trouble == ""


def test_a_refusal_is_told_without_the_secret(telegram: Loopback):
    telegram.answers = [401] * TRIES
    notifier = ServiceNotifier([TELEGRAM], pause=0)
    assert not notifier.send("title", "body")
    assert notifier.trouble
    assert "AAEabcdefghijklmnopqrstuvwxyz012345" not in notifier.trouble
    assert "987654321" not in notifier.trouble


def test_a_service_that_is_down_raises_nothing(monkeypatch: pytest.MonkeyPatch):
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr(NotifyTelegram, "notify_url", "http://127.0.0.1:9/bot")
    notifier = ServiceNotifier([TELEGRAM], pause=0)
    assert not notifier.send("title", "body")
    assert TOKEN not in notifier.trouble


def test_a_message_is_tried_again_before_it_counts_as_failed(telegram: Loopback):
    telegram.answers = [503, 503]
    notifier = ServiceNotifier([TELEGRAM], pause=0)
    assert notifier.send("title", "body")
    assert (len(telegram.received), notifier.trouble) == (3, "")


def test_one_service_of_two_is_enough(telegram: Loopback):
    telegram.answers = [500] * TRIES
    notifier = ServiceNotifier([TELEGRAM, TELEGRAM.replace("987654321", "123123123")], pause=0)
    assert notifier.send("title", "body")
    assert notifier.trouble


def test_a_url_that_nobody_understands_is_named_by_its_place():
    with pytest.raises(UsageError) as raised:
        ServiceNotifier([TELEGRAM, "nosuchservice://secret"])
    assert str(raised.value) == "notify.urls: URL number 2 is not of a service that apprise supports"


def test_a_service_that_is_down_loses_no_message(ledger: Ledger, telegram: Loopback):
    ledger.outbox.add(NOW, "tradectl: missed", "buy of 2023-07-21 did not run", "key")
    telegram.answers = [500] * TRIES
    world = a_world(ledger, ServiceNotifier([TELEGRAM], pause=0))
    assert world.ledger.outbox.deliver(world.notifier, world.clock) == 0
    assert [message.title for message in ledger.outbox.pending()] == ["tradectl: missed"]
    assert world.ledger.outbox.deliver(world.notifier, world.clock) == 1
    assert ledger.outbox.pending() == ()
    assert world.ledger.outbox.deliver(world.notifier, world.clock) == 0
    assert len(telegram.received) == TRIES + 1


def test_a_message_reaches_telegram_as_it_is_written(telegram: Loopback):
    notifier = ServiceNotifier([TELEGRAM], pause=0)
    assert notifier.send("halted \x1b[2J\n", "reason: \x1b]0;pwn\x07 <b>bold</b> *x* \u202e\nsecond line")
    [(_, content)] = telegram.received
    text = content["text"]
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "second line" in text
