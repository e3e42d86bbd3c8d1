"""Read and change the settings of the strategy and of the user (`config`)."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_word
from tradectl.cli.options import CONFIGURE
from tradectl.cli.universe import check_universe
from tradectl.errors import ConfigurationError, UsageError

app = typer.Typer(
    name="config",
    rich_help_panel=CONFIGURE,
    cls=ListGroup,
    help="Settings of the strategy and of the user: list, get, set, unset.",
)
CREDENTIALS = {
    "notify.urls": "notification services: apprise URLs such as tgram://bot_token/chat_id, separated by spaces",
    "ping.url": "dead-man's switch: the address for the pings of each run, as of healthchecks.io; {task} becomes the task's name",
    "telegram.token": "the token of the Telegram bot that answers paired phones, from @BotFather",
}
"""Settings that are secrets: encrypted at rest, never listed."""
HIDDEN = "(secret)"


def keys(incomplete: str) -> list[tuple[str, str]]:
    """Return the settings that begin so, with their meaning, for a shell's completion."""
    from tradectl.strategy.parameters import setting_fields

    known = {item.name: str(item.metadata["meaning"]) for item in setting_fields()} | CREDENTIALS
    return [(key, meaning) for key, meaning in known.items() if key.startswith(incomplete)]


Key = Annotated[str, typer.Argument(help="A setting, see `tradectl config list`.", metavar="KEY", autocompletion=keys)]


@command(app, "list")
def listing(
    invocation: Invocation, changed: Annotated[bool, typer.Option("--changed", help="Only changed settings.")] = False
) -> Answer:
    """List every setting with its value, default, unit, bounds and meaning."""
    found = [item for item in everything(invocation) if item["changed"] or not changed]
    columns = ("setting", ">value", ">default", "unit", "bounds", "meaning")
    rows = [
        (
            item["key"] + ("*" if item["changed"] else ""),
            item["value"],
            item["default"],
            item["unit"],
            item["bounds"],
            item["meaning"],
        )
        for item in found
    ]
    return Answer(found, lambda: output.table(columns, rows, empty="Nothing was changed."))


@command(app)
def get(invocation: Invocation, key: Key) -> Answer:
    """Show one setting's value."""
    item = _known(invocation, key)
    return Answer(item, output.cell(item["value"]))


@command(app, "set")
def change(
    invocation: Invocation,
    key: Key,
    value: Annotated[str, typer.Argument(help="The new value; - reads it from stdin (use it for secrets).", metavar="VALUE")],
) -> Answer:
    """Change a setting, checked against its bounds."""
    from tradectl.exchange.tariffs import named, read_tariffs
    from tradectl.ledger.delivery import SETTINGS
    from tradectl.ledger.telegram_updates import any_paired
    from tradectl.strategy.parameters import parse, show

    text = sys.stdin.read().strip() if value == "-" else value
    if value == "-" and not text:
        raise UsageError(f"stdin has no value; {key} is unchanged")
    ledger = invocation.world().ledger
    if key in CREDENTIALS:
        if key in _CHECKS:
            _CHECKS[key](text)
        ledger.settings.credentials(invocation.required_settings().secret_key).set(key, text)
        return Answer({"key": key, "value": HIDDEN}, f"{key} is set")
    if key in SETTINGS:
        kept = show(SETTINGS[key].parse(text))
        ledger.settings.set(key, kept)
        return Answer({"key": key, "value": kept}, f"{key} = {kept}")
    parsed = show(parse(key, text))
    if key == "charges":
        read_tariffs(invocation.required_settings().charges)  # a damaged file is no unknown value
        try:
            named(invocation.required_settings().charges, text)
        except ConfigurationError as unknown:
            raise UsageError(str(unknown)) from unknown
    if key == "signals_from":
        check_word("user", text, [item.user for item in ledger.users.list()])
    if key == "universe":
        check_universe(invocation.required_settings(), text, invocation.warn)
    ledger.settings.set(key, text)
    if key == "buy_approval" and parsed != "off" and not any_paired(ledger.settings):
        invocation.warn("no phone is paired, so no list of buys can be approved: `tradectl telegram pair` pairs one")
    return Answer({"key": key, "value": parsed}, f"{key} = {output.cell(parsed)}")


def _check_urls(text: str) -> None:
    """Raise UsageError for a URL that no notification service accepts."""
    from tradectl.notify.services import ServiceNotifier

    ServiceNotifier(text.split())


def _check_token(text: str) -> None:
    """Raise UsageError for a text that is no bot's token."""
    if not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}", text):
        raise UsageError(
            "telegram.token is unchanged: a bot's token is a number, a colon and about 35 letters, as @BotFather sent it"
        )


def _check_ping(text: str) -> None:
    """Raise an error for a text that is not an address for pings."""
    from tradectl.notify.healthchecks import check_address

    check_address(text)


_CHECKS = {"notify.urls": _check_urls, "telegram.token": _check_token, "ping.url": _check_ping}


@command(app)
def unset(invocation: Invocation, key: Key) -> Answer:
    """Restore the default of a setting."""
    ledger = invocation.world().ledger
    if key in CREDENTIALS:
        ledger.settings.credentials(invocation.required_settings().secret_key).unset(key)
        return Answer({"key": key, "changed": True}, f"{key} is no longer set")
    changed = ledger.settings.unset(key) or not _known(invocation, key)
    return Answer({"key": key, "changed": changed}, f"{key} has its default again" if changed else f"{key} was not changed")


def _known(invocation: Invocation, key: str) -> dict[str, Any]:
    """Return a setting as a row of `everything`. Raises UsageError for an unknown key."""
    for item in everything(invocation):
        if item["key"] == key:
            return item
    raise UsageError(f"no setting is called {key!r}; see `tradectl config list`")


def everything(invocation: Invocation) -> list[dict[str, Any]]:
    """Return all settings as rows: key, value and default as text, changed, unit, bounds, meaning."""
    from tradectl.strategy.parameters import Parameters, bounds, parse, setting_fields, show

    ledger = invocation.world(read_only=True).ledger
    changes, base = ledger.settings.list(), Parameters()
    found = []
    for item in setting_fields():
        default, meta, changed = getattr(base, item.name), item.metadata, item.name in changes
        value = parse(item.name, changes[item.name]) if changed else default
        found.append(
            {"key": item.name, "value": show(value), "default": show(default), "changed": changed}
            | {"unit": meta["unit"], "bounds": bounds(item), "meaning": meta["meaning"]}
        )
    found += _notifications(ledger.settings.notifications())
    secrets = ledger.settings.credentials(invocation.required_settings().secret_key).list()
    for key, meaning in CREDENTIALS.items():
        value = HIDDEN if key in secrets else ""
        found.append(
            {
                "key": key,
                "value": value,
                "default": "",
                "changed": key in secrets,
                "unit": "URLs" if key == "notify.urls" else "text",
                "bounds": "",
                "meaning": meaning,
            }
        )
    return found


def _notifications(changes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the settings of notifications as rows of `everything`; `changes`: the stored ones."""
    from tradectl.ledger.delivery import SETTINGS
    from tradectl.strategy.parameters import show

    return [
        {
            "key": key,
            "value": show(item.parse(changes[key]) if key in changes else item.default),
            "default": show(item.default),
            "changed": key in changes,
            "unit": item.unit,
            "bounds": "",
            "meaning": item.meaning,
        }
        for key, item in SETTINGS.items()
    ]
