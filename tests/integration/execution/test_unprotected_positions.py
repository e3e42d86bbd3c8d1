"""When a position is unprotected, and why: the rules, each with its neighbours."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.support.trading import AFTER, SESSIONS, D, T, ist
from tradectl.exchange.sessions import SessionTable
from tradectl.execution.sell_coverage import in_market_hours, uncovered, unresolved_sell
from tradectl.execution.unprotected_positions import (
    ADVICE,
    IMMEDIATE,
    INFORMATION,
    Cause,
    ExposureFacts,
    Unprotected,
    cause_of,
)
from tradectl.ledger.rows import Order, Position
from tradectl.model.order import Holding, OrderStatus, Purpose, Side, Variety

NOON = ist(D, "12:00")
POSITION = Position(
    7, "ALPHA", "ALPHA", "open", 117, 100, 100, 0, 1, 30, T, 0, 0, 0, 0, D, None, NOON, None,
)  # fmt: skip
SELL = Order(
    id=12,
    tag="ABCDEFGHIJKLMNO",
    instrument_id="ALPHA",
    symbol="ALPHA",
    side=Side.SELL,
    purpose=Purpose.TARGET,
    quantity=117,
    price=10000,
    variety=Variety.REGULAR,
    status=OrderStatus.ONGOING,
    reason="",
    reason_code=None,
    session=D,
    decided=T,
    leg="P7",
    generation=0,
    position_id=7,
    signal_id=None,
    execution_id=1,
    level=0,
    broker_order_id="K1",
    filled_quantity=0,
    modifications=0,
    created_at=NOON,
    sending_at=NOON,
    sent_at=NOON,
    updated_at=NOON,
    sender=None,
    absent_since=None,
)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({}, 0),
        ({"status": OrderStatus.PENDING}, 0),
        ({"quantity": 100}, 17),
        ({"filled_quantity": 10}, 10),
        ({"quantity": 200}, 0),
        ({"status": OrderStatus.UNKNOWN}, 117),
        ({"status": OrderStatus.CANCELLED}, 117),
        ({"status": OrderStatus.REJECTED}, 117),
        ({"status": OrderStatus.EXECUTED, "filled_quantity": 117}, 117),
        ({"status": OrderStatus.RETRY_PENDING}, 117),
        ({"status": OrderStatus.PENDING, "broker_order_id": None}, 117),  # about to be sent, or sent and never answered
        ({"side": Side.BUY}, 117),
        ({"instrument_id": "BRAVO"}, 117),
        ({"session": T}, 117),  # it ended with its session, whatever the ledger still says
        ({"session": AFTER}, 117),
    ],
)
def test_a_live_sell_of_the_session_covers_what_is_left_of_it(changes: dict[str, object], left: int) -> None:
    assert uncovered(POSITION, [replace(SELL, **changes)], D) == left  # type: ignore[arg-type]


def test_several_sells_cover_together_and_none_covers_nothing() -> None:
    half = replace(SELL, quantity=58)
    assert uncovered(POSITION, [half, replace(half, id=13)], D) == 1
    assert uncovered(POSITION, [half, replace(half, id=13, quantity=59)], D) == 0
    assert uncovered(POSITION, [], D) == 117


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, False),
        ({"status": OrderStatus.UNKNOWN}, True),
        ({"status": OrderStatus.PENDING, "broker_order_id": None}, True),
        ({"status": OrderStatus.PENDING, "broker_order_id": None, "sending_at": None}, False),
        ({"status": OrderStatus.UNKNOWN, "side": Side.BUY}, False),
        ({"status": OrderStatus.UNKNOWN, "instrument_id": "BRAVO"}, False),
    ],
)
def test_an_order_that_was_sent_and_never_answered_is_unresolved(changes: dict[str, object], found: bool) -> None:
    order = replace(SELL, **changes)  # type: ignore[arg-type]
    assert (unresolved_sell(POSITION, [order]) is order) is found


AUCTION = date(2026, 8, 3)
"""The first session with a closing auction."""
MUHURAT = date(2023, 11, 12)


@pytest.mark.parametrize(
    ("day", "at", "auction", "open_"),
    [
        (D, "09:07", False, False),
        (D, "09:14:59", False, False),
        (D, "09:15", False, True),
        (D, "15:29:59", False, True),
        (D, "15:30", False, False),
        (D, "15:45", False, False),  # the post-close: resting limit orders do not take part
        (AUCTION, "15:14:59", True, True),
        (AUCTION, "15:25", True, True),
        (AUCTION, "15:50", True, False),
        (MUHURAT, "18:30", False, False),  # tradectl does not run on it
    ],
)
def test_market_hours_are_the_phases_in_which_a_sell_may_rest(day: date, at: str, auction: bool, open_: bool) -> None:
    assert in_market_hours(SESSIONS.session(day), ist(day, at), (auction,)) is open_


def test_a_day_without_a_session_has_no_market_hours(sessions: SessionTable) -> None:
    sunday = date(2023, 7, 16)
    assert not in_market_hours(sessions.session(sunday), ist(sunday, "11:00"), (False,))


ALL = Holding("ALPHA", 117, 0, 117)
FACTS = ExposureFacts(117, 117, read=True, held=ALL, price=10000)
BAND = (9000, 9900)
LOST = replace(SELL, status=OrderStatus.UNKNOWN, reason="timed out")
BUY = replace(SELL, side=Side.BUY, id=14)

TABLE: list[tuple[str, ExposureFacts, Cause, str]] = [
    ("a halt", replace(FACTS, halted="a look"), Cause.HALTED, "a look"),
    ("a halt without a reason", replace(FACTS, halted=""), Cause.HALTED, "without a reason"),
    ("a halt and a pledge", replace(FACTS, halted="x", held=Holding("ALPHA", 0, 0, 0, 117)), Cause.HALTED, "x"),
    ("not armed", replace(FACTS, armed=False), Cause.NOT_ARMED, "not armed"),
    ("no session", replace(FACTS, failure=(Cause.LOGIN_NEEDED, "no session")), Cause.LOGIN_NEEDED, "no session"),
    ("no network", replace(FACTS, failure=(Cause.BROKER_UNREACHABLE, "down")), Cause.BROKER_UNREACHABLE, "down"),
    ("a failed step", replace(FACTS, failure=(Cause.FAILED, "odd")), Cause.FAILED, "odd"),
    ("an unknown word", replace(FACTS, unread=(SELL, "FROZEN")), Cause.UNKNOWN_WORD, "the broker's status 'FROZEN' of sell"),
    ("a lost answer", replace(FACTS, unknown=LOST), Cause.OUTCOME_UNKNOWN, "order 12 is not known (timed out)"),
    ("all pledged", replace(FACTS, held=Holding("ALPHA", 0, 0, 0, 117)), Cause.PLEDGED, "lists 117 shares as pledged, 0 of 117"),
    ("some pledged", replace(FACTS, held=Holding("ALPHA", 100, 0, 100, 17)), Cause.PLEDGED, "17 shares as pledged, 100 of 117"),
    ("blocked, and not said how", replace(FACTS, held=Holding("ALPHA", 117, 0, 50)), Cause.PLEDGED, "pledged or blocked: 50 of"),
    ("no row at all", replace(FACTS, held=None), Cause.MISSING, "lists 0 of 117 shares under this symbol"),
    ("fewer shares", replace(FACTS, held=Holding("ALPHA", 100, 0, 100)), Cause.MISSING, "lists 100 of 117 shares"),
    ("pledged and fewer", replace(FACTS, held=Holding("ALPHA", 0, 0, 0, 100)), Cause.MISSING, "lists 0 of 117"),
    (
        "not credited",
        replace(FACTS, shares=94, held=Holding("ALPHA", 23, 0, 23), credited=94),
        Cause.NOT_YET_SELLABLE,
        "credited",
    ),
    (
        "bought today, tied",
        replace(FACTS, held=Holding("ALPHA", 0, 117, 0), trade_for_trade=117),
        Cause.NOT_YET_SELLABLE,
        "trade-for-trade",
    ),
    (
        "some tied",
        replace(FACTS, shares=100, held=Holding("ALPHA", 17, 100, 17), trade_for_trade=100),
        Cause.NOT_YET_SELLABLE,
        "100 shares were bought today",
    ),
    ("not delivered", replace(FACTS, held=Holding("ALPHA", 0, 117, 0)), Cause.NOT_YET_SELLABLE, "117 shares as not delivered"),
    (
        "authorisation",
        replace(FACTS, refused="117 quantity needs authorisation at depository."),
        Cause.AUTHORISATION,
        "depository",
    ),
    ("authorisation, American", replace(FACTS, refused="needs authorization at the depository"), Cause.AUTHORISATION, "needs"),
    ("TPIN", replace(FACTS, refused="CDSL TPIN required"), Cause.AUTHORISATION, "TPIN"),
    ("another refusal", replace(FACTS, refused="scrip blocked"), Cause.REFUSED, "scrip blocked"),
    ("a refusal without words", replace(FACTS, refused=""), Cause.REFUSED, "no reason given"),
    ("no price", replace(FACTS, price=None, missing="there is no price"), Cause.DATA_MISSING, "no price"),
    ("above the band", replace(FACTS, band=BAND), Cause.OFF_BAND, "at 100.00 is outside the day's band, 90.00 to 99.00"),
    ("below the band", replace(FACTS, price=8900, band=(9000, None)), Cause.OFF_BAND, "90.00 to none"),
    ("on the edge of the band", replace(FACTS, price=9900, band=BAND), Cause.UNEXPLAINED, "found no reason"),
    ("our own buy", replace(FACTS, own_buy=BUY), Cause.OWN_BUY, "buy order 14 at 100.00"),
    ("the closing auction", replace(FACTS, continuous=False), Cause.AUCTION, "continuous trading has ended"),
    ("nothing known", FACTS, Cause.UNEXPLAINED, "found no reason"),
    ("nothing read", replace(FACTS, read=False, held=None), Cause.UNEXPLAINED, "found no reason"),
]


@pytest.mark.parametrize(("facts", "cause", "detail"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_cause_follows_from_the_facts(facts: ExposureFacts, cause: Cause, detail: str) -> None:
    found, text = cause_of(facts)
    assert (found, detail in text) == (cause, True), text


def finding(cause: Cause, since: datetime) -> Unprotected:
    return Unprotected(7, "ALPHA", "ALPHA", 17, 117, cause, "a detail", since, NOON)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_one_line_with_what_helps(cause: Cause) -> None:
    text = finding(cause, NOON).text
    stop = cause is Cause.STOP_NOT_WATCHED
    what = "nothing protects 17 shares below their stop" if stop else "17 of 117 shares have no live sell order"
    assert text.startswith(f"ALPHA: {what} (")
    assert text.endswith(ADVICE[cause])
    assert "\n" not in text
    assert finding(cause, NOON).grave is (cause not in INFORMATION)


@pytest.mark.parametrize(("cause", "seconds", "due"), [
    (Cause.DATA_MISSING, 0, False),
    (Cause.DATA_MISSING, 119, False),
    (Cause.DATA_MISSING, 120, True),
    (Cause.MONITOR_NOT_RUNNING, 60, False),
    (Cause.PLEDGED, 0, True),
    (Cause.OFF_BAND, 0, True),
])  # fmt: skip
def test_what_the_next_step_may_mend_has_two_minutes(cause: Cause, seconds: int, due: bool) -> None:
    assert finding(cause, NOON - timedelta(seconds=seconds)).is_due(NOON) is due
    assert (cause in IMMEDIATE) is (due and seconds == 0)
