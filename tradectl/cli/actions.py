"""List and record decisions about corporate actions (`data actions`)."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import parse_day
from tradectl.clock import SystemClock
from tradectl.errors import DataError, UsageError

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.model.market import CorporateAction

actions = typer.Typer(cls=ListGroup, help="Corporate actions: open questions, decisions, and recording a decision.")

SYMBOL = typer.Argument(help="The symbol, as named on that date or today.", metavar="SYMBOL")
EX_DATE = typer.Argument(help="The ex-date.", metavar="YYYY-MM-DD")
NOTE = typer.Option(help="The reason, or the announcement.", metavar="TEXT")


@command(actions, "list")
def list_actions(
    invocation: Invocation,
    symbol: Annotated[str, typer.Option(help="Also list all announcements of this symbol, as parsed.", metavar="SYMBOL")] = "",
) -> Answer:
    """List unknown actions and unexplained jumps that exclude a symbol, and the decisions."""
    from tradectl.bootstrap import open_store
    from tradectl.marketdata.decisions import decisions, questions

    store = open_store(invocation.required_settings())
    names = [store.find(symbol, _today(invocation))] if symbol else store.universe("all")
    every = sorted({*names, *store.undecided()}) if not symbol else names
    found = [asdict(item) | {"ex_date": item.ex_date.isoformat()} for item in questions(store, every)]
    decided = [asdict(item) for item in decisions(store) if not symbol or item.symbol in names]
    announced = [_values_of(item) for item in store.actions(names[0], date.min, date.max)] if symbol else []
    rows = [(item["symbol"], item["ex_date"], item["rule"], item["text"]) for item in found]
    settled = [(d["symbol"], d["ex_date"], d["verdict"], d["ratio"], d["decided_at"][:10], d["note"]) for d in decided]
    texts = [(item["ex_date"], item["kind"], item["ratio"], item["dividend"], item["subject"]) for item in announced]
    parts = [output.table(("symbol", "ex-date", "rule", "what is known"), rows, empty="No corporate action needs a decision.")]
    if settled:
        parts.append(output.table(("symbol", "ex-date", "verdict", "ratio", "decided", "note"), settled))
    if texts:
        parts.append(output.table(("ex-date", "kind", "new for old", ">Rs a share", "subject"), texts))
    return Answer({"open": found, "decisions": decided, "announced": announced}, "\n\n".join(parts))


def _values_of(item: CorporateAction) -> dict[str, Any]:
    """Return a corporate action as JSON values."""
    from tradectl.model.money import to_rupees

    return {
        "ex_date": item.ex_date.isoformat(),
        "kind": str(item.kind),
        "ratio": str(item.ratio),
        "dividend": to_rupees(item.dividend),
        "subject": item.subject,
    }


@command(actions, "set")
def set_action(
    invocation: Invocation,
    symbol: Annotated[str, SYMBOL],
    ex_date: Annotated[str, EX_DATE],
    ratio: Annotated[
        str, typer.Argument(help="New shares for one old: 5, 3/2, 1/10; or demerger.", metavar="NEW[/OLD]|demerger")
    ],
    note: Annotated[str, NOTE] = "",
) -> Answer:
    """Record what happened to the shares on an ex-date; this replaces the announcements of that date."""
    from tradectl.marketdata.decisions import read_ratio

    known = read_ratio(ratio)
    what = "a demerger" if known == "demerger" else f"{known} new shares for 1 old"
    return _decided(invocation, symbol, ex_date, "set", known, note, what)


@command(actions, "ignore")
def ignore_action(
    invocation: Invocation, symbol: Annotated[str, SYMBOL], ex_date: Annotated[str, EX_DATE], note: Annotated[str, NOTE] = ""
) -> Answer:
    """Record that nothing changed the shares on an ex-date, and that its prices are right."""
    return _decided(invocation, symbol, ex_date, "ignore", "", note, "no change of shares, and the prices are right")


@command(actions, "undo")
def undo_decision(invocation: Invocation, symbol: Annotated[str, SYMBOL], ex_date: Annotated[str, EX_DATE]) -> Answer:
    """Remove a decision: the announcements of the ex-date apply again."""
    from tradectl.bootstrap import open_store
    from tradectl.marketdata.archive import Archive
    from tradectl.marketdata.decisions import undo

    settings, day = invocation.required_settings(), _day(ex_date)
    store = open_store(settings)
    name = store.find(symbol, day)
    with closing(Archive(settings.market)) as archive:
        if not undo(archive, sorted({name, store.instrument(name, day).symbol}), day):
            raise UsageError(f"there is no decision about {name} on {day}; `tradectl data actions list` shows the decisions")
    return Answer({"symbol": name, "ex_date": ex_date}, f"{name} {day}: the announcements of the date apply again")


def _decided(invocation: Invocation, symbol: str, ex_date: str, verdict: str, ratio: str, note: str, what: str) -> Answer:
    """Store a decision and return its meaning."""
    from tradectl.bootstrap import open_store
    from tradectl.marketdata.archive import Archive
    from tradectl.marketdata.decisions import Decided, decide, questions

    settings, day = invocation.required_settings(), _day(ex_date)
    store = open_store(settings)
    name = store.find(symbol, day)
    _refuse_closed(store, day)
    at = _now(invocation)
    with closing(Archive(settings.market)) as archive:
        decide(archive, Decided(name, ex_date, verdict, ratio, note, at.astimezone(UTC).isoformat(timespec="seconds")))
    store = open_store(settings)
    left = list(questions(store, [name]))
    lines = [f"{name} {day}: {what}; decided {at:%Y-%m-%d}, no import changes it"]
    lines += [f"still open: {item.symbol} {item.ex_date} {item.rule}: {item.text}" for item in left]
    held = (
        "The next step of any trading task adjusts a position held over that date. "
        "The paper exchange applies an action only if it is known when its ex-date begins."
    )
    lines += [held] if verdict == "set" else []
    result = {"symbol": name, "ex_date": ex_date, "verdict": verdict, "ratio": ratio, "note": note, "open": len(left)}
    return Answer(result, "\n".join(lines))


def _refuse_closed(store: Store, day: date) -> None:
    """Raise UsageError for a date on which the exchange is closed: an ex-date is a session."""
    try:
        closed = store.sessions.session(day) is None
    except DataError:
        return  # beyond the calendar: it cannot be checked
    if closed:
        raise UsageError(f"{day} is no session of the exchange ({store.sessions.why_closed(day)}), so it is no ex-date")


def _day(text: str) -> date:
    """Return the date of an argument. Raises UsageError if it is empty."""
    day = parse_day(text)
    if day is None:
        raise UsageError("name the ex-date, YYYY-MM-DD")
    return day


def _now(invocation: Invocation) -> datetime:
    """Return the moment of a decision: that of `--at` if it is given."""
    return invocation.required_settings().at or SystemClock().now()


def _today(invocation: Invocation) -> date:
    from tradectl.model.moment import ist_date

    return ist_date(_now(invocation))
