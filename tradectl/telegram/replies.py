"""Write the replies to a phone: short plain text, from the same reports as the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from tradectl.control_characters import one_line
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import grouped, show_rupees, to_paise
from tradectl.model.symbols import spelled
from tradectl.model.trading_state import MEANING
from tradectl.report import orders as order_report
from tradectl.report import positions as position_report
from tradectl.report import status as status_report
from tradectl.report import why as why_report
from tradectl.runtime.exposure import unprotected_now

if TYPE_CHECKING:
    from tradectl.ledger.approvals import Approval
    from tradectl.world import World

MOST = 20
"""The most rows of a reply."""
IN_ONE = 40
"""The most lines of one message of a list of buys, within Telegram's 4,096 characters."""
HELP = """\
/status - state of the account and the day
/positions - open positions
/orders - orders that may still trade
/pnl - result of the last session and of all closed positions
/why SYMBOL - the last decisions about a symbol
/halt - stop all orders except cancels
/reducing - stop buys; sells are still sent
/approve, /reject - answer the list of buys, if it waits for you
/help - this list
resume, arm and orders are given at the terminal only."""


def status(world: World) -> str:
    """Return the trading state, what needs a person, and the tasks of the day."""
    found = status_report.status(world)
    state, reason = found["trading_state"], found["state_reason"]
    lines = [f"UNPROTECTED {one_line(item['text'])}" for item in found["unprotected"] if item["grave"]]
    lines.append(f"{state}{f', {one_line(reason)}' if reason else ''}: {MEANING[state]}")
    lines += [f"UNKNOWN order {row['id']}: {row['side']} {row['symbol']}" for row in found["unknown_orders"]]
    if found["login_needed_for"]:
        lines.append(f"login needed before {found['login_needed_for']}: run `tradectl login`")
    lines.append(
        f"{world.mode}, {grouped(found['open_positions'])} positions, {grouped(found['live_orders'])} live orders, "
        f"{grouped(found['waiting_orders'])} waiting"
    )
    day = found["session"]
    lines.append(f"{day['date']}: {'run session' if day['runs'] else day['why_closed'] or 'not a run session'}")
    counted: dict[str, list[str]] = {}
    for item in found["agenda"]:
        counted.setdefault(item["state"], []).append(f"{item['task']} {item['slot']}".strip())
    order = ("running", "due", "failed", "blocked", "missed", "completed", "later")
    lines += [f"{name}: {', '.join(counted[name])}" for name in order if name in counted]
    if not any(item["running"] for item in found["services"]):
        lines.append("no daemon or run-due is running")
    return "\n".join(lines)


def positions(world: World) -> str:
    """Return the open positions with cost, advice and what leaves them unprotected."""
    found = position_report.listing(world.ledger.database, world.user, unprotected=unprotected_now(world))
    lines = []
    for item in found:
        advice = (item["monitor"] or {}).get("verdict")
        line = f"{item['symbol']} {grouped(item['quantity'])} at {rupees(item['average'])}, cost {rupees(item['cost'])}"
        lines.append(line + (f", {advice}" if advice else ""))
        if item["unprotected"]:
            lines.append(
                f"  {'UNPROTECTED' if item['unprotected']['grave'] else 'not yet sellable'} {item['unprotected']['text']}"
            )
    return _shortened(lines, "No open positions.", "tradectl positions")


def orders(world: World) -> str:
    """Return the orders that may still trade or be tried again, newest first."""
    found = order_report.listing(world.ledger.database, world.user, open_only=True, limit=MOST + 1)
    lines = [
        f"{item['id']} {item['side']} {grouped(item['quantity'])} {item['symbol']} at {rupees(item['price'])} {item['status']}"
        + (f", {grouped(item['filled_quantity'])} filled" if item["filled_quantity"] else "")
        + f", for {item['session_date']}"
        for item in found
    ]
    return _shortened(lines, "No open orders.", "tradectl orders")


def pnl(world: World) -> str:
    """Return the result of the last session with statistics, and the net result of all closed positions."""
    last = world.ledger.statistics.before(date.max)
    closed = [position for position in world.ledger.book.positions() if position.status == "closed"]
    net = sum(position.realised - position.charges for position in closed)
    total = f"closed positions: {grouped(len(closed))}, net {show_rupees(net)} after charges"
    if last is None:
        return f"No session has statistics yet; `eod` writes them.\n{total}"
    return "\n".join(
        [
            f"{last.session_date}: equity {show_rupees(last.equity)}, cash {show_rupees(last.cash)}",
            f"realised {show_rupees(last.realised)} after charges of {show_rupees(last.charges)}",
            f"unrealised {show_rupees(last.unrealised)} in {grouped(last.open_positions)} positions",
            f"drawdown {last.drawdown * 100:.2f} %",
            total,
        ]
    )


def why(world: World, words: Sequence[str]) -> str:
    """Return the newest decisions about a symbol. Raises UsageError for an unknown symbol."""
    if len(words) != 1:
        return "Write the symbol: /why RELIANCE"
    symbol = words[0].upper()
    whose = {world.user, world.ledger.signals_owner(world.parameters.signals_from)}
    found = why_report.decisions(world.ledger.database, whose, symbol, limit=5)
    if not found:
        world.market.find(symbol, ist_date(world.clock.now()))  # raises for an unknown symbol
    lines = [
        f"{item['session_date']} {item['task']} {item['slot']}".strip()
        + f": {item['verdict']} ({item['rule']}) {one_line(item['reason'])}"
        for item in found
    ]
    return _shortened(lines, f"There is no decision about {spelled(symbol)}.", f"tradectl why {symbol}")


def list_of_buys(asked: Approval, *, on_expiry: str) -> list[str]:
    """Return the list of buys that waits for an answer, as one message or several: no line may be cut.

    `on_expiry`: what happens without an answer, `send` or `skip`. The commands are at the end of the last message.
    """
    total = sum(line.amount for line in asked.lines)
    lines = [f"Approve {len(asked.lines)} buys for {asked.for_session}? Rs {show_rupees(total)} without charges"]
    for line in asked.lines:
        what = f"{grouped(line.quantity)} at {show_rupees(line.price)} = {show_rupees(line.amount)}"
        lines.append(f"{line.symbol} {what}{', re-entry' if line.purpose == 'reentry' else ''}")
    then = "they are sent" if on_expiry == "send" else "nothing is bought"
    lines.append(f"/approve {asked.list_hash} or /reject {asked.list_hash} until {to_ist(asked.until):%H:%M}; else {then}.")
    return ["\n".join(lines[at : at + IN_ONE]) for at in range(0, len(lines), IN_ONE)]


def rupees(text: str | None) -> str:
    """Return rupees in Indian notation; `?` for None."""
    return "?" if text is None else show_rupees(to_paise(text))


def _shortened(lines: Iterable[str], empty: str, command: str) -> str:
    """Return at most `MOST` lines; the command at the terminal shows the rest."""
    every = list(lines)
    if not every:
        return empty
    more = [f"and more: `{command}` at the terminal"] if len(every) > MOST else []
    return "\n".join([*every[:MOST], *more])
