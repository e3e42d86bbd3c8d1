"""Stop and resume the sends of every process (`halt`, `resume`).

`halt` first sets the marker, a file that is read last before every send (`halt_marker`, `permission`). Then it writes the
ledger, for which it waits less than a second. The marker alone stops every send, so `halt` also works without the ledger.
`resume` first renames the marker to `.resuming`, which counts as HALTED. Then it writes the ledger, and last it renames the
marker to `.active`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation, one_line
from tradectl.cli.options import OPERATE
from tradectl.clock import SystemClock
from tradectl.errors import Blocked, ConfigurationError, DatabaseError, TradectlError, UsageError
from tradectl.halt_marker import MarkerFile, MarkerUnreadable, marked_users, plain_reason
from tradectl.model.trading_state import ACTIVE, MEANING, TradingState, stricter
from tradectl.settings import SQLITE

if TYPE_CHECKING:
    from tradectl.ledger.engine import Database
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.users import User
    from tradectl.settings import Settings

app = typer.Typer()
USERS_WAIT = 0.3
"""Seconds that `halt` waits for the user names in the ledger, which it reads unless the named user has a marker."""
LEDGER_WAIT = 0.15
"""Seconds that `halt` waits in the write queue, and then again for the ledger's lock."""
SERVER_WAIT = 0.5
"""Seconds that `halt` waits for a database server in total."""
Reason = Annotated[str, typer.Option("--reason", help="The reason, for status, logs and refusals.", metavar="TEXT")]


@command(app, panel=OPERATE)
def halt(
    invocation: Invocation,
    reducing: Annotated[bool, typer.Option("--reducing", help="Stop buys only; sells are still sent.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Then cancel every order, like `orders cancel --all`.")] = False,
    reason: Reason = "by hand",
) -> Answer:
    """Stop all orders except cancels until `resume`: at once, for every process, also after a restart."""
    settings, wanted, why = (
        invocation.required_settings(),
        "REDUCING" if reducing else "HALTED",
        plain_reason(reason) or "by hand",
    )
    invocation.user = user = _user(invocation, settings)
    marker, now = MarkerFile(settings.home, user), settings.at or SystemClock().now()
    marked = _marker_state(marker)
    if reducing and marked.state == "HALTED":
        raise UsageError(f"{user} is HALTED, {marked.reason}: `resume` first, then `halt --reducing`")
    unmarked = ""
    if marked.state != wanted or marked.resuming:
        try:
            marker.set(wanted, why, now)
        except OSError as error:
            unmarked = f"the halt marker cannot be set in {settings.home}: {error.strerror or error}"
    else:
        why = marked.reason or why
    written = _write_to_ledger(settings, user, wanted, why, now)
    if written.error and unmarked:
        raise DatabaseError(f"NOTHING is halted: {unmarked}; {written.error}. Stop the tradectl processes yourself")
    if written.refused:
        raise UsageError(f"{user} is HALTED, {written.refused}: `resume` first, then `halt --reducing`")
    invocation.mode = written.mode
    found = _result(marker, wanted, why, marked, written, unmarked)
    found["settings_error"] = one_line(settings.unread) if settings.unread else ""
    if settings.unread:
        invocation.warn(f"{found['settings_error']}; the account is {wanted} nevertheless")
    if not cancel:
        return Answer(found, lambda: _text(found))
    return _cancelled(invocation, found)


@command(app, panel=OPERATE)
def resume(invocation: Invocation, reason: Reason = "by hand") -> Answer:
    """Allow all orders again; end a state that `halt` or a daily limit has set."""
    from tradectl.runtime.halting import announce_state, note_resumed

    missing = invocation.required_settings().missing_home
    if missing:
        raise ConfigurationError(f"{missing}: nothing is resumed. Use --home PATH")
    world, why = invocation.world(make=False), plain_reason(reason) or "by hand"
    marker, ledger = MarkerFile(invocation.required_settings().home, world.user), world.ledger
    before = ledger.users.get(world.user)
    marked = _marker_state(marker)
    try:
        replaced = marker.begin_resume()
        try:
            with ledger.database.write():
                ledger.users.set_trading_state(world.user, "ACTIVE", "", only_from=("REDUCING", "HALTED"))
                was = stricter(_state_of(before), marked).state
                if was != "ACTIVE":
                    text = f"{MEANING['ACTIVE']}: {why} (was {was})"
                    ledger.logs.append(world.clock.now(), "warning", "resumed", text)
                    announce_state(ledger, world.clock.now(), "ACTIVE", text)
                    note_resumed(ledger, world.clock.now())
        except DatabaseError:
            if replaced:
                marker.abandon_resume(replaced)
            raise
        if replaced and not marker.finish_resume():
            raise Blocked(f"{world.user} was halted again meanwhile: nothing is sent; `tradectl status` shows the reason")
    except OSError as error:
        what = f"the halt marker of {world.user} in {marker.home} cannot be changed ({error.strerror or error})"
        raise Blocked(f"{what}: nothing is resumed. Repeat `tradectl resume` when the cause is removed") from error
    written = _Written(before=before, after=ledger.users.get(world.user))
    written.count(ledger)
    found = _result(marker, "ACTIVE", "", marked, written, "")
    return Answer(found, lambda: _text(found))


@dataclass(slots=True)
class _Written:
    """The ledger's state before and after the write, and why it could not be written (`error`).

    `refused` is the reason of a HALTED account that `halt --reducing` must not weaken."""

    before: User | None = None
    after: User | None = None
    live: int | None = None
    waiting: int | None = None
    being_sent: int | None = None
    mode: str | None = None
    error: str = ""
    refused: str = ""

    def count(self, ledger: Ledger) -> None:
        """Count the orders that may be at the exchange, those that wait to be sent, and those that are being sent now."""
        orders = ledger.book.snapshot().orders
        live = [order for order in orders if order.alive and not order.waiting]
        self.live, self.waiting = len(live), len(orders) - len(live)
        self.being_sent = sum(order.sender is not None for order in live)


def _user(invocation: Invocation, settings: Settings) -> str:
    """Return the named user, or the only user of the home's markers and ledger.

    Nothing is created: to halt a home in a wrong path would stop no order. Raises ConfigurationError, UsageError,
    DatabaseError."""
    named, marked, home = settings.user, marked_users(settings.home), settings.home
    unread = f"; {one_line(settings.unread)}" if settings.unread else ""
    if named is not None and named in marked:
        return named
    if settings.missing_home and not marked:
        raise ConfigurationError(f"{settings.missing_home}: NOTHING is halted. Use --home PATH{unread}")
    known, error = _users_in_ledger(settings)
    users = sorted({*known, *marked})
    if named is None and len(users) == 1:
        if error:
            invocation.warn(
                f"only {users[0]} has a marker in {home}; other users cannot be read: {error}; --user NAME halts another"
            )
        return users[0]
    if named is None and users:
        raise UsageError(f"{home} has the users {', '.join(users)}: NOTHING is halted; choose one with --user NAME{unread}")
    if named is None:
        raise DatabaseError(f"NOTHING is halted: {error or f'{home} has no user'}; use --user NAME, which needs no ledger")
    if error:
        invocation.warn(f"it is not certain that {home} has a user {named!r}: {error}")
    elif named not in known:
        known_users = ", ".join(users) or "none"
        raise UsageError(f"there is no user {named!r} in {home} (there are: {known_users}): NOTHING is halted")
    return named


def _users_in_ledger(settings: Settings) -> tuple[list[str], str]:
    """Return the names of the ledger's users and an empty text, or no name and the error if they cannot be read soon."""
    from tradectl.ledger.users import Users

    found: list[str] = []
    error = _in_ledger(settings, USERS_WAIT, lambda database: found.extend(Users(database).names()), read_only=True)
    return ([] if error else found), error


def _marker_state(marker: MarkerFile) -> TradingState:
    """Return the marker's state; ACTIVE if there is no marker. A marker that cannot be read counts as HALTED."""
    try:
        return marker.read()
    except MarkerUnreadable as unreadable:
        return TradingState("HALTED", str(unreadable), resuming=True) if marker.exists() else ACTIVE


def _state_of(user: User | None) -> TradingState:
    """Return the trading state of a user in the ledger; ACTIVE for None."""
    if user is None:
        return ACTIVE
    return TradingState(user.trading_state, user.state_reason, by_limit=user.state_until is not None)


def _write_to_ledger(settings: Settings, user: str, wanted: str, reason: str, now: datetime) -> _Written:
    """Write the state into the ledger within a short time.

    For a file only the wait for locks is limited, for a database server the whole write."""
    from tradectl.ledger.store import Ledger

    written = _Written()
    seconds = None if settings.database.startswith(SQLITE) else SERVER_WAIT
    error = _in_ledger(settings, seconds, lambda database: _write(Ledger(database, user), wanted, reason, now, written))
    if error and seconds is not None:
        return _Written(error=error)  # the thread may still change `written`
    written.error = error
    return written


def _in_ledger(settings: Settings, seconds: float | None, work: Callable[[Database], None], *, read_only: bool = False) -> str:
    """Call `work` with the ledger for at most `seconds` (None: no limit); return a failure as one line, else an empty text.

    No failure is raised, because a halt does not need the ledger."""
    from tradectl.ledger.opening import open_database

    if not settings.database:
        return f"the ledger is not known: {one_line(settings.unread)}" if settings.unread else "the ledger is not known"
    if not settings.has_ledger:
        return f"there is no ledger in {settings.database.removeprefix(SQLITE)}"
    errors: list[str] = []

    def body() -> None:
        try:
            database = open_database(settings.database, read_only=read_only, busy_seconds=LEDGER_WAIT)
            try:
                work(database)
            finally:
                database.close()
        except TradectlError as error:
            errors.append(one_line(error))
        except Exception as error:  # noqa: BLE001 - nothing that a damaged ledger raises may hide or hinder a halt
            errors.append(f"the ledger is damaged, or this is a bug: {type(error).__name__}: {one_line(error)}")

    if seconds is None:
        body()
    elif not _within(seconds, body):
        what = "the ledger" if settings.database.startswith(SQLITE) else "the database server"
        return f"{what} does not reply within {seconds:g} s"
    return errors[0] if errors else ""


def _within(seconds: float, work: Callable[[], None]) -> bool:
    """Call `work` in a thread and return whether it ended in time. Unfinished work ends with this process."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def _write(ledger: Ledger, wanted: str, reason: str, now: datetime, written: _Written) -> None:
    """Write the state if it differs. Raises DatabaseError at once if a stopped process holds the lock."""
    from tradectl.ledger.lock_holder import lock_holder
    from tradectl.runtime.halting import announce_state

    written.before = written.after = ledger.users.get(ledger.user)
    written.mode = ledger.info.get("mode")
    written.count(ledger)
    only_from = ("ACTIVE", "REDUCING", "HALTED") if wanted == "HALTED" else ("ACTIVE", "REDUCING")
    holder = lock_holder(ledger.database.name) if ledger.database.sqlite else None
    if holder is not None and holder.stopped:
        raise DatabaseError(holder.describe(ledger.database.name))
    if ledger.database.journal is not None:
        ledger.database.journal.now = lambda: now
    with ledger.database.write():
        before = ledger.users.get(ledger.user)
        if before.trading_state == wanted and before.state_until is None:
            return
        after = ledger.users.set_trading_state(ledger.user, wanted, reason, only_from=only_from)
        if after.trading_state != wanted:
            written.refused = after.state_reason
            return
        text = f"{MEANING[wanted]}: {reason} (was {before.trading_state})"
        ledger.logs.append(now, "warning", "reducing" if wanted == "REDUCING" else "halted", text)
        announce_state(ledger, now, wanted, text)
    written.after = after


def _result(
    marker: MarkerFile, wanted: str, reason: str, marked: TradingState, written: _Written, unmarked: str
) -> dict[str, Any]:
    """Return the JSON result of `halt` or `resume`. `marked`: the marker's state before; `unmarked`: why it was not set."""
    before, after = stricter(_state_of(written.before), marked), _state_of(written.after)
    return {
        "user": marker.user,
        "home": str(marker.home),
        "trading_state": wanted,
        "state_reason": (after.reason if after.state == wanted else reason) if wanted != "ACTIVE" else "",
        "before": before.state,
        "changed": written.before != written.after or marked.state != wanted,
        "live_orders": written.live,
        "waiting_orders": written.waiting,
        "being_sent": written.being_sent,
        "marker": wanted if not unmarked else marked.state,
        "marker_error": unmarked,
        "ledger": written.after.trading_state if written.after is not None else None,
        "ledger_error": written.error,
    }


def _text(found: dict[str, Any]) -> str:
    found = output.flat(found)
    state, live, waiting = found["trading_state"], found["live_orders"], found["waiting_orders"]
    why = f", {found['state_reason']}" if found["state_reason"] else ""
    lines = [f"{state}{why}: {MEANING[state]}" if found["changed"] else f"{state} already{why}: nothing is changed"]
    lines.append(f"account {found['user']} in {found['home']}")
    if found["ledger_error"]:
        failed = f"the ledger could not be written (the next task does it): {found['ledger_error']}"
        lines.append(f"the marker is set, and every send reads it; {failed}")
    if found["marker_error"]:
        lines.append(f"only the ledger is changed: {found['marker_error']}")
    if state != "ACTIVE" and found["being_sent"]:
        count = found["being_sent"]
        what = "order was being sent and may still arrive" if count == 1 else "orders were being sent and may still arrive"
        lines.append(f"{count} {what}: `tradectl reconcile` shows what became of {'it' if count == 1 else 'them'}")
    if state != "ACTIVE" and live:
        lines.append(f"{live} {_orders(live)} at the exchange, and may trade: `tradectl orders cancel --all` cancels them")
    if state == "HALTED" and waiting:
        lines.append(f"unsent orders: {waiting}; they are not sent while the account is HALTED, and end with their session")
    return "\n".join(lines)


def _cancelled(invocation: Invocation, found: dict[str, Any]) -> Answer:
    """Cancel every order after the halt. After an error the account stays halted, and the answer has both."""
    from tradectl.cli import orders

    try:
        if invocation.required_settings().unread:
            raise ConfigurationError(found["settings_error"])
        invocation.world(make=False)
        cancelled = orders.cancel_all(invocation)
        counted = _Written()
        counted.count(invocation.world().ledger)
    except TradectlError as error:
        failed = f"the account is {found['trading_state']}, but no order was cancelled: {one_line(error)}"
        return Answer(found | {"cancelled": None}, lambda: _text(found), "failed", error.exit_code, error=failed)
    found |= {"cancelled": cancelled["orders"], "live_orders": counted.live, "waiting_orders": counted.waiting}
    return Answer(found, lambda: f"{_text(found)}\n\n{orders.cancelled_text(cancelled)}", exit_code=orders.gravest(cancelled))


def _orders(count: int) -> str:
    return "order rests" if count == 1 else "orders rest"
