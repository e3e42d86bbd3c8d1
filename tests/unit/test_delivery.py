"""Which waiting messages are sent, when, and as what."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from tradectl.errors import UsageError
from tradectl.ledger.delivery import LONGEST, SETTINGS, DeliveryRules, Message, parcels, parse_quiet_hours
from tradectl.model.message_kind import GRAVE, MEANING, MessageKind
from tradectl.model.moment import at_ist, to_ist

EVENING = datetime(2026, 11, 30, 17, 30, tzinfo=UTC)
"""23:00 in India."""
NIGHT = {"notify.quiet_hours": "22:00-07:00"}


def message(number: int, kind: MessageKind, body: str = "body") -> Message:
    return Message(number, "asha", EVENING + timedelta(minutes=number), kind, f"title {number}", body, None, 0, "", str(number))


def many(count: int, kind: MessageKind, first: int = 1) -> list[Message]:
    return [message(number, kind) for number in range(first, first + count)]


@pytest.mark.parametrize(
    ("at", "waits"), [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("06:59", True), ("07:00", False)]
)
def test_quiet_hours_may_pass_midnight(at: str, waits: bool) -> None:
    moment = at_ist(to_ist(EVENING).date(), time.fromisoformat(at))
    until = DeliveryRules.of(NIGHT).waits_until(MessageKind.BUY_FILLED, moment)
    assert (until is not None) == waits
    if until is not None:
        assert (to_ist(until).strftime("%H:%M"), timedelta(0) < until - moment <= timedelta(hours=9)) == ("07:00", True)


@pytest.mark.parametrize("kind", sorted(GRAVE))
def test_grave_messages_pass_the_quiet_hours(kind: MessageKind) -> None:
    assert DeliveryRules.of(NIGHT).waits_until(kind, EVENING) is None


@pytest.mark.parametrize("text", ["22-7", "22:00", "24:00-07:00", "22:00-22:00", "22:60-07:00", "night"])
def test_wrong_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"notify\.quiet_hours"):
        parse_quiet_hours(text)


def test_damaged_stored_quiet_hours_delay_nothing() -> None:
    assert DeliveryRules.of({"notify.quiet_hours": "night"}).waits_until(MessageKind.NOTICE, EVENING) is None


@pytest.mark.parametrize("kind", list(MessageKind))
def test_each_kind_has_a_switch_but_grave_ones_stay_on(kind: MessageKind) -> None:
    setting = SETTINGS[f"notify.{kind}"]
    assert setting.parse("on") is True
    assert MEANING[kind] in setting.meaning
    if kind.grave:
        with pytest.raises(UsageError, match="stays on"):
            setting.parse("off")
    else:
        assert setting.parse("off") is False
    assert DeliveryRules.of({f"notify.{kind}": "off"}).silenced == (frozenset() if kind.grave else {kind})


def test_few_messages_are_sent_one_by_one_in_order() -> None:
    waiting = [message(1, MessageKind.NOTICE), message(2, MessageKind.BUY_FILLED), message(3, MessageKind.NOTICE)]
    assert [parcel.title for parcel in parcels(waiting)] == ["title 1", "title 2", "title 3"]


def test_grave_messages_are_sent_first() -> None:
    waiting = [*many(3, MessageKind.NOTICE), message(9, MessageKind.UNPROTECTED)]
    assert parcels(waiting)[0].title == "title 9"


def test_many_messages_of_one_kind_become_one() -> None:
    waiting = many(1700, MessageKind.MISSED_SLOT) + many(2, MessageKind.NOTICE, 5000)
    first, *rest = parcels(waiting)
    assert first.title == "1700 times: a task was not run before its window closed"
    assert "1700 messages from 2026-11-30 23:01 to 2026-12-02 03:20 IST." in first.body
    assert "title 1700" in first.body
    assert "title 1690:" not in first.body
    assert len(first.messages) == 1700
    assert [parcel.title for parcel in rest] == ["title 5000", "title 5001"]


def test_a_digest_of_orders_at_risk_names_each() -> None:
    (only,) = parcels(many(30, MessageKind.UNKNOWN_ORDER))
    assert all(f"title {number}" in only.body for number in range(1, 31))


@pytest.mark.parametrize("count", [1, 5, 6, 400])
@pytest.mark.parametrize("kind", [MessageKind.NOTICE, MessageKind.UNPROTECTED])
def test_no_text_is_longer_than_a_service_accepts(count: int, kind: MessageKind) -> None:
    waiting = [message(number, kind, "word " * 5000) for number in range(count)]
    for parcel in parcels(waiting):
        assert len(parcel.body) <= LONGEST + 200
        assert "`tradectl logs`" in parcel.body
