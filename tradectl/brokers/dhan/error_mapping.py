"""Map Dhan's replies to the program's errors. After a failed command the question is: can the order exist?

`PROOFS` lists the replies that prove that Dhan did not carry out the command. Every other reply is Ambiguous. A code alone is
not enough, so the message counts too. DH-905 means a bad value or an unlisted address. DH-906 means an ended session, an
unknown order, or an order that cannot be cancelled yet. DH-906 to a new order proves nothing: its message does not tell whether
Dhan's order system has the order.

Sources: dhanhq.co/docs/v2/annexure (codes); replies measured in public repositories, 2026-09.
"""

from __future__ import annotations

import re
from typing import Any

from tradectl.brokers.http.replies import CHANGES, CommandKind, Meaning, Proof, ReplyPhase, proof_of, refused
from tradectl.brokers.http.strict_json import brief, text_of
from tradectl.brokers.http.transport import Reply
from tradectl.errors import (
    Ambiguous,
    BrokerUnavailable,
    ConfigurationError,
    LoginNeeded,
    NotWhitelisted,
    OrderRefused,
    TradectlError,
)

_ANNEXURE, _MEASURED = "dhanhq.co/docs/v2/annexure", "measured in public repositories, 2026-09"
_400 = frozenset({400})
PROOFS = (
    Proof(Meaning.ADDRESS, _400, f"{_MEASURED}; docs/v2/authentication (static IP)", code="DH-905", text=r"^Invalid IP\b"),
    Proof(Meaning.REFUSED, _400, f"{_ANNEXURE} (Input_Exception); {_MEASURED}", code="DH-905"),
    Proof(Meaning.SESSION, frozenset({401}), f"{_ANNEXURE} (Invalid_Authentication)", code="DH-901"),
    Proof(Meaning.SESSION, frozenset({400, 401}), _MEASURED, code="DH-906", text=r"^Invalid Token$"),
    Proof(Meaning.PERMISSION, frozenset({400, 403}), f"{_ANNEXURE} (Invalid_Access)", code="DH-902"),
    Proof(Meaning.REFUSED, _400, f"{_ANNEXURE} (User_Account)", code="DH-903"),
    Proof(
        Meaning.PHASE,
        _400,
        _MEASURED,
        code="DH-906",
        text=r"^Order is in Transit state",
        commands=CHANGES,
        phase=ReplyPhase.AFTER,
    ),
)
"""Replies that prove that a command was not carried out."""
_LIST_IT = (
    "No order is sent until you list this machine's IP at web.dhan.co (My Profile). If the listed IP is IPv4, "
    "`tradectl broker set dhan` with connect_by=ipv4 uses it"
)
ORDER_ERROR, NO_HOLDINGS = "DH-906", "DH-1111"
_NO_SESSION = frozenset({"DH-901", "807", "808", "809", "810"})
_NO_ACCESS = frozenset({"DH-902", "806"})
"""Error codes of read requests (annexure). 806: the account does not subscribe to the Data APIs."""
_CODES = (
    (
        re.compile(r"fund limit insufficient|insufficient (fund|balance|margin)|margin (exceed|short)", re.IGNORECASE),
        "funds",
    ),
    (re.compile(r"\b(TPIN|e-?DIS|CDSL|DDPI)\b|needs? authori[sz]ation|authori[sz]ation at", re.IGNORECASE), "authorisation"),
    (re.compile(r"sell more than the quantity|insufficient holding", re.IGNORECASE), "holdings"),
    (re.compile(r"circuit limit", re.IGNORECASE), "band"),
    (re.compile(r"tick size|multiple of", re.IGNORECASE), "tick"),
    (re.compile(r"market (is )?closed|\bAMO\b", re.IGNORECASE), "phase"),
)
"""Patterns of the reason text of a rejected order, each with the program's code; the first match counts.

Source: rows in public repositories since 2025.
"""


class OrderError(Ambiguous):
    """Dhan replied DH-906 to a change or a cancel. The order's row shows whether the order has ended."""


def judge(reply: Reply, command: CommandKind = CommandKind.PLACE) -> TradectlError | None:
    """Return the error that the reply to a command means; None for a success with an order id."""
    content = reply.object()
    success = frozenset({200}) if command is CommandKind.PLACE else frozenset({200, 202})
    if reply.status in success and "orderId" in content and not content.get("errorCode"):
        return None
    code, message = text_of(content.get("errorCode")), text_of(content.get("errorMessage"))
    found = proof_of(PROOFS, reply.status, {code}, message, command, content=content) if message else None
    message = brief(message)
    if found is not None:
        return _documented(found, message)
    doubt = OrderError if command is CommandKind.CHANGE and (reply.status, code) == (400, ORDER_ERROR) else Ambiguous
    return doubt(f"Dhan replied {reply.status} {brief(code)} {message}".rstrip())


def judge_change(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to a change or a cancel means; None for a success."""
    return judge(reply, CommandKind.CHANGE)


def judge_read(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to a read means; None for a success."""
    try:
        content = reply.json()
    except ValueError:
        return BrokerUnavailable(f"Dhan replied {reply.status} without JSON")
    code, message = _failure(content)
    if reply.status == 200 and not code:
        return None
    if code in _NO_SESSION or (code, message) == (ORDER_ERROR, "Invalid Token"):
        return _no_session(brief(message))
    if code in _NO_ACCESS:
        return ConfigurationError(f"Dhan does not permit this (its Data APIs are a paid add-on): {brief(message)}")
    return BrokerUnavailable(f"Dhan replied {reply.status} {brief(f'{code} {message}')}".rstrip())


def judge_holdings(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to holdings means; None for a success.

    For an account without holdings Dhan replies with status 500 and DH-1111 (measured 2026-09), which is a success.
    """
    return None if no_holdings(reply.object()) else judge_read(reply)


def judge_list(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to the list of instruments (CSV) means; None for a list."""
    return (
        None
        if reply.status == 200 and b"SECURITY_ID" in reply.content[:2000]
        else judge_read(reply) or BrokerUnavailable("Dhan's reply is not an instrument list")
    )


def no_holdings(content: Any) -> bool:
    """Return whether a reply reports that the account has no holdings."""
    return isinstance(content, dict) and content.get("errorCode") == NO_HOLDINGS


def rejection(reason: str) -> OrderRefused:
    """Return the refusal that the reason text of a rejected order means. A lack of funds may pass."""
    code = next((code for pattern, code in _CODES if pattern.search(reason)), "refused")
    return OrderRefused(reason, code=code, passing=code == "funds")


def _failure(content: Any) -> tuple[str, str]:
    """Return the code and the message of a failed reply; two empty texts for a success."""
    if not isinstance(content, dict):
        return "", ""
    if "errorCode" in content or "errorType" in content:
        return text_of(content.get("errorCode")) or "no code", text_of(content.get("errorMessage"))
    if content.get("status", "success") == "success":
        return "", ""
    data = content.get("data")
    code, message = next(iter(data.items()), ("", "")) if isinstance(data, dict) else ("", "")
    return text_of(code) or "no code", text_of(message)


def _documented(found: Proof, message: str) -> TradectlError:
    match found.meaning:
        case Meaning.SESSION:
            return _no_session(message)
        case Meaning.ADDRESS:
            return NotWhitelisted(f"Dhan accepts orders only from listed IP addresses: {message}. {_LIST_IT}")
        case Meaning.PERMISSION:
            return ConfigurationError(f"Dhan does not permit this: {message}")
    return refused(found.meaning, message)


def _no_session(message: str) -> LoginNeeded:
    return LoginNeeded(f"Dhan rejected the session: {message}; run `tradectl login`")
