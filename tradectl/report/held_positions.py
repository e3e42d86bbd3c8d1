"""Report open positions at their last known price, today's decisions and the next slots, for `status`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from tradectl.ledger import schema
from tradectl.model.moment import ist_date
from tradectl.model.money import Paise, to_rupees
from tradectl.model.order import ALIVE, OrderStatus, Side
from tradectl.model.rule_names import REVERSION
from tradectl.report.last_prices import LastPrice, last_price
from tradectl.report.positions import listing
from tradectl.report.values import value
from tradectl.runtime.agenda import windows
from tradectl.runtime.registry import all_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from tradectl.execution.unprotected_positions import Unprotected
    from tradectl.ledger.rows import Order
    from tradectl.world import World

DECISIONS = schema.decisions
COUNTED = ("AVOID", "WATCH", "EXCLUDED", "HOLD")
"""Verdicts that `status` counts and does not list."""
SHOWN = 3
"""How many of the next slots are reported."""


def held_positions(world: World, exposed: Iterable[Unprotected], today: date) -> list[dict[str, Any]]:
    """Return each open position with the newest price that the home has, its P&L, its target and its protection.

    The keys are:
        last, last_at: The newest price in rupees that a monitor saw or that is stored as a close, and its time; None without one.
        target: The limit of the live sell order; None without one.
        distance: From the last price to the target, as a fraction.
        pnl: The result of a sale of all shares at the last price, after all charges; None without a price.
        stop: The stop of a position of an own strategy in this session; None without one. `stop_note`: what it means now.
        protected: Whether a live sell order covers all shares, and its stop, if any, is watched; `why_not` is the reason if not.
    """
    found = listing(world.ledger.database, world.user)
    if not found:
        return []
    findings = {item.position_id: item for item in exposed}
    orders = world.ledger.book.snapshot().orders
    stops = _stops(world, found, today)
    return [
        _position(world, item, [order for order in orders if _covers(order, item, today)], findings)
        | stops.get(item["id"], {"stop": None, "stop_note": ""})
        for item in found
    ]


def _stops(world: World, found: Iterable[Mapping[str, Any]], today: date) -> dict[int, dict[str, Any]]:
    """Return the stops that the sell monitor has recorded in a session, by position id."""
    strategies = {item["strategy"] for item in found if item["strategy"] != REVERSION}
    if not strategies:
        return {}
    from tradectl.execution.own_sells import STOP_RULE, rule_name

    rules = {rule_name(name, STOP_RULE) for name in strategies}
    rows = [row for rule in rules for row in world.ledger.decisions.of_session("sell-monitor", today, rule)]
    return {row.inputs["position"]: {"stop": row.inputs["stop"], "stop_note": row.reason} for row in rows}


def _covers(order: Order, item: Mapping[str, Any], today: date) -> bool:
    known = order.status is not OrderStatus.UNKNOWN and order.broker_order_id is not None
    of_position = order.side is Side.SELL and order.instrument_id == item["instrument_id"]
    return of_position and known and order.status in ALIVE and order.session == today


def _position(world: World, item: dict[str, Any], sells: Sequence[Order], findings: Mapping[int, Unprotected]) -> dict[str, Any]:
    target = min((order.price for order in sells), default=None)
    newest = last_price(world, item)
    last = newest.price if newest is not None else None
    covered = sum(order.quantity - order.filled_quantity for order in sells)
    finding = findings.get(item["id"])
    protected = finding is None and covered >= item["quantity"]
    waits = "" if protected else "no sell order is live now: sell-monitor places it in market hours"
    return {
        "symbol": item["symbol"],
        "strategy": item["strategy"],
        "quantity": item["quantity"],
        "average": item["average"],
        "last": None if last is None else to_rupees(last),
        "last_at": value(newest.at) if newest is not None else None,
        "target": None if target is None else to_rupees(target),
        "distance": None if target is None or not last else target / last - 1,
        "pnl": None if newest is None else to_rupees(_if_sold(world, item["id"], newest)),
        "protected": protected,
        "why_not": finding.detail if finding is not None else waits,
    }


def _if_sold(world: World, position_id: int, newest: LastPrice) -> Paise:
    """Return the P&L of a sale of the whole position at a price, after all charges."""
    from tradectl.execution.sale_result import result_of_sale

    held = world.ledger.book.folded(position_id)
    return result_of_sale(held, newest.price, ist_date(newest.at), newest.at, world.parameters.tariff)


def todays_decisions(connection: Connection, user: str, today: date, limit: int = 20) -> dict[str, Any]:
    """Return the newest decisions of a session that changed or proposed something, and counts of the others by verdict."""
    own = (DECISIONS.c.user == user, DECISIONS.c.session_date == today, DECISIONS.c.rule.not_in(("odd_row", "unprotected")))
    counted = (
        select(DECISIONS.c.verdict, func.count()).where(*own, DECISIONS.c.verdict.in_(COUNTED)).group_by(DECISIONS.c.verdict)
    )
    columns = [DECISIONS.c[name] for name in ("at", "task", "slot", "symbol", "verdict", "reason")]
    listed = select(*columns).where(*own, DECISIONS.c.verdict.not_in(COUNTED)).order_by(DECISIONS.c.id.desc()).limit(limit)
    found = [
        {name: value(item) for name, item in row.items()} for row in connection.execute(listed).mappings()
    ]  # fmt: skip
    return {"listed": found, "counted": {row[0]: row[1] for row in connection.execute(counted)}}


def next_slots(world: World, agenda: Iterable[Mapping[str, Any]], next_run: str | None, now: datetime) -> list[dict[str, Any]]:
    """Return the next slots to open, of today and then of the next run session."""
    found = [
        {"task": item["task"], "slot": item["slot"], "at": item["opens"]}
        for item in agenda
        if item["state"] == "later" and datetime.fromisoformat(item["opens"]) > now
    ]
    if len(found) < SHOWN and next_run is not None:
        session = world.sessions.session(date.fromisoformat(next_run))
        rows = {row.task: row for row in world.ledger.schedules.list()}
        following = windows(all_tasks(), rows, session) if session is not None else ()
        found += [{"task": item.task, "slot": item.slot, "at": value(item.opens)} for item in following]
    return found[:SHOWN]


def last_backup(world: World) -> dict[str, Any] | None:
    """Return the moment of the last `tradectl backup` of this ledger and its age in days; None if there was none."""
    text = world.ledger.info.get(LAST_BACKUP)
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return {"at": value(at), "days": max(timedelta(0), world.clock.now() - at).days}


LAST_BACKUP = "last_backup_at"
"""The fact of the ledger that `tradectl backup` sets."""
