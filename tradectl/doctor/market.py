"""Check the stored prices: whether they exist, and whether they reach the last session."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tradectl.doctor.finding import Check, NeedsAttention
from tradectl.errors import DataError
from tradectl.exchange.data_age import sessions_since
from tradectl.model.freshness import ACTIONS
from tradectl.model.moment import ist_date
from tradectl.model.surveillance import TITLES
from tradectl.screener.coverage import missing_sessions, name_days, older_gaps

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.world import World


def checks(market: Store, world: World) -> Iterable[tuple[str, Check]]:
    """Return the checks of the stored prices, each with its name."""
    return (
        ("prices", lambda: _prices(market, world)),
        ("sessions", lambda: _sessions(market, world)),
        ("universe", lambda: _universe(market, world.parameters.universe)),
        ("corporate actions", lambda: _actions(market, world)),
        ("closing auction", lambda: _auctions(market, world)),
        ("surveillance", lambda: _surveillance(market, world)),
        ("data", lambda: _data(world)),
    )


def _prices(market: Store, world: World) -> str:
    """Raise DataError if no bars are stored, or if a session after the newest bars ended before today."""
    newest, today = market.last_session(), ist_date(world.clock.now())
    if newest is None:
        raise DataError("no bars are stored: `tradectl data fetch`, or `tradectl data import`")
    lacking = world.sessions.run_between(newest + timedelta(days=1), today - timedelta(days=1))
    if lacking:
        raise DataError(f"the newest bars are of {newest}, and {len(lacking)} sessions have ended since: `tradectl data fetch`")
    return f"the newest bars are of {newest}"


def _sessions(market: Store, world: World) -> str:
    """Raise DataError if no bars are stored, or if a session that the indicators need has none or few.

    Raises NeedsAttention if only older sessions have none."""
    newest = market.last_session()
    if newest is None:
        raise DataError("no bars are stored")
    panel, parameters = market.panel(), world.parameters
    missing = missing_sessions(panel, world.sessions, market.universe(parameters.universe), newest, final=True, stale=False)
    if missing is not None:
        raise DataError(missing.text)
    older = older_gaps(panel, world.sessions, newest, parameters.backtest_years)
    if older:
        raise NeedsAttention(
            f"{len(older)} older sessions have no bars ({name_days(older)}): the indicators are right, but the scores leave out "
            f"the past trades of these sessions: `tradectl data fetch --since {older[0]} --to {older[-1]}`"
        )
    return f"every session from {date.fromordinal(int(panel.sessions[0]))} to {newest} has bars"


def _universe(market: Store, name: str) -> str:
    """Raise NeedsAttention if instruments lack a bar of the newest session; UsageError for an unknown universe."""
    members, newest = market.universe(name), market.last_session()
    if newest is None:
        raise DataError("no bars are stored")
    without = [member for member in members if (history := market.history(member)) is None or history.index(newest) is None]
    if without:
        raise NeedsAttention(
            f"{len(without)} of {len(members)} instruments of {name} have no bar of {newest}: {', '.join(without[:5])}"
        )
    return f"all {len(members)} instruments of {name} have a bar of {newest}"


def _actions(market: Store, world: World) -> str:
    """Raise NeedsAttention for unknown corporate actions and unexplained jumps in the universe and in positions.

    Such a symbol is not bought, and a position with an unknown action is not sold."""
    from tradectl.marketdata.decisions import questions

    held = {position.instrument_id for position in world.ledger.book.snapshot().positions}
    names = sorted({*market.universe(world.parameters.universe), *held})
    found = list(questions(market, names))
    if not found:
        return f"no corporate action of {len(names)} instruments needs a decision"
    named = "; ".join(f"{item.symbol} {item.ex_date} {item.rule}" for item in found[:5]) + (" ..." if len(found) > 5 else "")
    raise NeedsAttention(
        f"{len(found)} corporate actions or jumps need a decision, and their symbols are not bought ({named}): "
        "`tradectl data actions list` shows them, `set` and `ignore` decide"
    )


def _auctions(market: Store, world: World) -> str:
    """Check which instruments of the universe have a closing auction. Raises NeedsAttention if no list shows it for some."""
    today = ist_date(world.clock.now())
    if not world.sessions.timetables.has_auctions(today):
        return "no stock has a closing auction"
    members = market.universe(world.parameters.universe)
    found = [market.instrument(member, today) for member in members]
    unknown = [item.symbol for item in found if not item.derivatives_known]
    dated, _ = market.underlyings(today)
    if unknown:
        named = f"{', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''}"
        newest = f"the newest list is of {dated}" if dated else "no list of shares with derivatives is stored"
        raise NeedsAttention(
            f"{len(unknown)} of {len(members)} instruments may have a closing auction ({named}): {newest}; "
            "their sells are changed only while stocks with and stocks without a closing auction trade. "
            "`tradectl data fetch`, or `tradectl data import fo_mktlots.csv`"
        )
    return (
        f"{sum(item.closing_auction for item in found)} of {len(members)} instruments have a closing auction, by the stored lists"
    )


def _surveillance(market: Store, world: World) -> str:
    """Check which instruments the surveillance lists exclude.

    Raises NeedsAttention if a list is missing or old, or names a position."""
    today = ist_date(world.clock.now())
    found, members = market.surveillance(today), market.universe(world.parameters.universe)
    held = [item for item in world.ledger.book.snapshot().positions if found.excluding(item.instrument_id)]
    if held:
        named = "; ".join(f"{item.symbol}: {found.excluding(item.instrument_id)}" for item in held)
        raise NeedsAttention(
            f"{len(held)} positions are under surveillance ({named}): they are sold as usual, and no more is bought"
        )
    if doubt := found.doubt():
        raise NeedsAttention(
            f"{doubt}; stocks under GSM, ESM or long-term ASM may be bought: `tradectl data fetch --source surveillance`, or "
            "import REG1_IND of NSE's daily reports"
        )
    excluded = found.excluded() & set(members)
    dates = ", ".join(f"{TITLES[measure]} {item.dated}" for measure, item in sorted(found.lists.items()))
    return f"{len(excluded)} of {len(members)} instruments are excluded by the lists ({dates})"


def _data(world: World) -> str:
    """Check how current each kind of data is that `prices` fetches.

    Raises NeedsAttention for kinds that are missing or old, and DataError if `analyze` would refuse to run because of them."""
    if world.clock.virtual:
        return "a home on a virtual clock uses the data that are stored"
    known, today = world.freshness(), ist_date(world.clock.now())
    feeds = list(world.feeds())
    refused: list[str] = []
    old: list[str] = []
    for feed in feeds:
        record = known.get(feed.kind)
        age = sessions_since(world.sessions, record.as_of, today) if record is not None else 0
        if record is not None and age <= max(feed.tolerance, 1):
            continue
        state = f"of {record.as_of}, {age} sessions old" if record is not None else "not stored"
        (refused if feed.kind == ACTIONS else old).append(f"{feed.title} {state} ({feed.meaning})")
    if not known:
        raise DataError(
            f"none of the {len(feeds)} kinds of data is stored, so nothing is bought. `tradectl prices --force` fetches them"
        )
    text = "; ".join([*refused, *old]) + ". `tradectl prices --force` fetches them"
    if refused:
        raise DataError(text)
    if old:
        raise NeedsAttention(text)
    return f"{len(feeds)} kinds of data are current"
