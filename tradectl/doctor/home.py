"""Check the home: the ledger, its key, the disk, the calendar, what starts the tasks, and notifications."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from tradectl.bootstrap.tariffs import charged
from tradectl.brokers.paper.identity import check_file
from tradectl.doctor.files import writable
from tradectl.doctor.finding import Check, NeedsAttention
from tradectl.errors import Ambiguous, Blocked, ConfigurationError, DatabaseError, UncoveredDate
from tradectl.file_permissions import open_to_others
from tradectl.host.crontab_install import planned
from tradectl.host.crontab_program import available, read_crontab
from tradectl.ledger.audit import verify
from tradectl.ledger.exchange_mark import ExchangeMark
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.trading_state import TradingState, stricter
from tradectl.redaction import HIDDEN
from tradectl.runtime import problems_ahead
from tradectl.runtime.clock_watch import last_jump
from tradectl.runtime.provisional import is_urgent, missing_year
from tradectl.strategy.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradectl.settings import Settings
    from tradectl.world import World

AHEAD = timedelta(days=30)
"""How far ahead a Muhurat session without hours is reported."""
LOW, ROOM = 100 << 20, 1 << 30
"""Bytes of disk: fewer than `LOW` may end a write in the middle of a day, `ROOM` is enough for a year."""
_PRIVATE = stat.S_IRWXG | stat.S_IRWXO


def checks(settings: Settings, world: World) -> Iterable[tuple[str, Check]]:
    """Return the checks of the home, each with its name."""
    return (
        ("files", lambda: writable(settings)),
        ("ledger", lambda: _ledger(world)),
        ("journal", lambda: _journal(world)),
        ("exchange", lambda: _exchange(settings, world)),
        ("key", lambda: _key(settings, world)),
        ("rights", lambda: _rights(settings)),
        ("disk", lambda: _disk(settings)),
        ("calendar", lambda: _calendar(world)),
        ("trading", lambda: _trading(world)),
        ("orders", lambda: _orders(world)),
        ("timetable", lambda: _timetable(world)),
        ("approval", lambda: _approval(world)),
        ("service", lambda: _service(world)),
        ("cron", lambda: _cron(settings, world)),
        ("jumps", lambda: _jumps(world)),
        ("messages", lambda: _messages(settings, world)),
        ("fills", lambda: _fills(settings, world)),
        ("charges", lambda: _charges(settings, world)),
    )


def _charges(settings: Settings, world: World) -> str:
    """Return the table of charges that counts. Raises NeedsAttention if it may not be the broker's."""
    found = charged(settings, world.ledger, world.ledger.settings.list(), Parameters().charges)
    if found.doubt:
        raise NeedsAttention(found.doubt)
    return f"charges are computed with the table {found.tariff.title}"


def _ledger(world: World) -> str:
    """Raise DatabaseError if SQLite finds damage in its file."""
    database = world.ledger.database
    if database.sqlite:
        with database.read() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise DatabaseError(f"{database.name} is damaged: {found}; restore a copy that `tradectl backup` made")
    return f"{database.name} is sound"


def _journal(world: World) -> str:
    """Raise NeedsAttention if the journal was changed, or if the ledger's rows are not what it says."""
    found = verify(world.ledger.database)
    if found.findings:
        more = f" and {len(found.findings) - 1} more" if len(found.findings) > 1 else ""
        raise NeedsAttention(f"the journal is not whole: {found.findings[0].text}{more}; `tradectl audit verify` lists all")
    return f"the journal is whole: {found.entries:,} entries"


def _exchange(settings: Settings, world: World) -> str:
    """Raise DatabaseError if the paper exchange's file is not the one on which the ledger has traded, or is an older copy."""
    if world.mode != "paper":
        return "there is no paper exchange: orders go to the broker"
    if check_file(settings.paper, world.user, ExchangeMark(world.ledger.database, world.user)):
        return f"{settings.paper} is the ledger's exchange"
    return "the first task opens the paper account"


def _key(settings: Settings, world: World) -> str:
    """Raise ConfigurationError if secrets are stored and their key is missing, or open to others."""
    if HIDDEN not in _stored(settings, world).values():
        return "no secret is stored"
    file = settings.secret_key
    if not file.exists():
        raise ConfigurationError(f"{file} is missing: without it no stored secret can be read")
    if file.stat().st_mode & _PRIVATE:
        raise ConfigurationError(f"{file} can be read by others: `chmod 600 {file}`")
    return f"only its owner can read {file}"


def _rights(settings: Settings) -> str:
    """Raise ConfigurationError if others have rights on the home or on anything in it."""
    found = list(open_to_others(settings.home))
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ConfigurationError(f"{found[0]}{more} can be read or written by others: `chmod -R go= {settings.home}`")
    return f"only its owner can use {settings.home}"


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.home).free
    text = f"{free >> 20} MB free at {settings.home}"
    if free < LOW:
        raise DatabaseError(f"{text}: a write may fail in the middle of a day")
    if free < ROOM:
        raise NeedsAttention(text)
    return text


def _calendar(world: World) -> str:
    """Raise UncoveredDate for a day outside the session table, and from 20 December on if the next year's list is missing.

    Raises NeedsAttention for a missing list before that date, and for a Muhurat session without hours."""
    today = ist_date(world.clock.now())
    world.sessions.session(today)
    if text := missing_year(world.sessions, today):
        raise UncoveredDate(text) if is_urgent(world.sessions, today) else NeedsAttention(text)
    through = min(today + AHEAD, world.sessions.last)
    for session in world.sessions.between(today, through):
        if not session.hours_known:
            raise NeedsAttention(
                f"the hours of {session.name or 'Muhurat trading'} on {session.date} are not known, and nothing trades in it: "
                f"`tradectl data sessions add {session.date} --kind muhurat --open HH:MM --close HH:MM`"
            )
    return f"the session table has every day to {through}"


def _trading(world: World) -> str:
    """Raise Blocked if the account is halted, NeedsAttention if it is REDUCING."""
    user = world.ledger.users.get(world.user)
    in_ledger = TradingState(user.trading_state, user.state_reason)
    found = stricter(in_ledger, world.marker.read()) if world.marker.exists() else in_ledger
    text = f"{found.state}: {found.reason}; `tradectl resume` allows all orders again"
    if found.state == "HALTED":
        raise Blocked(text)
    if found.state != "ACTIVE":
        raise NeedsAttention(text)
    return "the account may buy and sell"


def _orders(world: World) -> str:
    """Raise Ambiguous while the outcome of an order is unknown."""
    book = world.ledger.book
    unknown = [item.symbol for item in book.unresolved(book.snapshot().orders, world.clock.machine_now())]
    if unknown:
        raise Ambiguous(f"the outcome of orders for {', '.join(unknown)} is not known: `tradectl reconcile`")
    return "the outcome of every order is known"


def _timetable(world: World) -> str:
    """Raise Blocked if positions are open and sell-monitor does not watch them, NeedsAttention for any other disabled task."""
    if text := problems_ahead.unwatched_positions(world):
        raise Blocked(text)
    off = [row.task for row in world.ledger.schedules.list() if not row.enabled]
    if off:
        raise NeedsAttention(f"{', '.join(off)} disabled: `tradectl schedule enable TASK` enables a task")
    return "every task is enabled"


def _approval(world: World) -> str:
    """Raise ConfigurationError if no phone can approve buys, NeedsAttention while a list waits."""
    if text := problems_ahead.approval_without_phone(world):
        raise ConfigurationError(text)
    if (asked := problems_ahead.waiting_approval(world)) is not None:
        raise NeedsAttention(problems_ahead.describe_approval(world, asked))
    return "no list of buys waits for an approval"


def _service(world: World) -> str:
    """Return what starts the tasks. Raises NeedsAttention if nothing does; on a virtual clock that is expected."""
    if world.clock.virtual:
        return "on a virtual clock you start each task yourself"
    services = world.ledger.service.list()
    running = [row.service for row in services if row.running(world.clock.machine_now())]
    if not running:
        last = max((row.beat_at for row in services), default=None)
        seen = f"; the last heartbeat was at {to_ist(last):%Y-%m-%d %H:%M} IST" if last else ""
        raise NeedsAttention(f"nothing starts the tasks: `tradectl crontab install`, or run `tradectl daemon`{seen}")
    return f"{' and '.join(running)} running"


def _cron(settings: Settings, world: World) -> str:
    """Raise ConfigurationError if the block in the crontab of this process's user differs from the timetable."""
    if world.clock.virtual or not available():
        return "cron starts nothing here"
    rows = {row.task: row for row in world.ledger.schedules.list()}
    today = ist_date(world.clock.now())
    found = planned(settings, world.user, tuple(rows.values()), today).check(read_crontab())
    if found.drifted:
        raise ConfigurationError(
            f"the block in the crontab differs from the timetable, so tasks start at wrong times or not: {found.cause}. "
            "`tradectl crontab check` shows the lines, `tradectl crontab install` writes them"
        )
    if found.outside and found.installed:
        raise NeedsAttention(f"{len(found.outside)} lines outside of the block start the same tasks: remove them by `crontab -e`")
    return "the block in the crontab is current" if found.installed else "no block of this home is in the crontab"


def _messages(settings: Settings, world: World) -> str:
    waiting = world.ledger.outbox.pending()
    failed = [item for item in waiting if item.tries]
    if failed:
        raise NeedsAttention(f"{len(failed)} messages could not be sent yet: {failed[-1].error}")
    if "notify.urls" not in _stored(settings, world):
        raise NeedsAttention(
            "no notification service: problems appear only on screen and in the log; see `tradectl help notifications`"
        )
    text = "messages go to the services that you named"
    return f"{text}; {len(waiting)} wait for the next delivery" if waiting else text


def _jumps(world: World) -> str:
    if jump := last_jump(world):
        raise NeedsAttention(jump)
    return "the clock did not jump in the last week"


def _fills(settings: Settings, world: World) -> str:
    """Raise ConfigurationError for a paper home that trades today without prices of today."""
    if world.mode != "paper":
        return "the broker fills the orders"
    if settings.quotes:
        return f"orders fill at the prices of {settings.quotes}"
    if not world.clock.virtual:
        raise ConfigurationError(
            "no source of quotes is set: on the machine's clock there are no prices of today, so no order fills and no position "
            f'is sold. Write `quotes = "yahoo"`, or a broker\'s name, into {settings.home}/tradectl.toml'
        )
    return "on a virtual clock orders fill at the stored bars"


def _stored(settings: Settings, world: World) -> Mapping[str, str]:
    """Return the user's own settings, secrets without their value."""
    return world.ledger.settings.credentials(settings.secret_key).list()
