"""An account that missed sessions is settled by their stored data, or not at all."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import Floor, bar, ist, listing, quiet
from tests.support.brokers.market import MemoryMarket
from tests.support.brokers.screen import Screen
from tradectl.bootstrap.past_data import lacking_data
from tradectl.errors import DataError
from tradectl.exchange.overrides import Override, OverrideKind, write_override
from tradectl.exchange.sessions import SessionTable
from tradectl.model.freshness import ACTIONS, BARS, Freshness
from tradectl.model.order import OrderStatus

FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2023, 7, day) for day in (14, 17, 18, 19))
FLAT = {day: bar(day, 10000, 10000, 10000, 10000) for day in (FRIDAY, MONDAY, TUESDAY, WEDNESDAY)}


@pytest.fixture
def asleep(floor, sessions: SessionTable):
    """Makes a floor on Friday evening, whose market has the bars of some days, and lists of actions up to `actions`."""

    def make(*days: date, others: Sequence[date] = (), actions: date = TUESDAY) -> Floor:
        shares = [listing("ACME", [FLAT[day] for day in days]), listing("BETA", [FLAT[day] for day in others])]
        known = {
            kind: Freshness(kind, as_of, ist(WEDNESDAY, "08:00"), "") for kind, as_of in ((BARS, max(days)), (ACTIONS, actions))
        }
        made = floor(*shares, at=ist(FRIDAY, "16:30"), prices=Screen())
        made.options["lacking"] = partial(lacking_data, lambda: known, made.market, sessions, 3)
        made.broker.close()
        made.broker = made.another()
        return made

    return make


def come(market: Floor, *days: date) -> None:
    """All data come, and the exchange reads them."""
    shares = listing("ACME", [FLAT[day] for day in days]), listing("BETA", [FLAT[FRIDAY]])
    market.options["lacking"], market.market = None, MemoryMarket(*shares)
    market.broker.close()
    market.broker = market.another()


def test_a_hole_before_the_newest_bars_ends_no_waiting_buy(asleep) -> None:
    market = asleep(FRIDAY, TUESDAY)
    order = market.buy(10, 10000, amo=True)
    market.to(WEDNESDAY, "09:01")
    with pytest.raises(DataError, match="the bars of 2023-07-17 are not stored"):
        market.broker.orders()
    come(market, FRIDAY, MONDAY, TUESDAY)
    assert market.order(order).status is OrderStatus.EXECUTED


def test_a_morning_before_the_open_is_no_look_at_the_session(asleep) -> None:
    market = asleep(FRIDAY)
    order = market.buy(10, 10000, amo=True)
    market.to(MONDAY, "09:02")
    assert market.order(order).status is OrderStatus.ONGOING
    market.to(TUESDAY, "08:00")
    with pytest.raises(DataError, match="no price of ACME was read in the session of 2023-07-17, and their bars are not stored"):
        market.broker.orders()
    come(market, FRIDAY, MONDAY)
    assert market.order(order).status is OrderStatus.EXECUTED


def test_an_untraded_share_ends_where_the_session_is_stored(asleep) -> None:
    market = asleep(FRIDAY, TUESDAY, others=(MONDAY,))
    order = market.buy(10, 10000, amo=True)
    for day, at in ((MONDAY, "09:02"), (WEDNESDAY, "08:00")):
        market.to(day, at)
        market.broker.orders()
    assert market.order(order).status is OrderStatus.CANCELLED


@pytest.mark.parametrize("awake_until", ["09:20", "15:10", "15:30"])
def test_a_sleep_after_the_open_ends_no_unseen_order(asleep, awake_until: str) -> None:
    """The source shows BETA only; ACME's order is settled by the bar of the day, where ACME traded at 9,900."""
    market = asleep(FRIDAY, others=(FRIDAY,))
    unseen, seen = market.buy(10, 10000, amo=True), market.buy(10, 9000, "BETA", amo=True)
    market.to(MONDAY, "09:16")
    market.options["prices"].show(9900, ist(MONDAY, "09:16"), opened=9950, symbol="BETA")
    market.broker.orders()
    market.to(MONDAY, awake_until)
    if awake_until == "15:30":
        with pytest.raises(DataError, match="no price of ACME was read in the session of 2023-07-17, and their bars"):
            market.broker.orders()
    else:
        assert [market.order(order).status for order in (unseen, seen)] == [OrderStatus.ONGOING] * 2
    market.to(TUESDAY, "08:00")
    with pytest.raises(DataError, match="no price of ACME was read in the session of 2023-07-17, and their bars"):
        market.broker.orders()
    come(market, FRIDAY, MONDAY)
    assert market.order(unseen).status is OrderStatus.EXECUTED
    assert market.order(seen).status is OrderStatus.CANCELLED


UNTRADED: dict[str, dict[str, object]] = {
    "the last trade is Friday's": {},
    "no trade and a volume of 0": {"last_trade_at": None, "open": None, "volume": 0},
    "nothing is known of trades": {"last_trade_at": None, "open": None, "volume": None},
}


@pytest.mark.parametrize("quote", UNTRADED)
@pytest.mark.parametrize(("last_look", "late"), [("09:20", False), ("15:14", False), ("15:16", True)])
def test_a_share_read_without_a_trade_ends_by_its_last_look(asleep, last_look: str, late: bool, quote: str) -> None:
    """The source shows no trade of Monday: a read shortly before the close shows that for the whole session."""
    market, known = asleep(FRIDAY), late and not quote.startswith("nothing")
    screen = market.options["prices"]
    screen.show(10000, ist(FRIDAY, "15:29"), opened=10000)
    order = market.buy(10, 10000, amo=True)
    for at in ("09:15", last_look):
        market.to(MONDAY, at)
        now = {"at": ist(MONDAY, at)} if UNTRADED[quote] else {}
        screen.shown["ACME"] = replace(screen.shown["ACME"], **UNTRADED[quote], **now)
        assert market.order(order).status is OrderStatus.ONGOING
    market.broker.close()
    market.broker = market.another()
    market.to(TUESDAY, "08:00")
    if known:
        assert market.order(order).status is OrderStatus.CANCELLED
    else:
        with pytest.raises(DataError, match="no price of ACME was read"):
            market.broker.orders()
        come(market, FRIDAY, MONDAY)
        assert market.order(order).status is OrderStatus.EXECUTED


def test_an_order_that_was_placed_after_the_close_is_not_unseen(asleep) -> None:
    market = asleep(FRIDAY)
    market.to(FRIDAY, "18:00")
    order = market.buy(10, 10000, amo=True)
    market.to(date(2023, 7, 16), "12:00")
    assert market.order(order).status is OrderStatus.PENDING


@pytest.mark.parametrize("stored", [True, False])
def test_muhurat_without_bars_ends_no_waiting_buy(floor, sessions: SessionTable, stored: bool) -> None:
    """No task runs on Sunday 2026-11-08, but an order of Friday trades in its evening."""
    friday, muhurat, monday = date(2026, 11, 6), date(2026, 11, 8), date(2026, 11, 9)
    days = [friday, muhurat] if stored else [friday]
    market = floor(quiet("ACME", days), at=ist(friday, "16:30"), prices=Screen())
    known = {kind: Freshness(kind, friday, ist(monday, "08:00"), "") for kind in (BARS, ACTIONS)}
    market.options["lacking"] = partial(lacking_data, lambda: known, market.market, sessions, 3)
    market.broker.close()
    market.broker = market.another()
    order = market.buy(10, 10000, amo=True)
    market.to(monday, "08:00")
    if not stored:
        with pytest.raises(DataError, match="in the session of 2026-11-08, and the bars of 2026-11-08 are not stored"):
            market.broker.orders()
        market.options["lacking"], market.market = None, MemoryMarket(quiet("ACME", [friday, muhurat]))
        market.broker.close()
        market.broker = market.another()
    assert [trade.at for trade in market.fills(order)] == [ist(muhurat, "18:00")]


def test_a_session_without_hours_is_not_missed(floor, tmp_path: Path) -> None:
    """Muhurat on Monday, whose hours are not known: no order is released into it, and nothing is asked of its data."""
    friday, monday, tuesday = date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)
    write_override(tmp_path / "sessions.csv", Override(monday, OverrideKind.MUHURAT))
    market = floor(quiet("ACME", [friday, tuesday]), at=ist(friday, "16:30"), prices=Screen())
    market.sessions = SessionTable.load(tmp_path / "sessions.csv")
    known = {kind: Freshness(kind, friday, ist(friday, "20:00"), "") for kind in (BARS, ACTIONS)}
    market.options["lacking"] = partial(lacking_data, lambda: known, market.market, market.sessions, 3)
    market.broker.close()
    market.broker = market.another()
    order = market.buy(10, 10050, amo=True)
    market.to(monday, "22:00")
    assert market.order(order).status is OrderStatus.PENDING
    market.to(tuesday, "09:20")
    assert [trade.at for trade in market.fills(order)] == [ist(tuesday, "09:12")]


@pytest.mark.parametrize(
    ("actions", "woken", "lacks"),
    [
        (FRIDAY, (TUESDAY, "08:00"), True),  # a split of Monday may have come to the list on Monday
        (MONDAY, (TUESDAY, "08:00"), False),
        (FRIDAY, (MONDAY, "16:05"), False),  # today's list comes in the evening
        (FRIDAY, (TUESDAY, "16:05"), True),
        (MONDAY, (TUESDAY, "16:05"), False),
    ],
)
def test_the_list_of_actions_covers_missed_sessions(asleep, actions: date, woken: tuple[date, str], lacks: bool) -> None:
    market = asleep(FRIDAY, MONDAY, TUESDAY, actions=actions)
    order = market.buy(10, 10000, amo=True)
    market.to(*woken)
    if lacks:
        with pytest.raises(DataError, match=f"their corporate actions are not stored .the newest are of {actions}"):
            market.broker.orders()
        come(market, FRIDAY, MONDAY, TUESDAY)
    assert market.order(order).status is OrderStatus.EXECUTED


@pytest.mark.parametrize(("lacking", "known"), [(2, True), (3, False)])
def test_a_session_with_few_bars_ends_no_waiting_buy(floor, sessions: SessionTable, lacking: int, known: bool) -> None:
    """Only ONE was fetched for Monday: a share without a bar there did not trade, unless most shares have none."""
    days = (FRIDAY, TUESDAY)
    others = [listing(f"S{i}", [FLAT[day] for day in days]) for i in range(lacking - 1)]
    shares = [listing("ACME", [FLAT[day] for day in days]), listing("ONE", [FLAT[day] for day in (FRIDAY, MONDAY, TUESDAY)])]
    market = floor(*shares, *others, at=ist(FRIDAY, "16:30"), prices=Screen())
    fresh = {kind: Freshness(kind, TUESDAY, ist(WEDNESDAY, "08:00"), "") for kind in (BARS, ACTIONS)}
    market.options["lacking"] = partial(lacking_data, lambda: fresh, market.market, sessions, 3)
    market.broker.close()
    market.broker = market.another()
    order = market.buy(10, 10000, amo=True)
    market.to(WEDNESDAY, "08:00")
    if not known:
        with pytest.raises(DataError, match="the bars of 3 shares of 2023-07-17 are not stored"):
            market.broker.orders()
        come(market, FRIDAY, MONDAY, TUESDAY)
    assert (market.order(order).status is OrderStatus.CANCELLED) is known


def test_a_session_that_was_seen_ends_by_what_was_seen(asleep) -> None:
    market = asleep(FRIDAY)
    order = market.buy(10, 9000, amo=True)
    market.to(MONDAY, "09:31")
    market.options["prices"].show(9900, ist(MONDAY, "09:16"), opened=9950)
    market.broker.orders()
    market.to(TUESDAY, "08:00")
    assert market.order(order).status is OrderStatus.CANCELLED
