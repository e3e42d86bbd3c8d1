"""OpenAlgo's answers: what may have been carried out is never called a refusal."""

from __future__ import annotations

import json

import pytest

from tradectl.brokers.http.transport import Reply
from tradectl.brokers.openalgo.error_mapping import judge, judge_change, judge_read
from tradectl.errors import (
    Ambiguous,
    BrokerUnavailable,
    ConfigurationError,
    LoginNeeded,
    NotWhitelisted,
    OrderRefused,
    TradectlError,
)


def reply(http: int, /, **content: object) -> Reply:
    return Reply(http, json.dumps(content).encode())


def error(http: int, message: str, **more: object) -> Reply:
    return reply(http, status="error", message=message, **more)


@pytest.mark.parametrize(
    ("status", "message", "kind", "code"),
    [
        (400, "Insufficient funds. Required margin is 100 but available margin is 1.", OrderRefused, "funds"),
        (400, "RMS:Margin Exceeds, Required:100, Available:1", OrderRefused, "funds"),
        (400, "Insufficient stock holdings", OrderRefused, "holdings"),
        (400, "Markets are closed right now", OrderRefused, "phase"),
        (400, "{'quantity': ['Quantity must be a positive number.']}", OrderRefused, "refused"),
        (400, "Missing mandatory field(s): apikey", OrderRefused, "refused"),
        (400, "Tick size for this script is 0.05", OrderRefused, "tick"),
        (404, "Broker-specific module not found", ConfigurationError, ""),
        (403, "Invalid openalgo apikey", LoginNeeded, ""),
        (403, "Incorrect `api_key` or `access_token`.", LoginNeeded, ""),
        (403, "IP (10.0.0.1) is not allowed to place orders for this app.", NotWhitelisted, ""),
        (400, "unauthorized: IP not whitelisted", NotWhitelisted, ""),
    ],
)
def test_documented_words_are_proof_that_nothing_was_done(
    status: int, message: str, kind: type[TradectlError], code: str
) -> None:
    found = judge(error(status, message))
    assert type(found) is kind
    if isinstance(found, OrderRefused):
        assert (found.code, found.passing, found.reason) == (code, code == "funds", message)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Order cannot be cancelled as it is being processed. Try later.", OrderRefused),
        (400, "Maximum allowed order modifications exceeded.", OrderRefused),
        (400, "order is completed", OrderRefused),
        (403, "Modify order operation is not allowed in Semi-Auto mode.", ConfigurationError),
    ],
)
def test_words_about_a_change_are_no_proof_about_a_new_order(status: int, message: str, kind: type[TradectlError]) -> None:
    assert type(judge_change(error(status, message))) is kind
    assert type(judge(error(status, message))) is Ambiguous


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "Order 250408000989443 not found"),
        (401, "go away"),
        (403, "You may not"),
        (400, "Failed to place order"),
        (400, "Order failed, but do not retry: Insufficient funds"),
        (422, "Insufficient stock holdings"),
        (409, "Invalid openalgo apikey"),
    ],
)
def test_words_that_nobody_documents_prove_nothing(status: int, message: str) -> None:
    assert type(judge(error(status, message))) is type(judge_change(error(status, message))) is Ambiguous


@pytest.mark.parametrize("status", sorted({200, 201, 302, 400, 401, 403, 404, 405, 408, 409, 422, 500, 502, 503, 504}))
def test_what_nobody_can_read_may_have_been_carried_out(status: int) -> None:
    for content in (b"<html>", b"[]", b"{}", b'{"status":"error"}', b'{"status":"success"}'[:-3]):
        assert type(judge(Reply(status, content))) is Ambiguous


@pytest.mark.parametrize("status", [200, 201, 308, 401, 402, 404, 405, 408, 409, 410, 422, 425, 429, 500, 501, 502, 503, 504])
def test_a_refusal_with_another_status_may_have_been_carried_out(status: int) -> None:
    """OpenAlgo answers 500 for whatever went wrong within, after the broker may have taken the order."""
    for message in ("Failed to place order due to internal error", "Insufficient funds", "Invalid openalgo apikey"):
        assert type(judge(error(status, message))) is Ambiguous


@pytest.mark.parametrize(
    "message", ["Request timed out", "OMS gateway error", "Unable to connect: network unreachable", "connection reset by peer"]
)
def test_a_4xx_that_speaks_of_the_way_to_the_broker_is_no_proof(message: str) -> None:
    assert type(judge(error(400, message))) is Ambiguous


def test_an_answer_in_analyzer_mode_is_of_nothing_real() -> None:
    for answer in (
        reply(200, status="success", orderid="SB-1", mode="analyze"),
        error(400, "wrong", mode="analyze"),
    ):
        assert type(judge(answer)) is type(judge_read(answer)) is ConfigurationError
    assert type(judge(error(500, "wrong", mode="analyze"))) is Ambiguous


def test_an_order_that_waits_for_a_person_may_still_be_released() -> None:
    found = judge(reply(200, status="success", message="Order queued for approval", mode="semi_auto", pending_order_id=1))
    assert type(found) is Ambiguous


def test_a_success_is_the_answer() -> None:
    for mode in ({}, {"mode": "live"}):
        assert judge(reply(200, status="success", orderid="1", **mode)) is None
        assert judge_read(reply(200, status="success", data=[], **mode)) is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(403, "Invalid openalgo apikey"), LoginNeeded),
        (error(500, "Client error '403 Forbidden' for url 'https://api.kite.trade/orders'"), LoginNeeded),
        (error(401, "no"), LoginNeeded),
        (error(500, "cannot access local variable 'order_status'"), BrokerUnavailable),
        (error(404, "Broker-specific module not found"), BrokerUnavailable),
        (Reply(200, b"<html>"), BrokerUnavailable),
        (Reply(503, b"<html>"), BrokerUnavailable),
    ],
)
def test_a_read_that_fails_says_whether_a_login_helps(answer: Reply, kind: type[TradectlError]) -> None:
    assert type(judge_read(answer)) is kind
