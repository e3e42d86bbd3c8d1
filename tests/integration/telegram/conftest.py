"""A paper home, a bot on loopback, and a poller between them that a test moves step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.telegram_server import ASHA, TOKEN, TelegramServer, telegram_server
from tradectl import bootstrap
from tradectl.clock import SystemClock
from tradectl.halt_marker import MarkerFile
from tradectl.settings import Settings, load
from tradectl.telegram.bot_api import BotApi
from tradectl.telegram.commands import PhoneCommands
from tradectl.telegram.pairing import Pairing
from tradectl.telegram.polling import Poller

if TYPE_CHECKING:
    from tradectl.world import World


@dataclass
class Phone:
    """The home of one user with a bot."""

    server: TelegramServer
    settings: Settings
    world: World
    told: list[str] = field(default_factory=list)

    def poller(self, open_world: Callable[[bool], World] | None = None, *, token: str = TOKEN) -> Poller:
        """A poller as a fresh process has it."""
        api = BotApi(self.server.url, token)
        commands = PhoneCommands(open_world or self.opened, self.settings.home, "asha", SystemClock())
        return Poller(api, commands, self.settings.secret_key, SystemClock(), report=self.told.append)

    def opened(self, read_only: bool) -> World:
        return bootstrap.open_world(self.settings, "asha", read_only=read_only, make=False)

    @property
    def pairing(self) -> Pairing:
        return Pairing(self.world.ledger, self.settings.secret_key)

    @property
    def marker(self) -> MarkerFile:
        return MarkerFile(self.settings.home, "asha")

    def pair(self, chat: int = ASHA) -> None:
        """Pair a chat as a person does."""
        code = self.pairing.new_code(SystemClock().now())
        self.server.message(f"/pair {code}", chat=chat)
        self.step()
        self.server.sent.clear()

    def ask(self, text: str, **how: float) -> list[str]:
        """Write to the bot, let one process poll, and return what the chat got."""
        self.server.sent.clear()
        self.server.message(text, **how)  # type: ignore[arg-type]
        self.step()
        return self.server.replies()

    def step(self) -> None:
        """A process polls once, and ends in order."""
        poller = self.poller()
        poller.poll_once(0)
        poller.api.updates(offset=poller.confirm, timeout=0)
        poller.api.close()


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    with telegram_server() as server:
        home = tmp_path / "home"
        bootstrap.init(load(home=str(home), environment={}), user="asha").close()
        (home / "tradectl.toml").write_text(f'telegram = "{server.url}"\n', encoding="utf-8")
        settings = load(home=str(home), environment={})
        world = bootstrap.open_world(settings, "asha")
        made = Phone(server, settings, world)
        yield made
        world.close()


@pytest.fixture
def paired(phone: Phone) -> Phone:
    phone.pair()
    return phone
