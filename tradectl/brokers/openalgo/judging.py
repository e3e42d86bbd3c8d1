"""What an answer of OpenAlgo's means. After a failed command one question counts: may the order exist?

OpenAlgo passes on the status and the message of the broker behind it, without that broker's error type. A 4xx that can be parsed
is proof that nothing was done, unless its message speaks of a connection that failed on the way. Everything else, 500 above all
(with which OpenAlgo answers whatever went wrong within, and several of its brokers' refused cancels), is not.

An answer in the mode `analyze` comes from OpenAlgo's own sandbox: nothing of it is real, so no command of ours was carried out at
a broker, and no row of it is ours. With `semi_auto` an order waits for a person, who may release it any time.

Source: openalgo, services/*_order_service.py, order_router_service.py, auth_db; its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tradectl.brokers.transport import Reply
from tradectl.errors import (
    Ambiguous,
    BrokerUnavailable,
    ConfigurationError,
    LoginNeeded,
    NotWhitelisted,
    OrderRefused,
    TradectlError,
)

REFUSALS = frozenset({400, 401, 403, 404, 422})
"""The statuses after which nothing was done, where the answer can be parsed."""
_ON_THE_WAY = re.compile(
    r"timed? ?out|gateway|network|connection|unreachable|unavailable|no response|internal error", re.IGNORECASE
)
"""Words of a message, at any status, after which the broker behind may have carried it out."""
_IP = re.compile(r"\bIPs?\b|\bIP address|whitelist", re.IGNORECASE)
"""No source has the wording of the refusal of an unlisted address; that it names the IP is all that is assumed."""
_LOGIN = re.compile(
    r"api ?key|access[_` ]*token|auth[a-z]* token|(invalid|expired|incorrect) (token|session)|(token|session) (is |has )?"
    r"(invalid|expired)|log ?in|\b401\b|\b403\b|unauthori[sz]ed|forbidden",
    re.IGNORECASE,
)
"""The API key is wrong, or OpenAlgo is not logged in at its broker: it says `Invalid openalgo apikey` for both."""
_SEMI_AUTO = re.compile(r"semi-?auto", re.IGNORECASE)
_CODES = (
    (re.compile(r"insufficient (fund|balance|margin|cash)|margin exceeds|fund limit", re.IGNORECASE), "funds"),
    (re.compile(r"holding", re.IGNORECASE), "holdings"),
    (re.compile(r"markets? (is|are) closed|after market|\bAMO\b", re.IGNORECASE), "phase"),
    (re.compile(r"order modifications", re.IGNORECASE), "modifications"),
    (re.compile(r"circuit|price band", re.IGNORECASE), "band"),
    (re.compile(r"tick size", re.IGNORECASE), "tick"),
)
"""What our own code of a refusal is, by words of its message (the first that is found): the messages are the brokers'."""


def judge(reply: Reply) -> TradectlError | None:
    """Of the answer to a command: None for a success. Ambiguous for what nobody can read."""
    content = reply.object()
    message = _message(content)
    if content.get("mode") == "analyze":
        return _analyzing()
    if content.get("mode") == "semi_auto":
        return Ambiguous("the order waits in OpenAlgo's Action Center for a person to approve it: reject it there")
    if _is_success(reply, content):
        return None
    if content.get("status") != "error" or reply.status not in REFUSALS or not message or _ON_THE_WAY.search(message):
        return Ambiguous(f"OpenAlgo answered {reply.status} {message}".rstrip())
    return _refused(reply.status, message)


def judge_read(reply: Reply) -> TradectlError | None:
    """Of the answer to a read: None for a success, BrokerUnavailable for whatever else has no better name."""
    content = reply.object()
    message = _message(content)
    if content.get("mode") == "analyze":
        return _analyzing()
    if _is_success(reply, content):
        return None
    if content.get("status") == "error" and (reply.status == 401 or _LOGIN.search(message)):
        return _not_logged_in(message)
    return BrokerUnavailable(f"OpenAlgo answered {reply.status} {message}".rstrip())


def _refused(status: int, message: str) -> TradectlError:
    if _IP.search(message):
        return NotWhitelisted(f"the broker behind OpenAlgo takes orders from listed addresses only: {message}")
    if _SEMI_AUTO.search(message):
        return ConfigurationError(f"OpenAlgo is in its semi-auto mode, in which a person approves each order: {message}")
    if status == 401 or (status == 403 and _LOGIN.search(message)):
        return _not_logged_in(message)
    if status in {403, 404} and "order" not in message.lower():
        return ConfigurationError(f"OpenAlgo does not permit this: {message}")
    code = next((code for words, code in _CODES if words.search(message)), "refused")
    return OrderRefused(message, code=code, passing=code == "funds")


def _is_success(reply: Reply, content: Mapping[str, Any]) -> bool:
    return reply.status == 200 and content.get("status") == "success"


def _analyzing() -> TradectlError:
    return ConfigurationError("OpenAlgo is in its analyzer (sandbox) mode, where nothing is real: switch it to live first")


def _not_logged_in(message: str) -> TradectlError:
    return LoginNeeded(f"OpenAlgo does not know the API key, or is not logged in at its broker: {message}")


def _message(content: Mapping[str, Any]) -> str:
    return " ".join(str(content.get("message") or "").split())
