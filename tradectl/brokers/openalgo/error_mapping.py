"""Map OpenAlgo's replies to the program's errors. After a failed command the question is: can the order exist?

OpenAlgo passes on the status and the message of the broker behind it, without that broker's error type. So `PROOFS` lists
messages that OpenAlgo sends before it calls the broker, or that a broker sends before it accepts an order. Every other reply is
Ambiguous. That includes every 500: OpenAlgo sends it for its own errors, and with several brokers also for a rejected cancel.

A reply in the mode `analyze` comes from OpenAlgo's sandbox: no command was carried out at a broker, and its rows are not real.
In the mode `semi_auto` an order waits until a person approves it, which may happen at any time.

Source: openalgo, services/*_order_service.py, order_router_service.py, restx_api, auth_db; its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    TradectlError,
    UsageError,
)

_OWN, _SERVICE, _KITE = "openalgo restx_api", "openalgo services", "Kite's words"
_400, _403 = frozenset({400}), frozenset({403})
_FIELDS = (
    "apikey", "strategy", "exchange", "symbol", "action", "product", "pricetype", "quantity", "price", "trigger_price",
    "disclosed_quantity", "underlying_ltp", "orderid",
)  # fmt: skip
_SCHEMA = rf"^\{{(['\"]({'|'.join(_FIELDS)})['\"]: ?\[[^\[\]{{}}]*\](, ?)?)+\}}$"
"""The form of OpenAlgo's own schema errors: for each wrong field, a list of messages. Other JSON text comes from the broker."""
PROOFS = (
    Proof(Meaning.ANALYZER, frozenset({200, 400, 404}), f"{_SERVICE}/place_order_service.py", code="analyze"),
    Proof(Meaning.REFUSED, _400, f"{_OWN}/place_order.py (schema)", text=_SCHEMA),
    Proof(Meaning.REFUSED, _400, f"{_SERVICE}/place_order_service.py",
          text=r"^(Missing mandatory field\(s\): |Invalid (exchange|action|price type|product type)\. Must be one of: |"
               r"Order ID is missing$)"),
    Proof(Meaning.SESSION, _403, f"{_SERVICE}/place_order_service.py, order_router_service.py",
          text=r"^(Invalid openalgo apikey|Invalid API key)$"),
    Proof(Meaning.SESSION, _403, f"{_KITE} for an ended session", text=r"^Incorrect `?api_key`? or `?access_token`?\.?$"),
    Proof(Meaning.PERMISSION, _403, f"{_SERVICE} (semi-auto mode)", text=r"not allowed in semi-auto mode", commands=CHANGES),
    Proof(Meaning.PERMISSION, frozenset({404}), f"{_SERVICE}/place_order_service.py", text=r"^Broker-specific module not found$"),
    Proof(Meaning.ADDRESS, _403, f"{_KITE}; public repositories, 2026", text=r"\bIPs?\b.* not allowed to place orders"),
    Proof(Meaning.ADDRESS, frozenset({400, 403}), "Kotak's words, static-ip-details", text=r"^unauthorized: IP not whitelisted$"),
    Proof(Meaning.FUNDS, _400, f"{_KITE}, kiteconnect-mocks (MarginException)",
          text=r"^Insufficient funds\. Required margin is |^RMS: ?Margin Exceeds"),
    Proof(Meaning.HOLDINGS, _400, f"{_KITE} (HoldingException)", text=r"^Insufficient (stock )?holdings?\b"),
    Proof(Meaning.AUTHORISATION, _400, f"{_KITE}, forum 8716",
          text=r"quantity needs authori[sz]ation at (the )?depository"),
    Proof(Meaning.PHASE, _400, f"{_KITE} (InputException)", text=r"^Markets are closed right now"),
    Proof(Meaning.BAND, _400, f"{_KITE} (InputException)", text=r"^RMS: ?Rule: ?Check circuit limit"),
    Proof(Meaning.TICK, _400, f"{_KITE} (InputException)", text=r"^Tick size for this script is "),
    Proof(Meaning.FINISHED, _400, f"{_KITE}, forum 7489, 8106",
          text=r"^Order cannot be (modified|cancelled) as it is being processed", commands=CHANGES, phase=ReplyPhase.AFTER),
    Proof(Meaning.MODIFICATIONS, _400, f"{_KITE}, public repositories", text=r"^Maximum allowed order modifications exceeded",
          commands=CHANGES, phase=ReplyPhase.AFTER),
    Proof(Meaning.FINISHED, _400, "Kotak's words (1021)", text=r"^order is completed", commands=CHANGES, phase=ReplyPhase.AFTER),
)  # fmt: skip
"""Replies that prove that a command was not carried out."""
_LOGIN = re.compile(
    r"api ?key|access[_` ]*token|auth[a-z]* token|(invalid|expired|incorrect) (token|session)|(token|session) (is |has )?"
    r"(invalid|expired)|log ?in|\b401\b|\b403\b|unauthori[sz]ed|forbidden",
    re.IGNORECASE,
)
"""Messages for a wrong API key, or for an OpenAlgo that is not logged in at its broker. `Invalid openalgo apikey` stands for
both."""

_UNLISTED = re.compile(r"^Symbol .* not found in exchange", re.IGNORECASE)
_UNBOUND = "local variable 'order_status'"
"""Part of a Python error: the server's Zerodha adapter cannot read the status of the first row of the order book."""
_NO_BOOK = (
    "OpenAlgo cannot show the order book: its first row is a manual after-market order, which OpenAlgo cannot read. "
    "Nothing is sent until NSE takes that order at 09:00, or until you cancel it at the broker"
)


def judge(reply: Reply, command: CommandKind = CommandKind.PLACE) -> TradectlError | None:
    """Return the error that the reply to a command means; None for a success, Ambiguous for a failure not in `PROOFS`."""
    content = reply.object()
    mode, message = text_of(content.get("mode")), text_of(content.get("message"))
    if mode == "semi_auto":
        return Ambiguous("the order waits in OpenAlgo's Action Center for a person to approve it: reject it there")
    if mode != "analyze" and _is_success(reply, content):
        return None
    found = None
    if content.get("status") == "error" or mode == "analyze":
        found = proof_of(PROOFS, reply.status, {mode}, message, command, content=content)
    message = brief(message)
    return _documented(found, message) if found is not None else Ambiguous(f"OpenAlgo replied {reply.status} {message}".rstrip())


def judge_change(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to a change or a cancel means; None for a success."""
    return judge(reply, CommandKind.CHANGE)


def judge_read(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to a read means; None for a success, BrokerUnavailable for an unknown failure."""
    content = reply.object()
    message = text_of(content.get("message"))
    if content.get("mode") == "analyze":
        return _analyzing()
    if _is_success(reply, content):
        return None
    if reply.status == 404 and _UNLISTED.search(message):
        return UsageError(f"OpenAlgo does not list the symbol: {brief(message)}")
    if reply.status == 500 and _UNBOUND in message:
        return BrokerUnavailable(_NO_BOOK)
    if content.get("status") == "error" and (reply.status == 401 or _LOGIN.search(message)):
        return _not_logged_in(brief(message))
    return BrokerUnavailable(f"OpenAlgo replied {reply.status} {brief(message)}".rstrip())


def _documented(found: Proof, message: str) -> TradectlError:
    match found.meaning:
        case Meaning.ANALYZER:
            return _analyzing()
        case Meaning.SESSION:
            return _not_logged_in(message)
        case Meaning.ADDRESS:
            text = f"the broker behind OpenAlgo accepts orders only from listed IP addresses: {message}"
            return NotWhitelisted(f"{text}. No order is sent until the address of OpenAlgo's machine is listed at that broker")
        case Meaning.PERMISSION:
            mode = "is in its semi-auto mode, in which a person approves each order" if "auto mode" in message.lower() else ""
            return ConfigurationError(f"OpenAlgo {mode or 'does not permit this'}: {message}")
    return refused(found.meaning, message)


def _is_success(reply: Reply, content: Mapping[str, Any]) -> bool:
    return reply.status == 200 and content.get("status") == "success"


def _analyzing() -> TradectlError:
    return ConfigurationError("OpenAlgo is in its analyzer (sandbox) mode and sends no real orders: switch it to live first")


def _not_logged_in(message: str) -> TradectlError:
    return LoginNeeded(f"OpenAlgo does not know the API key, or is not logged in at its broker: {message}; run `tradectl login`")
