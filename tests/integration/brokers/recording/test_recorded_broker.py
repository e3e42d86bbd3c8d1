"""A recorded broker gives each step its own replies, and invents nothing where the replay sends other commands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tradectl.brokers.recording.encoding import capabilities_as_json, request_as_json
from tradectl.brokers.recording.recorded_broker import Answers, RecordedBroker
from tradectl.clock import VirtualClock
from tradectl.errors import Ambiguous, BrokerUnavailable, Interrupted, OrderRefused
from tradectl.model.market import Quote
from tradectl.model.odd_rows import Rows
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, Side, Variety
from tradectl.model.recording import Call, RecordedRun, RecordedStep, RunHead
from tradectl.ports import Capabilities

AT = datetime(2025, 11, 3, 3, 45, tzinfo=UTC)
CAN = Capabilities(None, False, False)
TAG, OURS = "A" * 15, "B" * 15
ASKED = OrderRequest(TAG, "ACME", Side.SELL, 10, 10_000)
ROW = OrderReport("77", TAG, "ACME", Side.SELL, 10, 10_000, 0, OrderStatus.ONGOING, "", Variety.REGULAR, AT, AT)
FILLED = replace(ROW, filled_quantity=10, status=OrderStatus.EXECUTED)
OTHER = replace(ROW, broker_order_id="78", symbol="BRAVO", tag=None)


def call(kind: str, seconds: float, value: Any = None, error: Any = None, **arguments: Any) -> Call:
    return Call(kind, AT + timedelta(seconds=seconds), arguments, value, error)


def broker(*steps: list[Call]) -> tuple[RecordedBroker, Answers, VirtualClock]:
    """A broker of a run with a step each minute."""
    head, clock = RunHead("sell-monitor", "", date(2025, 11, 3), AT), VirtualClock(AT)
    run = RecordedRun("r", head, "kite", capabilities_as_json(CAN))
    for number, calls in enumerate(steps):
        at = AT + timedelta(minutes=number)
        run.steps.append(RecordedStep(number + 1, at, calls, at + timedelta(seconds=50)))
    answers = Answers.of([run])
    return RecordedBroker(run, run.steps, clock, answers), answers, clock


SENT = call("place", 1, "77", **request_as_json(ASKED))


def test_each_read_has_its_reply_and_its_moment() -> None:
    found, answers, clock = broker([call("orders", 1, Rows()), call("orders", 9, Rows([OTHER]))])
    found.begin_step()
    assert (found.name, found.capabilities, list(found.orders())) == ("kite", CAN, [])
    assert clock.now() == AT + timedelta(seconds=1)
    assert list(found.orders()) == [OTHER]
    assert clock.now() == AT + timedelta(seconds=9)
    assert list(found.orders()) == [OTHER]
    assert answers.unread == {"orders": 1}


def test_after_the_last_step_the_run_is_interrupted() -> None:
    found, _, _ = broker([])
    found.begin_step()
    found.end_step()
    assert found.next_step_at is None
    with pytest.raises(Interrupted):
        found.begin_step()


def test_a_recorded_error_is_raised_again() -> None:
    refused = OrderRefused("no funds", code="funds", passing=True)
    found, answers, _ = broker([call("place", 1, error=refused, **request_as_json(ASKED))])
    found.begin_step()
    with pytest.raises(OrderRefused, match="no funds"):
        found.place(ASKED)
    with pytest.raises(BrokerUnavailable, match="no reply to funds"):
        found.funds()
    assert answers.divergences == []


def test_the_replays_tag_stands_in_the_recorded_row() -> None:
    """A bundle has another user, and so other tags."""
    found, _, _ = broker([SENT, call("orders", 2, Rows([ROW, OTHER]))])
    found.begin_step()
    assert found.place(replace(ASKED, tag=OURS)) == "77"
    assert [row.tag for row in found.orders()] == [OURS, None]


def test_another_price_is_ambiguous_and_nothing_fills() -> None:
    found, answers, _ = broker(
        [call("orders", 0, Rows([OTHER])), SENT, call("orders", 2, Rows([OTHER, ROW]))],
        [call("orders", 60, Rows([replace(OTHER, filled_quantity=4), FILLED]))],
    )
    found.begin_step()
    found.orders()
    with pytest.raises(Ambiguous, match="its outcome is not known"):
        found.place(replace(ASKED, price=10_100))
    assert list(found.orders()) == [OTHER]
    found.end_step()
    found.begin_step()
    assert list(found.orders()) == [replace(OTHER, filled_quantity=4)]
    with pytest.raises(Ambiguous):
        found.place(ASKED)
    (divergence,) = answers.divergences
    assert (divergence.recorded["price"], divergence.replayed["price"]) == (10_000, 10_100)  # type: ignore[index]
    assert (set(answers.unknown), answers.further) == ({"ACME"}, 1)


def test_a_command_that_is_not_sent_hides_its_order() -> None:
    found, answers, _ = broker([call("orders", 0, Rows()), SENT, call("orders", 2, Rows([ROW]))])
    found.begin_step()
    found.orders()
    assert list(found.orders()) == []
    found.end_step()
    assert [(item.symbol, item.command, item.replayed) for item in answers.divergences] == [("ACME", "place", None)]


def test_a_change_is_found_by_its_order_and_terms() -> None:
    changed = call("modify", 3, id="77", quantity=10, price=9_900)
    found, answers, _ = broker([call("orders", 0, Rows([ROW])), changed], [call("cancel", 60, id="77")])
    found.begin_step()
    found.orders()
    found.modify("77", quantity=10, price=9_900)
    found.end_step()
    found.end_run()
    assert [(item.symbol, item.command, item.replayed) for item in answers.divergences] == [("ACME", "cancel", None)]


def test_quotes_of_other_symbols_come_from_the_same_step() -> None:
    quotes = {name: Quote(name, 100, AT, "kite") for name in ("ACME", "BRAVO")}
    found, answers, _ = broker([call("quotes", 1, quotes, symbols=["ACME", "BRAVO"])])
    found.begin_step()
    assert found.quotes(["BRAVO", "ZULU"]) == {"BRAVO": quotes["BRAVO"]}
    assert found.quotes(["ACME", "BRAVO"]) == quotes
    assert answers.unread == {"quotes": 1}
