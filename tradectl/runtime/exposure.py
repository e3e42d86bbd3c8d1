"""Find positions without a live sell. This reads the ledger and the clock and does not call the broker.

The sell monitor stores the cause that it found. A finding of another process may be old: `as_of` is when it was last confirmed.
A monitor that does not run is a cause of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import bindparam, select

from tradectl.errors import UncoveredDate
from tradectl.ledger.arming import BROKER, LOGGED_IN_UNTIL
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.executions import SKEW
from tradectl.ledger.schedules import declared
from tradectl.ledger.schema import positions
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.rule_names import REVERSION
from tradectl.runtime.agenda import Window, current, task_windows
from tradectl.runtime.registry import task_named

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.execution.unprotected_positions import Cause, Unprotected
    from tradectl.ledger.executions import Execution
    from tradectl.ledger.rows import Position
    from tradectl.ledger.snapshot import Snapshot
    from tradectl.world import World

MONITOR = "sell-monitor"
_OPEN = CompiledStatement(
    select(positions.c.id).where(positions.c.user == bindparam("of_user"), positions.c.status == "open").limit(1)
)


class Monitor(Struct, frozen=True):
    """The state of the sell monitor.

    Attributes:
        looked_at: The moment of its last step; None where none is known.
        idle: Cause and text if it does not run as scheduled, else None.
        error: The error of its last step, if that failed.
    """

    looked_at: datetime | None
    idle: tuple[Cause, str] | None
    error: str = ""


def unprotected_now(
    world: World, *, looked_at: datetime | None = None, within: timedelta = timedelta(0)
) -> tuple[Unprotected, ...]:
    """Return the open positions that no live sell covers in market hours, each with its cause, by the ledger alone.

    A position of an own strategy with a live sell is one of them while its stop is not watched.

    Nothing is written.

    Args:
        looked_at: When the sell monitor did its last step, where the caller has a newer moment than the ledger.
        within: Include positions that will be reported within this time if nothing changes.
    """
    now = world.clock.now()
    session = _session(world, ist_date(now))
    if session is None or not session.runs or now < session.open_at() or not _holds_any(world):
        return ()
    from tradectl.execution import sell_coverage, unprotected_findings, unprotected_positions

    snapshot = world.ledger.book.snapshot()
    known = unprotected_findings.load(world.ledger, session.date)
    exposed = list(_exposed(world, snapshot, session, now, known))
    covered = _covered_own(world, snapshot, session, now, exposed)
    if not exposed and not covered:
        return ()
    monitor = Monitor(looked_at, None) if looked_at is not None else _monitor(world, session, now)
    of_account = _of_account(world, snapshot, now)
    found = []
    for position, shares, damaged in exposed:
        kept = known.get(position.instrument_id)
        if kept is not None and (kept.position_id != position.id or kept.as_of > now + SKEW):
            kept = None
        since = sell_coverage.exposed_since(world.ledger.book, position, session.date, session.open_at(), now)
        if kept is not None:
            since = kept.since if kept.cause is unprotected_positions.Cause.UNKNOWN_WORD else min(since, kept.since)
        cause, detail, as_of = _cause(snapshot, position, now, monitor=monitor, kept=kept, of_account=of_account, damaged=damaged)
        of = (position.id, position.instrument_id, position.symbol, shares, position.quantity)
        found.append(unprotected_positions.Unprotected(*of, cause, detail, since, as_of))
    found += _unwatched(world, session, now, covered, monitor=monitor, known=known)
    return tuple(item for item in found if item.is_due(now + within))


def announce_unprotected(world: World) -> tuple[Unprotected, ...]:
    """Announce, once each and again each hour, the positions that are unprotected now; return those that need a person.

    The sell monitor announces its own findings. This function also announces that the monitor does not run.
    """
    found = unprotected_now(world)
    if found:
        from tradectl.execution import unprotected_findings

        now = world.clock.now()
        for item in found:
            unprotected_findings.announce(world.ledger, ist_date(now), now, item)
        unprotected_findings.remind(world.ledger, ist_date(now), now, found)
    return tuple(item for item in found if item.grave)


def _session(world: World, day: date) -> Session | None:
    """Return the session of a day. Beyond the list of holidays every weekday counts as a session: the market may be open."""
    found = None
    with suppress(UncoveredDate):
        found = world.sessions.session(day)
    return found or world.sessions.candidate(day)


def _holds_any(world: World) -> bool:
    with world.ledger.database.read() as connection:
        return _OPEN.first(connection, {"of_user": world.user}) is not None


def _exposed(
    world: World, snapshot: Snapshot, session: Session, now: datetime, known: Mapping[str, Unprotected]
) -> Iterator[tuple[Position, int, str]]:
    """Yield the positions without a live sell in the market hours of their stock: position, shares, error of its market data.

    A sell with an unknown status word of the broker looks live in the ledger, and a sell that a person cancelled during the
    closing auction looks like one that the exchange excluded. For these the stored finding (`known`) counts.
    """
    from tradectl.execution import sell_coverage, unprotected_positions

    for position in snapshot.positions:
        kept = known.get(position.instrument_id)
        if kept is not None and kept.cause is unprotected_positions.Cause.UNKNOWN_WORD and kept.position_id == position.id:
            kinds, damaged = sell_coverage.closing_auctions(world.market, position, session.date)
            if sell_coverage.in_market_hours(session, now, kinds):
                yield position, min(kept.shares, position.quantity), damaged
        elif sell_coverage.uncovered(position, snapshot.orders, session.date):
            kinds, damaged = sell_coverage.closing_auctions(world.market, position, session.date)
            shares = sell_coverage.exposed_shares(
                world.ledger.book, position, snapshot.orders, session, now, kinds=kinds, excluded=None
            )
            if kept is not None and kept.position_id == position.id and sell_coverage.in_market_hours(session, now, kinds):
                shares = shares or min(kept.shares, position.quantity)  # the monitor has seen the broker's list
            if shares:
                yield position, shares, damaged


def _covered_own(
    world: World, snapshot: Snapshot, session: Session, now: datetime, exposed: Sequence[tuple[Position, int, str]]
) -> list[Position]:
    """Return the positions of own strategies that have a live sell, while their stock trades: a stop of them must be watched."""
    own = [item for item in snapshot.positions if item.strategy != REVERSION]
    if not own or not world.attended:
        return []
    from tradectl.execution import sell_coverage

    named, found = {position.id for position, *_ in exposed}, []
    for position in own:
        kinds, _ = sell_coverage.closing_auctions(world.market, position, session.date)
        if position.id not in named and any(session.takes_changes(now, (kind,)) for kind in kinds):
            found.append(position)
    return found


def _unwatched(
    world: World,
    session: Session,
    now: datetime,
    covered: Iterable[Position],
    *,
    monitor: Monitor,
    known: Mapping[str, Unprotected],
) -> Iterator[Unprotected]:
    """Yield the covered positions with a stop that is not watched: no monitor runs, or its last check had no price."""
    from tradectl.execution import sell_coverage, unwatched_stops
    from tradectl.execution.position_rules import PositionRules
    from tradectl.execution.unprotected_positions import Cause

    rules = PositionRules(world.ledger.book, world.ledger.strategies, world.market, world.parameters.universe)
    for position in covered:
        kept = known.get(position.instrument_id)
        if kept is not None and (kept.position_id != position.id or kept.as_of > now + SKEW):
            kept = None
        stored = kept if kept is not None and kept.cause is Cause.STOP_NOT_WATCHED else None
        if monitor.idle is not None and (stop := unwatched_stops.stop_of(world.ledger, rules, position, session.date)):
            since = sell_coverage.exposed_since(world.ledger.book, position, session.date, session.open_at(), now)
            since = max(since, monitor.looked_at or since)
            since = min(since, stored.since) if stored is not None else since
            yield unwatched_stops.finding(position, stop, monitor.idle[1], since=since, as_of=now)
        elif monitor.idle is None and stored is not None:
            yield replace(stored, as_of=max(stored.as_of, monitor.looked_at or stored.as_of))


def _cause(
    snapshot: Snapshot,
    position: Position,
    now: datetime,
    *,
    monitor: Monitor,
    kept: Unprotected | None,
    of_account: tuple[Cause, str] | None,
    damaged: str = "",
) -> tuple[Cause, str, datetime]:
    """Return the cause, the facts as text, and the moment at which they were last confirmed."""
    from tradectl.execution.sell_coverage import unresolved_sell
    from tradectl.execution.unprotected_positions import Cause, ExposureFacts, cause_of

    if of_account is not None:
        return *of_account, now
    order = unresolved_sell(position, snapshot.orders)
    if order is not None:
        return *cause_of(ExposureFacts(0, position.quantity, unknown=order)), now
    if monitor.idle is not None:
        cause, text = monitor.idle
        before = f"; its last finding was {kept.cause.replace('_', ' ')}: {kept.detail}" if kept is not None else ""
        return cause, text + before, now
    passed = {Cause.HALTED, Cause.NOT_ARMED, Cause.OUTCOME_UNKNOWN, Cause.UNIDENTIFIED, Cause.STOP_NOT_WATCHED}
    if kept is not None and kept.cause not in passed:
        return kept.cause, kept.detail, max(kept.as_of, monitor.looked_at or kept.as_of)
    if damaged:
        return Cause.DATA_MISSING, damaged, now
    if monitor.error:
        return Cause.FAILED, f"the last step of {MONITOR} failed: {monitor.error}", monitor.looked_at or now
    return Cause.UNEXPLAINED, "no step of sell-monitor has reported why", monitor.looked_at or now


def _of_account(world: World, snapshot: Snapshot, now: datetime) -> tuple[Cause, str] | None:
    """Return why the whole account sends nothing; None where it may send."""
    from tradectl.execution.unprotected_positions import Cause, ExposureFacts, cause_of, halted_by, is_armed

    facts = ExposureFacts(0, 0, halted_by(snapshot, world.marker), is_armed(world.ledger))
    if facts.halted is not None or not facts.armed:
        return cause_of(facts)
    broker = world.ledger.settings.plain(BROKER)
    until = world.ledger.settings.plain(f"{broker}.{LOGGED_IN_UNTIL}") if broker is not None else None
    if broker is None or (until is not None and datetime.fromisoformat(until) > now):
        return None
    return Cause.LOGIN_NEEDED, f"there is no session at {broker}"


def _monitor(world: World, session: Session, now: datetime) -> Monitor:
    """Return the state of the sell monitor in market hours."""
    from tradectl.execution.unprotected_positions import Cause

    if session.provisional and session.date not in world.sessions.provisional:
        text = f"no list of {session.date.year}'s holidays is known, and no broker has shown that the market is open"
        return Monitor(None, (Cause.CALENDAR, text))
    task = task_named(MONITOR)
    row = world.ledger.schedules.get(MONITOR) or declared(world.user, task)
    window = current(task_windows(task, row, session), now)
    if not row.enabled:
        cause = Cause.MONITOR_NOT_RUNNING if window is not None and window.is_open(now) else Cause.NOT_SCHEDULED
        return Monitor(None, (cause, f"{MONITOR} is disabled; first run `tradectl schedule enable {MONITOR}`"))
    if window is None:
        text = f"{MONITOR} has no window today; first run `tradectl schedule set {MONITOR} --until last-fill`"
        return Monitor(None, (Cause.NOT_SCHEDULED, text))
    execution = world.ledger.executions.get(MONITOR, session.date, window.slot)
    looked_at = _looked_at(world, execution)
    if looked_at is not None and looked_at > now + SKEW:
        looked_at = None  # a step with a future time: the clock was ahead
    failed = execution is not None and execution.status == "failed"
    error = execution.error.rstrip(".") if execution is not None and failed else ""
    return Monitor(looked_at, _idle(execution, window, looked_at, now), error)


def _looked_at(world: World, execution: Execution | None) -> datetime | None:
    """Return when the monitor did its last step: its last heartbeat, in machine time.

    On a virtual clock that is the last event of the home, since nothing happens between two commands.
    """
    if execution is None or execution.status == "missed":
        return None
    if execution.finished_at is not None:
        return execution.finished_at
    if not world.clock.virtual:
        return execution.beat_at
    last = world.ledger.info.get("last_event_at")
    return max(execution.started_at, datetime.fromisoformat(last)) if last else execution.started_at


def _idle(execution: Execution | None, window: Window, looked_at: datetime | None, now: datetime) -> tuple[Cause, str] | None:
    """Return why the monitor does not run; None where its next step is not late.

    The cause is `NOT_SCHEDULED` or `MISSED_WINDOW` exactly where its command is refused without `--force` (see `admission`)."""
    from tradectl.execution.unprotected_positions import REACTION, Cause

    limit = timedelta(seconds=window.every or 0) + REACTION
    if now < window.opens:
        forced = looked_at is not None and now - looked_at < limit
        return None if forced else (Cause.NOT_SCHEDULED, f"the window of {MONITOR} opens at {_clock(window.opens)}")
    if execution is not None and execution.status == "missed":
        return Cause.MISSED_WINDOW, f"the window of {MONITOR} closed without a run"
    if now >= window.over:
        return Cause.NOT_SCHEDULED, f"the window of {MONITOR} closed at {_clock(window.closes)}"
    if looked_at is None:
        late = now - window.opens >= REACTION
        return (Cause.MONITOR_NOT_RUNNING, f"{MONITOR} has done no step since {_clock(window.opens)}") if late else None
    failed = execution is not None and execution.status == "failed"
    error = f": {execution.error.rstrip('.')}" if failed and execution is not None and execution.error else ""
    if now - looked_at >= limit and execution is not None and execution.status == "completed":
        return Cause.NOT_SCHEDULED, f"{MONITOR} completed at {_clock(looked_at)}, before its window was extended"
    if now - looked_at >= limit:
        what = "failed" if failed else "did its last step"
        return Cause.MONITOR_NOT_RUNNING, f"{MONITOR} {what} at {_clock(looked_at)}{error}"
    return None


def _clock(moment: datetime) -> str:
    return f"{to_ist(moment):%H:%M:%S}"


def with_age(item: Unprotected, now: datetime) -> str:
    """Return the line of a finding, with its age if that is a minute or more."""
    seconds = int((now - item.as_of).total_seconds())
    age = f" Found {seconds // 60} min ago." if seconds >= 60 else ""
    return f"{item.text}{age}"
