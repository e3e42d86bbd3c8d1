"""What each answer of Kite's is taken for."""

from __future__ import annotations

import json

import pytest

from tradectl.brokers.http.replies import names_an_order
from tradectl.brokers.http.transport import Reply
from tradectl.brokers.kite.error_mapping import judge, judge_list
from tradectl.errors import Ambiguous, ConfigurationError, LoginNeeded, NotWhitelisted, OrderRefused, TradectlError


def answer(status: int, word: str, message: str = "no") -> Reply:
    return Reply(status, json.dumps({"status": "error", "message": message, "error_type": word, "data": None}).encode())


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(403, "TokenException"), LoginNeeded),
        (answer(403, "PermissionException"), ConfigurationError),
        (answer(403, "PermissionException", "Request from IP 10.0.0.1 is not allowed"), NotWhitelisted),
        (answer(403, "PermissionException", "Request from 10.0.0.1: IP mismatch"), NotWhitelisted),
        (answer(400, "InputException", "No IPs configured for this app. Add allowed IPs on the console."), NotWhitelisted),
        (answer(400, "InputException", "The static IP of this request is another"), NotWhitelisted),
        (answer(400, "InputException", "Script IP123 is not allowed"), OrderRefused),
        (answer(503, "NetworkException", "IP is not allowed"), Ambiguous),
        (answer(400, "InputException"), OrderRefused),
        (answer(400, "MarginException"), OrderRefused),
        (answer(400, "HoldingException"), OrderRefused),
        (answer(400, "UserException"), OrderRefused),
        (answer(400, "OrderException"), Ambiguous),
        (answer(400, "GeneralException"), Ambiguous),
        (answer(400, "SomethingNew"), Ambiguous),
        (answer(400, "TokenException"), Ambiguous),
        (answer(400, "InputException", "the request to the OMS timed out"), Ambiguous),
        (answer(400, "InputException", ""), Ambiguous),
        (answer(403, "InputException"), Ambiguous),
        (answer(403, "MarginException"), Ambiguous),
        (answer(401, "TokenException"), Ambiguous),
        (answer(428, "TPINAuthException", "quantity needs authorisation at depository."), Ambiguous),
        (answer(429, "InputException", "Too many requests"), Ambiguous),
        (answer(200, "InputException"), Ambiguous),
        (Reply(400, b'{"status":"error","message":"no","error_type":"InputException","data":{"order_id":"1"}}'), Ambiguous),
        (Reply(400, b'{"message":"no","error_type":"InputException"}'), Ambiguous),
        (Reply(400, b'{"status":"error","message":["no"],"error_type":"InputException"}'), Ambiguous),
        (Reply(403, b'{"status":"error","message":"forbidden","error_type":null}'), Ambiguous),
        (answer(400, "NetworkException"), Ambiguous),
        (answer(400, "DataException"), Ambiguous),
        (answer(500, "OrderException"), Ambiguous),
        (answer(500, "GeneralException"), Ambiguous),
        (answer(502, "DataException"), Ambiguous),
        (answer(503, "NetworkException"), Ambiguous),
        (answer(500, "InputException"), Ambiguous),
        (answer(504, ""), Ambiguous),
        (Reply(200, b"<html>"), Ambiguous),
        (Reply(200, b'{"data": {}}'), Ambiguous),
        (Reply(200, b"[]"), Ambiguous),
        (Reply(400, b"<html>"), Ambiguous),
        (Reply(302, b""), Ambiguous),
    ],
)
def test_proof_of_no_is_told_from_nobody_knows(reply: Reply, error: type[TradectlError]) -> None:
    assert type(judge(reply)) is error


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"order_id": "151220000000000"}, True),
        ({"data": [{"a": {"nOrdNo": 220621000000097}}]}, True),
        ({"message": "taken as order 151220000000000"}, True),
        ({"message": '{"orderid": "250408000989443"}'}, True),
        ({"order_id": None, "nOrdNo": "0", "orderid": ""}, False),
        ({"message": "RMS:Margin Exceeds,Cash Available:1000000.00,Required:2000000.00 for order of 150000 shares"}, False),
        ({"request_id": "151220000000000"}, False),
        ([], False),
    ],
)
def test_a_reply_that_names_an_order(content: object, named: bool) -> None:
    assert names_an_order(content) is named


def test_a_success_is_no_error() -> None:
    assert judge(Reply(200, b'{"status": "success", "data": []}')) is None
    assert judge_list(Reply(200, b"instrument_token,exchange_token\n")) is None
    assert isinstance(judge_list(Reply(200, b"")), Ambiguous)
    assert isinstance(judge_list(answer(403, "TokenException")), LoginNeeded)


@pytest.mark.parametrize(
    ("word", "message", "code", "passing"),
    [
        ("MarginException", "Insufficient funds.", "funds", True),
        ("HoldingException", "Insufficient holdings.", "holdings", False),
        ("InputException", "Markets are closed right now.", "phase", False),
        ("InputException", "RMS:Rule: Check circuit limit including square off order exceeds", "band", False),
        ("InputException", "Maximum allowed order modifications exceeded.", "modifications", False),
        ("InputException", "Invalid `tag`.", "refused", False),
    ],
)
def test_a_refusal_says_whether_it_may_pass(word: str, message: str, code: str, passing: bool) -> None:
    refusal = judge(answer(400, word, message))
    assert isinstance(refusal, OrderRefused)
    assert (refusal.reason, refusal.code, refusal.passing) == (message, code, passing)
