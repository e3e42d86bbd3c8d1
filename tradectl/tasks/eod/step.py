"""After the close: reconcile with the broker, find manual trades, settle the day's P&L, keep statistics, clean up, report.

The task places no order. It compares the broker's shares and cash with the book, counts and reports differences, and
never changes the book to remove a difference. It does not run in special sessions such as Muhurat trading: their fills are in
the figures of the run session after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta

from msgspec import Struct

from tradectl.context import Context
from tradectl.errors import UncoveredDate
from tradectl.execution import book_comparison, unresolved_orders
from tradectl.execution.buying import holdings_value
from tradectl.execution.probable_renames import IMPORT_RENAMES, ProbableRename
from tradectl.execution.trading_session import TradingSession
from tradectl.execution.unexplained_shares import UnexplainedShares
from tradectl.ledger.delivery import PICTURE
from tradectl.ledger.rows import Order, Position
from tradectl.ledger.statistics import DayStatistics
from tradectl.model.broker_view import HOLDINGS
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.money import rupees, show_rupees, to_paise, to_rupees
from tradectl.task import Outcome


class Day(Struct, frozen=True):
    """The day's figures in paise; `realised` is net of charges."""

    realised: int
    trades: int
    winners: int
    charges: int
    unrealised: int
    holdings_value: int
    cash: int
    proved: bool = True
    """False where a row of the holdings cannot be read: `holdings_value` is then too low."""

    @property
    def equity(self) -> int:
        """Return cash and holdings, spun-off holdings at cost."""
        return self.cash + self.holdings_value


def run(context: Context) -> Outcome:
    """Reconcile, write the statistics, queue the report; return the day's figures. A rerun writes the same rows."""
    world, session = context.world, context.session
    trading = context.trading()
    trading.reconcile(trading.open_of)
    mismatches = book_comparison.compare_holdings(trading.book, trading.broker)
    renamed = trading.probable_renames() if mismatches else {}
    for item in mismatches:
        context.log("mismatch", _mismatch(item, renamed), item.symbol, level="error")
    beyond = trading.unexplained_shares()
    unlisted = book_comparison.unlisted(trading.book)
    for order in unlisted:
        what = f"{order.side} {order.quantity} {order.symbol}, order {order.id},"
        text = f"{what} is {order.status} in the ledger, and the broker does not list it"
        context.log("mismatch", text, order.symbol, level="error")
    cash_difference = trading.broker.funds().cash - trading.book.cash()
    if cash_difference:
        context.log(
            "mismatch", f"the broker's cash differs by {show_rupees(cash_difference)} from the sum of the fills", level="error"
        )
    differ = len(mismatches) + len(unlisted) + bool(cash_difference)
    day = _figures(context, trading)
    sessions = _sessions(context)
    closed = [position for of_day in sessions for position in trading.book.positions(closed_in=of_day)]
    ended: list[Order] = []
    expired = 0
    if not context.dry_run:
        over, tags = _trading_is_over(context), trading.broker.capabilities.tag_length > 0
        ended = unresolved_orders.end_expired(trading.book, context.claim, session, context.now, over=over, keeps_tags=tags)
        expired = world.ledger.signals.expire(session)
        _store_results(context, day, differ)
    doubtful = trading.snapshot.unknown
    external = [row for of_day in sessions for row in trading.book.fills(session=of_day) if row.external]
    result = {
        "mismatches": differ,
        "external_trades": len(external),
        "realised_pnl": to_rupees(day.realised),
        "charges": to_rupees(day.charges),
        "closed": len(closed),
        "trades": day.trades,
        "unrealised_pnl": to_rupees(day.unrealised),
        "cash": to_rupees(day.cash),
        "equity": to_rupees(day.equity) if day.proved else None,
        "open_positions": len(trading.snapshot.positions),
        "signals_expired": expired,
        "orders_ended": len(ended),
        "unknown": len(doubtful),
    }
    if not context.dry_run:
        text = _summary(context, result, closed, mismatches, doubtful, unlisted=unlisted, beyond=beyond, renamed=renamed)
        if world.attended:
            context.log("daily_summary", text.replace("\n", "; "))
        world.ledger.outbox.add(
            context.now,
            f"tradectl {session}",
            text,
            f"eod:{session}",
            kind=MessageKind.DAILY_SUMMARY,
        )
        _write_report(context)
        _send_picture(context)
    return Outcome(result, unknown=len(doubtful))


def _figures(context: Context, trading: TradingSession) -> Day:
    """Return the day's figures from the book, the broker's cash and the last prices."""
    sessions = _sessions(context)
    fills = [row for session in sessions for row in trading.book.fills(session=session)]
    trades = [
        trade
        for position_id in {row.position_id for row in fills if row.position_id is not None}
        for trade in trading.book.folded(position_id).trades
        if trade.exit_session in sessions
    ]
    positions = trading.snapshot.positions
    quotes = trading.broker.quotes([position.symbol for position in positions]) if positions else {}
    value = sum(_value(position, quotes[position.symbol].last if position.symbol in quotes else None) for position in positions)
    return Day(
        realised=sum(trade.net for trade in trades),
        trades=len(trades),
        winners=sum(trade.net > 0 for trade in trades),
        charges=sum(row.charges for row in fills),
        unrealised=value - sum(position.cost for position in positions),
        holdings_value=holdings_value(trading) + trading.book.spun_off(),
        cash=trading.broker.funds().cash,
        proved=not trading.book.broker.odd.get(HOLDINGS),
    )


def _sessions(context: Context) -> list[date]:
    """Return the session, after the special sessions since the run session before it."""
    table, session = context.world.sessions, context.session
    try:
        first = table.previous_run_session(session).date + timedelta(days=1)
        return [item.date for item in table.between(first, session)]
    except UncoveredDate:
        return [session]


def _value(position: Position, last: int | None) -> int:
    """Return a position's value at the last price; at cost where there is none."""
    return position.quantity * last if last is not None else position.cost


def _store_results(context: Context, day: Day, mismatches: int) -> None:
    """Store the day's statistics, end executions of dead processes, and delete old log lines and messages."""
    world = context.world
    if not day.proved:
        context.trading().note_unreadable_holdings()
        text = "the statistics of the day are left out: a row of the broker's holdings cannot be read, so the equity is not known"
        context.log("statistics_left_out", text, level="warning")
    elif not _next_day_has_begun(context):
        _write_statistics(context, day, mismatches)
    _release_dead(context)
    kept_since = context.now - timedelta(days=world.parameters.log_days)
    world.ledger.logs.prune(kept_since)
    world.ledger.outbox.prune(kept_since)


def _next_day_has_begun(context: Context) -> bool:
    """Return whether the next session has begun, also a special one: cash and prices then no longer belong to this session."""
    if ist_date(context.now) == context.session:
        return False
    try:
        begins = context.world.sessions.next_session(context.session).begins_at()
    except UncoveredDate:
        begins = at_ist(context.session + timedelta(days=1), time(9, 0))
    return context.now >= begins


def _write_statistics(context: Context, day: Day, mismatches: int) -> None:
    world = context.world
    before = world.ledger.statistics.before(context.session)
    peak = max(day.equity, before.peak_equity if before is not None else world.ledger.users.get(world.user).capital)
    world.ledger.statistics.write(
        DayStatistics(
            session_date=context.session,
            cash=day.cash,
            holdings_value=day.holdings_value,
            equity=day.equity,
            realised=day.realised,
            unrealised=day.unrealised,
            charges=day.charges,
            dividends=sum(map(world.ledger.book.dividends, _sessions(context))),
            trades=day.trades,
            winners=day.winners,
            open_positions=len(world.ledger.book.snapshot().positions),
            mismatches=mismatches,
            peak_equity=peak,
            drawdown=1 - day.equity / peak if peak else 0.0,
        )
    )


def _trading_is_over(context: Context) -> bool:
    """Return whether no order can fill any more in this session; with `--force` the task may run before."""
    session = context.world.sessions.session(context.session)
    return session is None or context.now >= session.last_fill_at()


def _release_dead(context: Context) -> None:
    """End executions of dead processes: of earlier sessions, and of this one once its trading is over.

    An execution of a later session began while the clock was ahead; it stays and continues in its session."""
    executions = context.world.ledger.executions
    over = _trading_is_over(context)
    for row in executions.running():
        ended = row.session_date < context.session or (over and row.session_date == context.session)
        if row.id != context.claim.execution_id and ended:
            status, error = ("completed", "") if row.steps else ("failed", "its process died")
            executions.close_abandoned(row, status, error, context.now, context.world.clock.machine_now())


def _write_report(context: Context) -> None:
    """Write the report of the session if the home has a folder for it, and log its path.

    A report that cannot be written is logged: the day's figures and the message are stored without it.
    """
    world = context.world
    if world.write_report is None:
        return
    try:
        context.log("report_written", f"the report of {context.session} is {world.write_report(world, context.session)}")
    except Exception as error:  # noqa: BLE001 - a page that fails must not fail the day
        context.log("report_not_written", f"the report of {context.session} was not written: {error}", level="warning")


def _send_picture(context: Context) -> None:
    """Queue a picture of the session after its message, if the user wants one.

    A picture that cannot be drawn is logged, and reported once for each reason: the message is stored without it.
    """
    world = context.world
    if world.draw_session is None or world.ledger.settings.notifications().get(PICTURE) != "on":
        return
    title = f"tradectl {context.session}: picture of the day"
    try:
        picture = world.draw_session(world, context.session)
    except Exception as error:  # noqa: BLE001 - a picture that fails must not fail the day
        text = f"the picture of {context.session} was not drawn: {error}"
        context.log("picture_not_drawn", text, level="warning")
        world.ledger.outbox.add(context.now, "No picture of the day", text, f"picture:{error}", kind=MessageKind.DAILY_SUMMARY)
        return
    world.ledger.outbox.add(
        context.now,
        title,
        f"{context.session:%a %d %b %Y}",
        f"picture:{context.session}",
        kind=MessageKind.DAILY_SUMMARY,
        picture=picture,
    )


def _shown(amount: object) -> str:
    """Return an amount of the result for a person; `not known` for None."""
    return rupees(to_paise(str(amount))) if amount is not None else "not known"


def _mismatch(item: book_comparison.Mismatch, renamed: Mapping[str, ProbableRename]) -> str:
    """Return a difference of shares as text, with the probable rename that explains it."""
    text = f"{item.symbol}: ledger {item.book}, broker {item.broker}"
    return f"{text}; {renamed[item.symbol].text}. {IMPORT_RENAMES}" if item.symbol in renamed else text


def _summary(
    context: Context,
    result: dict[str, object],
    closed: list[Position],
    mismatches: list[book_comparison.Mismatch],
    doubtful: tuple[Order, ...],
    *,
    unlisted: list[Order],
    beyond: list[UnexplainedShares],
    renamed: Mapping[str, ProbableRename],
) -> str:
    lines = [
        f"{context.session:%a %d %b %Y}: realised P&L {_shown(result['realised_pnl'])}, charges {_shown(result['charges'])}, "
        f"unrealised {_shown(result['unrealised_pnl'])}, equity {_shown(result['equity'])}",
        f"{result['closed']} closed, {result['open_positions']} open, {result['external_trades']} manual trades",
    ]
    lines += [f"closed {item.symbol}: net {rupees(item.realised - item.charges)}" for item in closed]
    lines += [f"MISMATCH {_mismatch(item, renamed)}" for item in mismatches]
    lines += [
        f"MISMATCH {item.side} {item.quantity} {item.symbol}, order {item.id}: not in the broker's book" for item in unlisted
    ]
    explained = {item.new_symbol for item in renamed.values()}
    lines += [f"NOT COUNTED {item.symbol}: {item.text}" for item in beyond if item.symbol not in explained]
    lines += [f"UNKNOWN {item.side} {item.quantity} {item.symbol}, order {item.id}: {item.reason}" for item in doubtful]
    statuses = context.world.ledger.executions.statuses(context.session)
    missed: dict[str, list[str]] = {}
    for (task, slot), status in sorted(statuses.items()):
        if status == "missed":
            missed.setdefault(task, []).append(slot)
    lines += [" ".join(["MISSED", task, *filter(None, slots)]) for task, slots in missed.items()]
    head = context.world.ledger.journal_head()
    lines += [f"journal {head.short()}"] if head is not None else []
    return "\n".join(lines)
