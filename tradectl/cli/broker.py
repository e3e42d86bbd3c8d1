"""Choose the broker of a home, its credentials, and whether orders are sent (`broker`).

A live home trades at its broker; a paper home reads prices there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.login import ask, broker_account, live_account
from tradectl.cli.options import CONFIGURE
from tradectl.errors import Blocked, UncoveredDate, UsageError
from tradectl.exchange.rates import CRORE
from tradectl.model.moment import ist_date
from tradectl.model.money import to_rupees

if TYPE_CHECKING:
    from datetime import date

    from tradectl.brokers.account.live_account import LiveAccount
    from tradectl.brokers.account.read_only_account import ReadOnlyAccount
    from tradectl.brokers.adapter import Adapter, ChargeLine
    from tradectl.exchange.rates import Tariff

EARNED = "what the shipped rule earned beside buy and hold: `tradectl help what-the-rule-earned`"
"""What a person reads before a home trades with money."""

app = typer.Typer(
    name="broker",
    rich_help_panel=CONFIGURE,
    cls=ListGroup,
    help="The broker of a live home, or of a paper home's prices: list, set, status, arm, disarm, charges, tables.",
)


@command(app, "list")
def listing(invocation: Invocation) -> Answer:  # noqa: ARG001 - every command is called with it
    """List the brokers and their capabilities."""
    from tradectl.brokers.adapter import adapter, names

    found = [{"broker": name, **_capabilities(adapter(name))} for name in names()]
    columns = ("broker", "AMO", ">tag", "repeated tag", "modify keeps tag", "filled in order list")
    rows = [
        (
            item["broker"],
            _yes(item["amo"]),
            item["tag_length"],
            "refused" if item["refuses_repeated_tag"] else "a second order",
            _yes(item["tag_survives_modify"]),
            _yes(item["filled_in_book"]),
        )
        for item in found
    ]
    return Answer(found, lambda: output.table(columns, rows))


def _capabilities(found: Adapter) -> dict[str, Any]:
    names = ("amo", "tag_length", "refuses_repeated_tag", "tag_survives_modify", "filled_in_book", "max_modifications")
    return {name: getattr(found.capabilities, name) for name in names}


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@command(app, "set")
def change(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(help="A broker, see `broker list`.", metavar="NAME")],
    address: Annotated[
        list[str] | None, typer.Option(help="Another address of the broker, such as a sandbox's.", metavar="WHICH=URL")
    ] = None,
) -> Answer:
    """Choose the broker and enter its credentials: by prompts on a terminal, else as NAME=VALUE lines on stdin.

    A change disarms the account and ends its session. In a paper home NAME must be the broker of `quotes` in tradectl.toml.
    """
    account = broker_account(invocation)
    found = account.set_broker(name)
    for entry in address or ():
        which, _, url = entry.partition("=")
        account.put_address(found, which, url)
    vault, values = account.vault(found), _read_fields(invocation, found)
    for key, value in values.items():
        vault.put(key, value)
    account.revoke_access(found)
    missing = vault.missing()
    text = f"{name}: {', '.join(values) or 'nothing'} stored" + (f"; still missing: {', '.join(missing)}" if missing else "")
    return Answer({"broker": name, "kept": sorted(values), "missing": list(missing)}, text)


def _read_fields(invocation: Invocation, found: Adapter) -> dict[str, str]:
    """Return the values by field. Raises UsageError for a line that names no field."""
    if sys.stdin.isatty():
        asking = ask(invocation)
        return {item.name: asking(item) for item in found.fields}
    names = [item.name for item in found.fields]
    values = {}
    for number, line in enumerate(sys.stdin, 1):
        key, equals, value = line.strip().partition("=")
        if not key and not equals:
            continue
        if key.strip() not in names or not equals:
            raise UsageError(f"line {number} of stdin must be NAME=VALUE, where NAME is one of {', '.join(names)}")
        values[key.strip()] = value.strip()
    return values


@command(app)
def status(invocation: Invocation) -> Answer:
    """Show the broker, the session there, and whether orders are sent. Sends no request."""
    found = _status(broker_account(invocation))
    return Answer(found, lambda: _text(found))


@command(app)
def arm(
    invocation: Invocation,
    token: Annotated[str, typer.Option(help="For scripts: the token that `broker status` shows.", metavar="TOKEN")] = "",
) -> Answer:
    """Allow live orders until `broker disarm`: prompts for the broker's name."""
    account = live_account(invocation)
    name = account.broker_name()
    if token:
        if token != account.arming().token():
            raise UsageError("this is not the token of this account: `broker status` shows it")
    elif not sys.stdin.isatty():
        raise Blocked("to arm, type the broker's name on a terminal; scripts pass --token, see `broker status`")
    elif typer.prompt(f"{EARNED}\nreal orders will go to {name}; type its name to arm", err=True).strip() != name:
        raise UsageError(f"you did not type {name}: nothing is changed")
    return _set_armed(invocation, account, armed=True)


@command(app)
def disarm(invocation: Invocation) -> Answer:
    """Stop live orders of every process at once; cancels still pass."""
    return _set_armed(invocation, live_account(invocation), armed=False)


@command(app)
def charges(invocation: Invocation) -> Answer:
    """Compare the broker's figures of today's charges with our table, line by line."""
    tariff = invocation.world(read_only=True).parameters.tariff
    found = [compared(item) for item in live_account(invocation).charges(tariff)]
    return Answer(found, lambda: compared_text(found, tariff))


def compared(item: ChargeLine) -> dict[str, Any]:
    """Return a line of charges for the JSON result, with rupees as text."""
    return {
        "broker_order_id": item.broker_order_id,
        "symbol": item.symbol,
        "line": item.line,
        "broker": to_rupees(item.theirs),
        "ours": to_rupees(item.ours),
        "equal": item.equal,
        "differs_by": to_rupees(item.theirs - item.ours),
    }


def compared_text(found: list[dict[str, Any]], tariff: Tariff) -> str:
    """Return the comparison as text: one row per line, and what neither figure includes."""
    columns = ("order", "symbol", "line", ">broker", ">ours", ">differs by")
    names = ("broker_order_id", "symbol", "line", "broker", "ours")
    rows = [(*(item[name] for name in names), "equal" if item["equal"] else item["differs_by"]) for item in found]
    lines = [output.table(columns, rows, empty="No order of today has a trade."), ""]
    wrong = sum(not item["equal"] for item in found)
    if found:
        lines.append(f"{len(found) - wrong} lines equal, {wrong} differ; our figures use the table {tariff.title}")
    if wrong:
        lines.append("P&L uses our figures: if a rate has changed, put it into charges.csv (`tradectl help charges`)")
    lines.append("Differences of a paisa, and of half a rupee of STT, are rounding. DP charges and the token brokerage")
    lines.append("of Rs 0.01 (Zerodha: a day with only deliveries) are not included.")
    return "\n".join(lines)


@command(app)
def tables(invocation: Invocation) -> Answer:
    """List the tables of charges, shipped and your own: today's rates for delivery, and which table counts here."""
    from tradectl.bootstrap.tariffs import charged
    from tradectl.exchange.tariffs import read_tariffs
    from tradectl.strategy.parameters import Parameters

    settings, world = invocation.required_settings(), invocation.world(read_only=True)
    today = ist_date(world.clock.now())
    counts = charged(settings, world.ledger, world.ledger.settings.list(), Parameters().charges)
    found = [
        {"table": name, "title": item.title, "own": bool(item.own), "counts": name == counts.tariff.name, **_today(item, today)}
        for name, item in sorted(read_tariffs(settings.charges).items())
    ]
    rows = [(item["table"], item["title"], *_cells(item), "counts here" if item["counts"] else "") for item in found]
    columns = ("table", "title", ">delivery %", ">least", ">intraday %", ">DP", ">DP %", "")
    return Answer(found, lambda: "\n".join([output.table(columns, rows), *([counts.doubt] if counts.doubt else [])]))


def _today(tariff: Tariff, day: date) -> dict[str, Any]:
    """Return a broker's own rates of a day: percent of the value, and rupees; None before the table begins."""
    try:
        rates = tariff.rates(day)
    except UncoveredDate:
        names = ("delivery_percent", "delivery_least", "intraday_percent", "dp", "dp_percent")
        return dict.fromkeys(names)
    return {
        "delivery_percent": rates.delivery.brokerage * 100 / CRORE,
        "delivery_least": to_rupees(rates.delivery.least),
        "intraday_percent": rates.intraday.brokerage * 100 / CRORE,
        "dp": to_rupees(rates.dp),
        "dp_percent": rates.dp_share * 100 / CRORE,
    }


def _cells(item: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(item[name] for name in ("delivery_percent", "delivery_least", "intraday_percent", "dp", "dp_percent"))


def _set_armed(invocation: Invocation, account: LiveAccount, *, armed: bool) -> Answer:
    """Arm or disarm the account, log a change, and return the status."""
    from tradectl.bootstrap.tariffs import charged
    from tradectl.strategy.parameters import Parameters

    now, arming = account.clock.now(), account.arming()
    was = arming.since() is not None
    if armed and not was:
        arming.arm(now)
    elif was and not armed:
        arming.disarm()
    text = f"live orders {'go' if armed else 'do not go'} to {account.broker_name()}" + (" already" if armed and was else "")
    if was != armed:
        account.ledger.logs.append(now, "warning", "armed" if armed else "disarmed", text)
    doubt = (
        charged(invocation.required_settings(), account.ledger, account.ledger.settings.list(), Parameters().charges).doubt
        if armed
        else ""
    )
    invocation.note(
        doubt if armed else "orders at the broker stay there and may trade: `tradectl orders cancel --all` cancels them"
    )
    return Answer(_status(account), text)


def _status(account: ReadOnlyAccount) -> dict[str, Any]:
    from tradectl.report.values import value

    name = account.broker_name()
    vault = account.vault(account.adapter())
    session = vault.session()
    return {
        "broker": name,
        "missing": list(vault.missing()),
        "logged_in": session is not None and session.expires_at > account.clock.now(),
        "expires_at": value(session.expires_at) if session else None,
        "seen_ip": session.seen_ip if session else None,
        **_arming_values(account),
    }


def _arming_values(account: ReadOnlyAccount) -> dict[str, Any]:
    """Return since when live orders are allowed, and the token with which a script arms; both None in a paper home."""
    from tradectl.brokers.account.live_account import LiveAccount
    from tradectl.report.values import value

    if not isinstance(account, LiveAccount):
        return {"armed_since": None, "token": None}
    arming = account.arming()
    return {"armed_since": value(arming.since()), "token": arming.token()}


def _text(found: dict[str, Any]) -> str:
    session = f"until {output.moment(found['expires_at'])} IST" if found["logged_in"] else "none: `tradectl login`"
    seen = f", seen at {found['seen_ip']}" if found["seen_ip"] else ""
    armed = f"ARMED since {output.moment(found['armed_since'])}" if found["armed_since"] else "not armed: no order is sent"
    missing = f"\nmissing  {', '.join(found['missing'])}: `tradectl broker set {found['broker']}`" if found["missing"] else ""
    if not found["token"]:
        return f"broker   {found['broker']}, for its prices: no order is ever sent\nsession  {session}{seen}{missing}"
    token = f"{found['token']} (for scripts: `tradectl broker arm --token TOKEN`)"
    return f"broker   {found['broker']}, {armed}\nsession  {session}{seen}\ntoken    {token}{missing}"
