"""Read the content of a report from a user's ledger. This calls no broker and writes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import and_, func, or_, select

from tradectl.accounts.charged_trades import ChargedFill
from tradectl.accounts.trade_history import TradeHistory, read_history
from tradectl.errors import UncoveredDate
from tradectl.ledger import schema
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.model.rule_names import REVERSION
from tradectl.report_page.alerts import alerts_of
from tradectl.report_page.content import Content, Day, OrderCount, Skipped, Source, Target, TradeLine
from tradectl.report_page.timeline import events_of
from tradectl.report_page.trade_lines import charges_by_kind, closed_line, held_line

if TYPE_CHECKING:
    from tradectl.world import World

MOST_SKIPPED = 400
"""How many skipped buys a report lists, the newest ones; it counts all."""
BUYING = ("buy", "premarket-retry", "amo-adjust")
"""The tasks whose decisions may leave out a buy."""
PLACED = ("placed", "unchanged", "adjusted", "retried", "waiting")
"""The verdicts of these tasks that keep a buy."""
DECIDES: dict[str, str] = {Purpose.ENTRY: "analyze", Purpose.REENTRY: "position-monitor"}
"""The task that decides a buy, by the purpose of the buy."""
DECISIONS, ORDERS = schema.decisions, schema.orders


class Period(Struct, frozen=True):
    """The first and the last date of a report, and its title."""

    first: date
    last: date
    title: str


def content_of(world: World, period: Period) -> Content:
    """Return the content of a period: every trade that ended in it, its sessions, orders, skipped buys and alerts."""
    ledger = world.ledger
    days = days_of(world, period)
    history = read_history(ledger, through=period.last)
    closed, held = _trades(world, period, history)
    fills = tuple(item for item in history.fills if period.first <= item.session <= period.last)
    skipped, total = _skipped(world, period)
    earlier = ledger.statistics.before(period.first)
    content = Content(
        title=period.title,
        source=Source.SIMULATION if world.mode == "simulated" else Source.LEDGER,
        user=world.user,
        mode=world.mode,
        first=period.first,
        last=period.last,
        made_at=world.clock.now(),
        before=earlier.equity if earlier is not None else ledger.users.get(world.user).capital,
        days=days,
        trades=closed,
        held=held,
        fills=fills,
        charge_lines=charges_by_kind(fills),
        orders=_orders(world, period),
        skipped=skipped,
        skipped_total=total,
        considered=_considered(world, period),
        alerts=alerts_of(world, period.first, period.last),
    )
    return replace(content, events=events_of(world, period.last)) if content.one_session else content


def days_of(world: World, period: Period) -> tuple[Day, ...]:
    """Return the sessions of the period that have statistics, with cash from dividends and fractions of shares."""
    received: Counter[date] = Counter()
    query = select(schema.adjustments.c.ex_date, func.sum(schema.adjustments.c.cash)).where(
        schema.adjustments.c.user == world.user
    )
    with world.ledger.database.read() as connection:
        for ex_date, cash in connection.execute(query.group_by(schema.adjustments.c.ex_date)):
            received[ex_date] += int(cash or 0)
    return tuple(
        Day(
            session=row.session_date,
            equity=row.equity,
            holdings=row.holdings_value,
            charges=row.charges,
            received=received[row.session_date],
            closed=row.trades,
            open_positions=row.open_positions,
        )
        for row in world.ledger.statistics.all()
        if period.first <= row.session_date <= period.last
    )


def _trades(world: World, period: Period, history: TradeHistory) -> tuple[tuple[TradeLine, ...], tuple[TradeLine, ...]]:
    """Return the trades that ended in the period, and the shares that were held at its end, each in order of time."""
    known, last_price = _Decided.of(world, period.last), _last_close(world, bars_until(world, period.last))
    closed = [
        known.added(closed_line(item), item.position_id, item.entry)
        for item in history.trades
        if period.first <= item.trade.exit_session <= period.last
    ]
    held = [
        known.added(
            held_line(item, history.symbols[item.instrument_id], last_price(item.instrument_id)), item.position_id, item.entry
        )
        for item in history.lots
    ]
    closed.sort(key=lambda line: (line.exit_session or period.last, line.exit_at or world.clock.now(), line.symbol))
    return tuple(closed), tuple(sorted(held, key=lambda line: (line.entry_session, line.symbol)))


class _Decided(Struct, frozen=True):
    """The targets of each position, and the reasons of each buy, as the tasks of one user stored them."""

    targets: dict[int, list[Target]]
    reasons: dict[tuple[str, date, str], str]
    decided: dict[int, date]
    strategies: dict[int, str]
    """The own strategy of each order that is not of the shipped rule."""

    @classmethod
    def of(cls, world: World, last: date) -> _Decided:
        """Return what is stored up to the session `last`."""
        columns = [DECISIONS.c[name] for name in ("instrument_id", "session_date", "task", "reason")]
        own = and_(DECISIONS.c.rule.like("%:entry"), DECISIONS.c.verdict == "BUY")
        of_entry = and_(DECISIONS.c.task == DECIDES[Purpose.ENTRY], or_(DECISIONS.c.rule == "score", own))
        wanted = or_(of_entry, and_(DECISIONS.c.task == DECIDES[Purpose.REENTRY], DECISIONS.c.verdict == "REENTER"))
        with world.ledger.database.read() as connection:
            orders = connection.execute(select(ORDERS).where(ORDERS.c.user == world.user).order_by(ORDERS.c.id)).all()
            reasons = {
                (row.instrument_id, row.session_date, row.task): row.reason
                for row in connection.execute(select(*columns).where(DECISIONS.c.user == world.user, wanted))
            }
        targets: dict[int, dict[date, Target]] = defaultdict(dict)
        for row in orders:
            if row.side == Side.SELL and row.position_id is not None and row.sent_at is not None and row.session_date <= last:
                targets[row.position_id][row.session_date] = Target(row.session_date, row.price, row.modifications)
        by_position = {key: [found[day] for day in sorted(found)] for key, found in targets.items()}
        own_orders = {row.id: row.strategy for row in orders if row.strategy != REVERSION}
        return cls(by_position, reasons, {row.id: row.decided for row in orders}, own_orders)

    def added(self, line: TradeLine, position_id: int, entry: ChargedFill) -> TradeLine:
        """Return a line with the own strategy and the reason of its buy, and the targets of its sessions."""
        targets = tuple(
            item
            for item in self.targets.get(position_id, ())
            if item.session >= line.entry_session and (line.exit_session is None or item.session <= line.exit_session)
        )
        strategy = self.strategies.get(entry.order_id or 0)
        rule = f"{strategy}: {line.entry_rule}" if strategy is not None else line.entry_rule
        return replace(line, why=self._why(entry), targets=targets, entry_rule=rule)

    def _why(self, entry: ChargedFill) -> str:
        """Return the reason that a task stored for a buy; empty for a buy of another purpose, or by hand."""
        if entry.order_id is None or entry.purpose not in DECIDES:
            return ""
        return self.reasons.get((entry.instrument_id, self.decided[entry.order_id], DECIDES[entry.purpose]), "")


def bars_until(world: World, last: date) -> date:
    """Return the last date up to `last` whose bars are complete now: with a virtual clock, bars of later are stored."""
    now = world.clock.now()
    today = ist_date(now)
    if last < today:
        return last
    try:
        session = world.sessions.session(today)
    except UncoveredDate:
        return last
    return today if session is None or now >= session.last_fill_at() else today - timedelta(days=1)


def _last_close(world: World, last: date) -> Callable[[str], int | None]:
    """Return a function that returns the last close (paise) of an instrument up to `last`; None without stored bars."""
    from tradectl.errors import DatabaseError, DataError

    def close(instrument_id: str) -> int | None:
        try:
            history = world.market.history(instrument_id)
        except (DataError, DatabaseError):
            return None
        at = history.last_index(last) if history is not None else -1
        return int(history.close[at]) if history is not None and at >= 0 else None

    return close


def _skipped(world: World, period: Period) -> tuple[tuple[Skipped, ...], int]:
    """Return the newest skipped buys of the period, newest first, and the number of all."""
    columns = [DECISIONS.c[name] for name in ("session_date", "task", "symbol", "verdict", "reason")]
    where = (
        DECISIONS.c.user == world.user,
        DECISIONS.c.session_date.between(period.first, period.last),
        DECISIONS.c.task.in_(BUYING),
        DECISIONS.c.verdict.not_in(PLACED),
    )
    with world.ledger.database.read() as connection:
        query = select(*columns).where(*where).order_by(DECISIONS.c.at.desc(), DECISIONS.c.id.desc()).limit(MOST_SKIPPED)
        found = tuple(Skipped(*row) for row in connection.execute(query))
        total = connection.execute(select(func.count()).select_from(DECISIONS).where(*where)).scalar_one()
    return found, int(total)


def _considered(world: World, period: Period) -> dict[str, int]:
    """Return how many analysed symbols each rule left out, by rule, the most frequent first."""
    query = (
        select(DECISIONS.c.rule, func.count())
        .where(
            DECISIONS.c.user == world.user,
            DECISIONS.c.session_date.between(period.first, period.last),
            DECISIONS.c.task == "analyze",
            DECISIONS.c.verdict.not_in(("BUY", "STRONG_BUY")),
        )
        .group_by(DECISIONS.c.rule)
        .order_by(func.count().desc())
    )
    with world.ledger.database.read() as connection:
        return {row[0]: int(row[1]) for row in connection.execute(query)}


def _orders(world: World, period: Period) -> tuple[OrderCount, ...]:
    """Return how many orders of the period have each status."""
    query = (
        select(ORDERS.c.status, func.count())
        .where(ORDERS.c.user == world.user, ORDERS.c.session_date.between(period.first, period.last))
        .group_by(ORDERS.c.status)
    )
    with world.ledger.database.read() as connection:
        found = {OrderStatus(row[0]): int(row[1]) for row in connection.execute(query)}
    return tuple(OrderCount(status, found[status]) for status in OrderStatus if status in found)
