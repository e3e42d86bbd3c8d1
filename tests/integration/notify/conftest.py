"""A ledger with a user, and a Telegram that lives on the loopback: only the plugin's URL attribute is another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from tests.integration.notify.loopback import Loopback, loopback
from tradectl.clock import VirtualClock
from tradectl.ledger import schema
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.ports import Notifier
from tradectl.world import World

NOW = datetime(2023, 7, 21, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Outside:
    """As much of a world as a delivery needs."""

    ledger: Ledger
    notifier: Notifier
    clock: VirtualClock


def a_world(ledger: Ledger, notifier: Notifier) -> World:
    return cast("World", Outside(ledger, notifier, VirtualClock(NOW)))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    database = open_database(tmp_path / "ledger.db", durable=False)
    with database.write() as connection:
        schema.metadata.create_all(connection)
    ledger = Ledger(database, "asha")
    ledger.users.add("asha", capital=100_000_00, created_at=NOW, role="admin")
    yield ledger
    database.close()


@pytest.fixture
def telegram(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    from apprise.plugins.telegram import NotifyTelegram

    with loopback() as service:
        monkeypatch.setattr(NotifyTelegram, "notify_url", service.url)
        yield service
