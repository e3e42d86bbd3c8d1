"""Pair a phone with the account, and answer its commands by a Telegram bot (`telegram`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import Group
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.clock import SystemClock
from tradectl.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from tradectl.telegram.pairing import PairedChat
    from tradectl.telegram.polling import Poller
    from tradectl.world import World

TOKEN, BOT = "telegram.token", "telegram.bot"
"""The keys of the user's settings: the bot's token, which is secret, and the bot's number and name."""


class TelegramGroup(Group):
    """The group of Telegram's commands, which shows the status if only the group is named."""

    default = "status"


app = typer.Typer(
    name="telegram",
    rich_help_panel=OPERATE,
    cls=TelegramGroup,
    help="Commands from a paired phone: status, pair, run, forget.",
)


@command(app)
def status(invocation: Invocation) -> Answer:
    """Show the bot, the paired chats, and whether a process answers them."""
    from tradectl.report.values import value
    from tradectl.telegram.pairing import Pairing
    from tradectl.telegram.polling import is_polled, last_poll

    world = invocation.world(read_only=True)
    settings = invocation.required_settings()
    chats = Pairing(world.ledger, settings.secret_key).chats()
    polled_at = last_poll(settings.home, world.user)
    found: dict[str, Any] = {
        "token": TOKEN in world.ledger.settings.credentials(settings.secret_key).list(),
        "bot": (world.ledger.settings.plain(BOT) or "").partition(" ")[2] or None,
        "polled": is_polled(settings.home, world.user),
        "polled_at": value(polled_at),
        "buy_approval": world.parameters.buy_approval,
        "chats": [_shown(chat) for chat in chats],
    }
    return Answer(found, lambda: _status(found))


def _shown(chat: PairedChat) -> dict[str, Any]:
    """Return a paired chat as JSON values."""
    from tradectl.report.values import value

    return {"id": chat.id, "name": chat.name, "paired_at": value(datetime.fromisoformat(chat.paired_at))}


def _status(found: dict[str, Any]) -> str:
    if not found["token"]:
        return "No bot is configured, so no phone is answered: `tradectl config set telegram.token -` reads the token from stdin."
    bot = f"@{found['bot']}" if found["bot"] else "not contacted yet"
    lines = [f"bot {bot}"]
    if not found["chats"]:
        lines.append("No phone is paired: `tradectl telegram pair` pairs one.")
    elif found["polled"]:
        lines.append("a process answers the paired chats")
    else:
        lines.append("No process answers: `tradectl daemon`, `run-due` under cron, or `tradectl telegram run` does.")
    lines.append(f"approval of buys: {found['buy_approval']}")
    rows = [(item["id"], item["name"], output.moment(item["paired_at"])) for item in found["chats"]]
    return "\n".join([*lines, output.table((">chat", "name", "paired"), rows)] if rows else lines)


@command(app)
def pair(invocation: Invocation) -> Answer:
    """Show a code, and wait until a phone has sent it to the bot: at most ten minutes."""
    from tradectl.runtime.interrupt import stop_on_signals
    from tradectl.telegram.pairing import VALID, Pairing
    from tradectl.telegram.polling import polling_lock

    with _poller(invocation) as (world, poller):
        name = poller.api.username()
        _note_bot(world, invocation, name)
        pairing, now = Pairing(world.ledger, poller.key_file), poller.clock.now()
        before = pairing.chats()
        code = pairing.new_code(now)
        minutes = int(VALID.total_seconds() // 60)
        typer.echo(
            f"Send this message to @{name} within {minutes} minutes (https://t.me/{name}?start={code}):\n\n  /pair {code}\n",
            err=True,
        )

        def paired() -> bool:
            return pairing.chats() != before or not pairing.code_open(poller.clock.now())

        with polling_lock(poller.commands.home, world.user) as alone, stop_on_signals() as stop:
            until = now + VALID
            if alone:
                poller.long_poll = 5
                poller.run(stop, until, done=paired)
            while not (alone or stop.signal_number or paired()):  # another process polls
                poller.clock.sleep(0.5)
            pairing.void_code()
            stop.raise_if_requested()
        poller.flush()
        new = [chat for chat in pairing.chats() if chat not in before]
    if not new:
        raise UsageError(
            "no phone was paired: the code has expired, or wrong codes voided it. Run `tradectl telegram pair` again"
        )
    (chat, *_) = new
    return Answer(_shown(chat), f"paired with the chat of {chat.name} ({chat.id}); /help there lists the commands")


@command(app)
def run(
    invocation: Invocation,
    seconds: Annotated[
        int, typer.Option("--for", help="End after so many seconds; 0: at SIGINT or SIGTERM.", min=0, metavar="SECONDS")
    ] = 0,
) -> Answer:
    """Answer the commands of the paired chats. `daemon` and `run-due` start this by themselves once a phone is paired."""
    from tradectl.runtime.interrupt import stop_on_signals
    from tradectl.telegram.polling import polling_lock

    with _poller(invocation) as (world, poller), polling_lock(poller.commands.home, world.user) as alone:
        if not alone:
            text = f"another process answers the phones of {world.user}"
            return Answer({"signal": None, "reason": text}, text, "busy")
        if world.ledger.settings.plain(BOT) is None or _bot_number(world) != _number_of(invocation, world):
            _note_bot(world, invocation, _name_of(poller))
        with stop_on_signals() as stop:
            poller.run(stop, poller.clock.now() + timedelta(seconds=seconds) if seconds else None)
        code = 128 + stop.signal_number if stop.signal_number else 0
    return Answer({"signal": stop.signal_number or None}, "stopped", exit_code=code)


@command(app)
def forget(
    invocation: Invocation,
    chat: Annotated[int | None, typer.Argument(help="The chat's number; without it, every chat.", metavar="[CHAT]")] = None,
) -> Answer:
    """Forget a paired chat, or all: the bot no longer answers it."""
    from tradectl.telegram.pairing import Pairing

    world = invocation.world(make=False)
    count = Pairing(world.ledger, invocation.required_settings().secret_key).forget(chat)
    return Answer({"forgotten": count}, f"{count} {'chat is' if count == 1 else 'chats are'} forgotten")


@contextmanager
def _poller(invocation: Invocation) -> Iterator[tuple[World, Poller]]:
    """Yield the user's world and a poller of the bot. Raises ConfigurationError without a token."""
    from tradectl import bootstrap
    from tradectl.telegram.bot_api import BotApi
    from tradectl.telegram.commands import PhoneCommands
    from tradectl.telegram.polling import Poller

    settings = invocation.required_settings()
    if settings.at is not None:
        raise UsageError("a phone uses the machine's clock: leave --at out")
    world = invocation.world(make=False)
    token = world.ledger.settings.credentials(settings.secret_key).get(TOKEN)
    if token is None:
        raise ConfigurationError(
            "no bot is configured, so no phone is answered: make one with @BotFather, then `tradectl config set telegram.token -`"
        )
    clock, user, api = SystemClock(), world.user, BotApi(settings.telegram, token)

    def open_world(read_only: bool) -> World:
        return bootstrap.open_world(settings, user, read_only=read_only, make=False)

    commands = PhoneCommands(open_world, settings.home, user, clock)
    try:
        yield world, Poller(api, commands, settings.secret_key, clock, report=lambda line: invocation.warn(f"telegram: {line}"))
    finally:
        api.close()


def _note_bot(world: World, invocation: Invocation, name: str) -> None:
    """Store the bot's number and name. The updates of another bot have other numbers, so their records are deleted."""
    from tradectl.ledger.telegram_updates import TelegramUpdates

    number = _number_of(invocation, world)
    with world.ledger.database.write():
        if _bot_number(world) != number:
            TelegramUpdates(world.ledger.database, world.user).clear()
        credentials = world.ledger.settings.credentials(invocation.required_settings().secret_key)
        credentials.set(BOT, f"{number} {name}", secret=False)


def _name_of(poller: Poller) -> str:
    """Return the bot's name; empty while Telegram is away, which must not end the process."""
    from tradectl.telegram.bot_api import TelegramUnavailable

    try:
        return poller.api.username()
    except TelegramUnavailable:
        return ""


def _bot_number(world: World) -> str:
    return (world.ledger.settings.plain(BOT) or "").partition(" ")[0]


def _number_of(invocation: Invocation, world: World) -> str:
    token = world.ledger.settings.credentials(invocation.required_settings().secret_key).require(TOKEN)
    return token.partition(":")[0]
