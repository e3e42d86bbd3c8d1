"""Check the account at a broker: its stored credentials and session, and the broker's replies to reads. Send no command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from tradectl.brokers.account.live_account import LiveAccount
from tradectl.brokers.http.server_time import skew
from tradectl.doctor.finding import Check, Finding, NeedsAttention, State, run
from tradectl.errors import Blocked, BrokerUnavailable, ConfigurationError, LoginNeeded
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import show_rupees
from tradectl.model.order import OrderStatus
from tradectl.report.status import status

if TYPE_CHECKING:
    from tradectl.brokers.account.read_only_account import ReadOnlyAccount
    from tradectl.marketdata.store import Store
    from tradectl.ports import Broker, PriceSource
    from tradectl.world import World

NOTED, WRONG = timedelta(seconds=2), timedelta(seconds=20)
"""From which difference to the broker's clock on a person should look, and from which on the clock is wrong.

A TOTP is valid for 30 s, and windows begin on the second."""
OLD = timedelta(minutes=1)
"""From this age on, a quote of a liquid stock counts as old while the exchange trades."""


def checks(account: ReadOnlyAccount, world: World) -> Iterable[tuple[str, Check]]:
    """Yield the checks that need no request."""
    yield from (("credentials", lambda: _credentials(account)), ("session", lambda: _session(account, world)))
    if isinstance(account, LiveAccount):
        yield "armed", lambda: _armed(account)


def examine(account: ReadOnlyAccount, world: World, store: Store) -> Iterator[Finding]:
    """Yield the checks of the broker's replies.

    Without a session only the clock is compared; after a failed connection no request follows.
    """
    (clock,) = run([("clock", lambda: _clock(account))])
    yield clock
    (session,) = run([("session", lambda: _session(account, world))])
    if session.state is State.WRONG or clock.exit_code == BrokerUnavailable.exit_code:
        return
    with ExitStack() as open_until:
        if not isinstance(account, LiveAccount):
            prices = cache(lambda: open_until.enter_context(closing(account.quotes())))
            yield from run([("quotes", lambda: _quotes(prices(), world, store))])
            return
        live, broker = account, cache(lambda: open_until.enter_context(closing(account.open(world.marker))))
        yield from run(
            (
                ("book", lambda: _book(broker())),
                ("shares", lambda: f"{len(broker().holdings())} holdings were read"),
                ("funds", lambda: f"Rs {show_rupees(broker().funds().available)} may be spent"),
                ("quotes", lambda: _quotes(broker(), world, store)),
                ("account", lambda: _remarks_text(live)),
            )
        )


def _credentials(account: ReadOnlyAccount) -> str:
    """Raise ConfigurationError if a credential is missing."""
    found = account.adapter()
    missing = account.vault(found).missing()
    if missing:
        raise ConfigurationError(f"{', '.join(missing)} missing: run `tradectl broker set {found.name}`")
    return f"the credentials of {found.name} are stored"


def _session(account: ReadOnlyAccount, world: World) -> str:
    """Return until when the session is valid. Raises LoginNeeded without a valid session."""
    session = account.vault(account.adapter()).session()
    if session is None or session.expires_at <= account.clock.now():
        raise LoginNeeded(f"there is no session at {account.broker_name()}: `tradectl login`")
    seen = f", seen at {session.seen_ip}" if session.seen_ip else ""
    until = f"until {to_ist(session.expires_at):%Y-%m-%d %H:%M} IST at the latest{seen}"
    if task := status(world)["login_needed_for"]:
        raise NeedsAttention(f"{until}, but {task} needs a session later: run `tradectl login` then")
    return until


def _armed(live: LiveAccount) -> str:
    """Raise Blocked while live orders are not armed."""
    if live.arming().since() is None:
        raise Blocked("not armed, so no order is sent: read `tradectl help what-the-rule-earned`, then `tradectl broker arm`")
    return f"orders go to {live.broker_name()}"


def _clock(account: ReadOnlyAccount) -> str:
    """Raise ConfigurationError for a clock that is far off, BrokerUnavailable if the broker does not reply."""
    found = account.adapter()
    url = next(iter(account.reading_account(found).addresses.values()), None)
    if url is None:
        return f"{found.name} has no address whose clock could be compared"
    off = skew(found.name, url, account.clock)
    where = "behind" if off > timedelta(0) else "ahead of"
    line = f"this machine's clock is {abs(off.total_seconds()):.0f} s {where} {found.name}'s"
    if abs(off) > WRONG:
        raise ConfigurationError(f"{line}: windows and one-time passwords depend on it; let NTP set it")
    if abs(off) > NOTED:
        raise NeedsAttention(line)
    return f"this machine's clock agrees with {found.name}'s"


def _book(broker: Broker) -> str:
    """Return how many orders and trades the broker lists. Raises NeedsAttention for orders of unknown status."""
    orders, trades = broker.orders(), broker.trades()
    strange = sorted({item.reason for item in orders if item.status is OrderStatus.UNKNOWN})
    if strange:
        raise NeedsAttention(f"the list has orders of unknown status: {'; '.join(strange)}")
    return f"{len(orders)} orders and {len(trades)} trades of today were read"


def _quotes(prices: PriceSource | Broker, world: World, store: Store) -> str:
    """Return the quote of the first instrument of the universe as text. Raises NeedsAttention if it is missing or old."""
    now = world.clock.now()
    members = store.universe(world.parameters.universe)
    symbol = store.instrument(members[0], store.last_session() or ist_date(now)).symbol
    quote = prices.quotes([symbol]).get(symbol)
    if quote is None:
        raise NeedsAttention(f"there is no quote of {symbol}")
    session = world.sessions.session(ist_date(now))
    trades = session is not None and session.open_at() <= now < session.continuous_end(closing_auction=False)
    line = f"{symbol} at Rs {show_rupees(quote.last)}, as of {to_ist(quote.at):%Y-%m-%d %H:%M:%S} IST"
    if trades and now - quote.at > OLD:
        raise NeedsAttention(f"{line}: too old while the exchange trades")
    return line


def _remarks_text(live: LiveAccount) -> str:
    """Return the facts about an account that the adapter can read and no task needs. Raises NeedsAttention for a bad fact."""
    remarks = live.remarks()
    odd = [item.text for item in remarks if not item.fine]
    if odd:
        raise NeedsAttention("; ".join(odd))
    return "; ".join(item.text for item in remarks) or f"{live.broker_name()} reports nothing more"
