"""Read the content of a report from a user's ledger. This calls no broker and writes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Table, and_, func, or_, select

from tradectl.errors import UncoveredDate
from tradectl.ledger import schema
from tradectl.model.market import ActionKind
from tradectl.model.moment import ist_date
from tradectl.model.order import Fill, OrderStatus, Purpose, Side
from tradectl.model.position import Adjustment, Folded, Lot, Trade, fold
from tradectl.report_page.alerts import alerts_of
from tradectl.report_page.charge_lines import charge_lines
from tradectl.report_page.content import Content, Day, OrderCount, Skipped, Source, Target, TradeLine
from tradectl.report_page.timeline import events_of

if TYPE_CHECKING:
    from tradectl.task import World

MOST_SKIPPED = 400
"""How many skipped buys a report lists, the newest ones; it counts all."""
BUYING = ("buy", "premarket-retry", "amo-adjust")
"""The tasks whose decisions may leave out a buy."""
PLACED = ("placed", "unchanged", "adjusted", "retried", "waiting")
"""The verdicts of these tasks that keep a buy."""
DECIDES: dict[str, str] = {Purpose.ENTRY: "analyze", Purpose.REENTRY: "position-monitor"}
"""The task that decides a buy, by the purpose of the buy."""
DECISIONS, ORDERS = schema.decisions, schema.orders


@dataclass(frozen=True, slots=True)
class Period:
    """The first and the last date of a report, and its title."""

    first: date
    last: date
    title: str


def content_of(world: World, period: Period) -> Content:
    """Return the content of a period: every trade that ended in it, its sessions, orders, skipped buys and alerts."""
    ledger = world.ledger
    days = days_of(world, period)
    closed, held = _trades(world, period)
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
        charge_lines=charge_lines(
            [row for row in ledger.book.fills() if period.first <= row.session_date <= period.last], world.parameters.tariff
        ),
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


def _trades(world: World, period: Period) -> tuple[tuple[TradeLine, ...], tuple[TradeLine, ...]]:
    """Return the trades that ended in the period, and the shares that were held at its end, each in order of time."""
    reader = _TradeReader.of(world, period.last)
    closed, held = [], []
    for position_id, symbol, instrument_id in reader.positions:
        state = reader.folded(position_id)
        closed += [
            reader.closed(position_id, instrument_id, trade)
            for trade in state.trades
            if period.first <= trade.exit_session <= period.last
        ]
        held += [reader.held(position_id, symbol, instrument_id, lot) for lot in state.lots]
    closed.sort(key=lambda item: (item.exit_session or period.last, item.exit_at or world.clock.now(), item.symbol))
    return tuple(closed), tuple(sorted(held, key=lambda item: (item.entry_session, item.symbol)))


@dataclass(frozen=True)
class _TradeReader:
    """Make trade lines from the fills, adjustments and orders of one user, which are read once."""

    positions: Sequence[tuple[int, str, str]]
    fills: dict[int, list[Row[Any]]]
    adjustments: dict[int, list[Row[Any]]]
    orders: dict[int, Row[Any]]
    targets: dict[int, list[Target]]
    reasons: dict[tuple[str, date, str], str]
    last_price: Callable[[str], int | None]

    @classmethod
    def of(cls, world: World, last: date) -> _TradeReader:
        """Return the reader of everything up to the session `last`."""
        columns = [DECISIONS.c[name] for name in ("instrument_id", "session_date", "task", "reason")]
        of_entry = and_(DECISIONS.c.task == DECIDES[Purpose.ENTRY], DECISIONS.c.rule == "score")
        wanted = or_(of_entry, and_(DECISIONS.c.task == DECIDES[Purpose.REENTRY], DECISIONS.c.verdict == "REENTER"))
        with world.ledger.database.read() as connection:

            def rows(table: Table) -> Sequence[Row[Any]]:
                return connection.execute(select(table).where(table.c.user == world.user).order_by(table.c.id)).all()

            fills = _by_position(row for row in rows(schema.fills) if row.session_date <= last)
            adjustments = _by_position(row for row in rows(schema.adjustments) if row.ex_date <= last)
            orders = {row.id: row for row in rows(ORDERS)}
            positions = [(row.id, row.symbol, row.instrument_id) for row in rows(schema.positions) if row.opened_session <= last]
            reasons = {
                (row.instrument_id, row.session_date, row.task): row.reason
                for row in connection.execute(select(*columns).where(DECISIONS.c.user == world.user, wanted))
            }
        targets: dict[int, dict[date, Target]] = defaultdict(dict)
        for row in orders.values():
            if row.side == Side.SELL and row.position_id is not None and row.sent_at is not None and row.session_date <= last:
                targets[row.position_id][row.session_date] = Target(row.session_date, row.price, row.modifications)
        by_position = {key: [found[day] for day in sorted(found)] for key, found in targets.items()}
        return cls(positions, fills, adjustments, orders, by_position, reasons, _last_close(world, bars_until(world, last)))

    def folded(self, position_id: int) -> Folded:
        """Return the state of a position at the end of the period."""
        rows = [row for row in self.fills.get(position_id, ()) if row.booked]
        return fold(
            [_fill(row) for row in rows],
            [_adjustment(row) for row in sorted(self.adjustments.get(position_id, ()), key=lambda row: (row.at, row.id))],
            {str(row.id): row.charges * row.booked // row.quantity for row in rows},
        )

    def closed(self, position_id: int, instrument_id: str, trade: Trade) -> TradeLine:
        """Return the line of a completed trade."""
        rows = self.fills.get(position_id, ())
        sold = next((row for row in rows if str(row.id) == trade.exit_fill), None)
        line = TradeLine(
            symbol=trade.symbol,
            instrument_id=instrument_id,
            entry_session=trade.entry_session,
            exit_session=trade.exit_session,
            quantity=trade.quantity,
            entry_price=trade.entry_price,
            exit_price=trade.exit_price,
            cost=trade.cost,
            gross=trade.gross,
            charges=trade.charges,
            net=trade.net,
            exit_rule=self._purpose(sold) if sold is not None else "corporate action",
            exit_at=sold.at if sold is not None else None,
            targets=self._targets(position_id, trade.entry_session, trade.exit_session),
        )
        return self._with_entry(line, position_id)

    def held(self, position_id: int, symbol: str, instrument_id: str, lot: Lot) -> TradeLine:
        """Return the line of shares that are still held, at their last close, or at cost without one."""
        last = self.last_price(instrument_id)
        gross = lot.quantity * last - lot.cost if last is not None else 0
        line = TradeLine(
            symbol=symbol,
            instrument_id=instrument_id,
            entry_session=lot.session,
            exit_session=None,
            quantity=lot.quantity,
            entry_price=lot.entry_price,
            exit_price=last,
            cost=lot.cost,
            gross=gross,
            charges=lot.charges,
            net=gross - lot.charges,
            targets=self._targets(position_id, lot.session, None),
        )
        return self._with_entry(line, position_id)

    def _with_entry(self, line: TradeLine, position_id: int) -> TradeLine:
        """Return a line with the moment and the rule of its buy."""
        for row in self.fills.get(position_id, ()):
            if row.side == Side.BUY and (row.session_date, row.price) == (line.entry_session, line.entry_price):
                order = self.orders.get(row.order_id)
                return replace(line, entry_at=row.at, entry_rule=self._purpose(row), why=self._why(order))
        return line

    def _why(self, order: Row[Any] | None) -> str:
        """Return the reason that a task stored for a buy; empty for a buy of another purpose, or by hand."""
        task = DECIDES.get(order.purpose, "") if order is not None else ""
        return self.reasons.get((order.instrument_id, order.decided, task), "") if order is not None else ""

    def _purpose(self, row: Row[Any]) -> str:
        order = self.orders.get(row.order_id)
        return str(order.purpose) if order is not None else "external"

    def _targets(self, position_id: int, first: date, last: date | None) -> tuple[Target, ...]:
        found = self.targets.get(position_id, ())
        return tuple(item for item in found if item.session >= first and (last is None or item.session <= last))


def _by_position(rows: Any) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if row.position_id is not None:
            found[row.position_id].append(row)
    return found


def _fill(row: Row[Any]) -> Fill:
    return Fill(str(row.id), row.symbol, Side(row.side), row.booked, row.price, row.session_date, row.at, row.order_id or -row.id)


def _adjustment(row: Row[Any]) -> Adjustment:
    return Adjustment(ActionKind(row.kind), row.ex_date, row.at, Fraction(row.ratio), Fraction(row.cost_kept), row.cash)


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
