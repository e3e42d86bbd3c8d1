"""Create a home (`init`)."""

from __future__ import annotations

import shlex
import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct
from msgspec.structs import replace

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import CONFIGURE
from tradectl.cli.universe import check_universe
from tradectl.cli.user import rupees
from tradectl.errors import ConfigurationError, DatabaseError, TradectlError, UsageError
from tradectl.settings import FILE, parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradectl.settings import Settings

app = typer.Typer()
DEMO_BEGINS = "2025-10-28 16:00"
"""An evening of the synthetic market: two shares are bought the next day and sold the day after (docs/tutorial/first-day.md)."""
DEMO_LAST = date(2025, 11, 14)
IMPORTED = "imported"
YAHOO = "yahoo"
NO_QUOTES = (
    "this home has no live prices: it trades on paper by the machine's clock, so no order fills and no position is sold. "
    'Write `quotes = "yahoo"` into tradectl.toml; `tradectl doctor` reports it until then'
)


class HomeChoice(Struct, frozen=True):
    """What a new home is made of. `prices`: yahoo, imported, or a broker; `notify`: apprise URLs, a secret."""

    capital: str
    mode: str
    broker: str
    universe: str
    prices: str
    notify: str = ""


@command(app, panel=CONFIGURE)
def init(
    invocation: Invocation,
    capital: Annotated[str, typer.Option(help="Trading capital in rupees; default 1000000.", metavar="RUPEES")] = "",
    mode: Annotated[str, typer.Option(help="paper (default) or live; a database has one mode for ever.", metavar="MODE")] = "",
    broker: Annotated[str, typer.Option(help="The broker of a live home, see `broker list`.", metavar="NAME")] = "",
    universe: Annotated[str, typer.Option(help="The list that analyze scans; default nifty200.", metavar="LIST")] = "",
    prices: Annotated[
        str, typer.Option(help="Paper: live prices of yahoo (delayed) or a broker; imported: stored bars only.", metavar="SOURCE")
    ] = "",
    demo_data: Annotated[
        bool, typer.Option("--demo-data", help="For the tutorial: a synthetic market, and a clock that --at sets.")
    ] = False,
) -> Answer:
    """Create a home: the ledger, its first user (an admin), the default timetable, and tradectl.toml.

    Without options it prompts on a terminal; with an option, or without a terminal, it does not."""
    from tradectl import bootstrap

    settings = invocation.required_settings()
    choice = HomeChoice(capital, mode, broker, universe, prices)
    if mode:
        _check_mode(mode)
    _check_prices(prices)
    if settings.database.startswith("sqlite:") and _is_home(settings):
        raise ConfigurationError(
            f"{settings.home} is a home already; after an `init` that was interrupted, `tradectl doctor` names what it lacks"
        )
    asked = not (any((capital, mode, broker, universe, prices, demo_data, invocation.as_json)) or invocation.quiet)
    if asked and settings.at is None and sys.stdin.isatty():
        choice = _asked(settings)
    if demo_data:
        if mode == "live" or prices:
            raise UsageError("--demo-data makes a paper home on its own prices: leave --mode, --broker and --prices out")
        settings = invocation.settings = replace(settings, at=settings.at or parse_moment(DEMO_BEGINS))
        choice = replace(choice, universe=universe or "demo")
    made = _checked(choice, settings)
    if made.universe and not demo_data:
        check_universe(settings, made.universe, invocation.warn)
    user = settings.user or "me"
    paise = rupees(made.capital)
    world = bootstrap.init(settings, user=user, capital=paise, mode=made.mode, broker=made.broker)
    try:
        if made.universe:
            world.ledger.settings.set("universe", made.universe)
        if made.notify:
            world.ledger.settings.credentials(settings.secret_key).set("notify.urls", made.notify)
    finally:
        world.close()
    from tradectl.bootstrap.settings_file import write_settings

    chosen = {"quotes": made.prices} if made.prices not in {"", IMPORTED} else {}
    if not write_settings(settings, chosen) and chosen:
        invocation.warn(f'{settings.home / FILE} was there and is unchanged: write `quotes = "{made.prices}"` into it')
    if demo_data:
        _make_demo(settings)
    invocation.user, invocation.mode = user, made.mode
    if made.mode == "paper" and settings.at is None and not (chosen or settings.quotes):
        invocation.note(NO_QUOTES)
    following = _next(settings, made, demo=demo_data)
    found: dict[str, object] = {"home": str(settings.home), "user": user, "mode": made.mode, "broker": made.broker or None}
    found |= {"universe": made.universe or None, "quotes": chosen.get("quotes") or settings.quotes or None, "next": following}
    at = f" at {made.broker}" if made.broker else ""
    text = f"{settings.home} is a {made.mode} home of {user}{at}\nnext:\n" + "\n".join(f"  {line}" for line in following)
    return Answer(found, text)


def _is_home(settings: Settings) -> bool:
    """Return whether the ledger's file has a home.

    A file that is empty, foreign, or just being filled by another `init` is left to the code that opens it and waits.
    """
    from tradectl import bootstrap

    try:
        return bootstrap.exists(settings) and bool(bootstrap.only_user(settings))
    except UsageError:
        return True
    except DatabaseError:
        return False


def _checked(choice: HomeChoice, settings: Settings) -> HomeChoice:
    """Return the choice with its defaults, checked before anything is made. Raises UsageError or ConfigurationError."""
    made = replace(choice, capital=choice.capital or "1000000", mode=choice.mode or "paper")
    _check_capital(made.capital)
    _check_universe(made.universe)
    if made.prices not in {"", IMPORTED}:
        if made.mode != "paper":
            raise UsageError("a live home uses the prices of its broker: leave --prices out")
        if settings.at is not None:
            raise UsageError("a home on a virtual clock uses the stored bars: leave --prices out")
    _check_prices(made.prices)
    _check_urls(made.notify)
    return made


def _check_mode(text: str) -> None:
    if text not in {"paper", "live"}:
        raise UsageError(f"the mode of a home must be paper or live, not {text!r}")


def _check_broker(text: str) -> None:
    from tradectl.brokers.adapter import adapter

    adapter(text)


def _check_capital(text: str) -> None:
    if rupees(text) <= 0:
        raise UsageError("the capital must be more than 0")


def _check_universe(text: str) -> None:
    from tradectl.strategy.parameters import parse

    if text:
        parse("universe", text)


def _check_prices(text: str) -> None:
    from tradectl.brokers.adapter import is_known, names

    if text not in {"", IMPORTED, YAHOO} and not is_known(text):
        raise UsageError(f"prices are yahoo, imported, or those of a broker ({', '.join(names())}), not {text!r}")


def _check_urls(text: str) -> None:
    if text:
        from tradectl.notify.services import ServiceNotifier

        ServiceNotifier(text.split())


def _asked(settings: Settings) -> HomeChoice:
    """Ask for each choice on the terminal; Enter takes the default in brackets."""
    from tradectl.brokers.adapter import names
    from tradectl.strategy.parameters import Parameters

    brokers = ", ".join(names())
    mode = _ask("Mode: paper, or live (real orders)", "paper", _check_mode)
    broker = _ask(f"Broker ({brokers})", "", _check_broker) if mode == "live" else ""
    capital = _ask("Capital in rupees", "1000000", _check_capital)

    def exists(text: str) -> None:
        _check_universe(text)
        check_universe(settings, text, lambda _: None)

    universe = _ask("Universe: nifty50, nifty100, nifty200, nifty500 or all", Parameters().universe, exists)
    prices = ""
    if mode != "live":
        question = f"Live prices: yahoo (delayed, free), imported (stored files only), or a broker ({brokers})"
        prices = _ask(question, YAHOO, _check_prices)
    urls = "Notifications: apprise URLs such as tgram://TOKEN/CHAT (not shown; Enter: none)"
    return HomeChoice(capital, mode, broker, universe, prices, _ask(urls, "", _check_urls, secret=True))


def _ask(question: str, default: str, check: Callable[[str], None], *, secret: bool = False) -> str:
    """Return an answer that passes the check; one that does not is asked for again."""
    while True:
        answer = typer.prompt(question, default=default, show_default=bool(default), hide_input=secret, err=True)
        text = str(answer).strip()
        try:
            check(text)
        except TradectlError as error:
            typer.echo(f"tradectl: {error}", err=True)
        else:
            return text


def _make_demo(settings: Settings) -> None:
    from tradectl import bootstrap
    from tradectl.marketdata.synthetic import make_market

    make_market(settings.market, bootstrap.open_sessions(settings), last=DEMO_LAST)


def _next(settings: Settings, made: HomeChoice, *, demo: bool) -> list[str]:
    """Return the next three commands of this home."""
    if demo or settings.at is not None:
        at = f'tradectl --at "{settings.at:%Y-%m-%d %H:%M}"'
        first = f"{at} data list" if demo else "tradectl data import FILES"
        return [first, f"{at} analyze", f"{at} status"]
    if made.mode == "live":
        name = shlex.quote(made.broker)
        return [f"tradectl broker set {name}", "tradectl login", "tradectl doctor"]
    if made.prices in {"", IMPORTED}:
        return ["tradectl data import FILES", "tradectl crontab install", "tradectl doctor"]
    if made.prices != YAHOO:
        return [f"tradectl broker set {shlex.quote(made.prices)}", "tradectl login", "tradectl crontab install"]
    return ["tradectl prices --force", "tradectl crontab install", "tradectl doctor"]
