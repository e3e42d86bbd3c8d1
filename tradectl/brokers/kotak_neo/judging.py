"""What an answer means: the HTTP status, and Kotak's own `stCode`, `stat` and `errMsg`, become our errors.

A refusal is believed only where Kotak itself says it, in JSON and in its own shape. After a command, everything else that is
not the answer asked for leaves its fate open: a 5xx (502: the order system could not be reached), also where it is only the
code in the body, and a page for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tradectl.brokers.transport import Reply
from tradectl.errors import Ambiguous, BrokerUnavailable, LoginNeeded, NotWhitelisted, OrderRefused, TradectlError

FINISHED = 1021
NO_DATA = 5203
"""Kotak's code for an empty book, with the words `No Data`."""
_STRANGE_ADDRESS = frozenset({100008, 1037})
"""Not a listed address; not the address that logged in."""
_NO_SESSION = frozenset({100021, 100022, 200032})
"""A token of the first step only; a token that has ended; a base address that is not this session's."""
_REPEATED = re.compile(r"client order ?id already exists", re.IGNORECASE)
_SESSION = re.compile(
    r"(invalid|expired) session|session (token )?(has )?(is )?(expired|invalid)|re-?login|invalid (jwt|token)", re.I
)
_FUNDS = re.compile(r"\bmargin\b|insufficient (funds?|balance|cash)|\bfunds? (is |are )?(insufficient|short)", re.IGNORECASE)
_NOTHING = re.compile(r"\bno (data|orders?|trades?|holdings?|positions?)( (is |are )?(found|available))?\b", re.IGNORECASE)


class SessionUnknown(LoginNeeded):
    """Kotak says in its own words that it does not know the session. A bare 401 or 403, which may come from whatever stands
    before Kotak, is a login that is needed and the end of no session."""


@dataclass(frozen=True, slots=True)
class Said:
    """What Kotak says in its own shape. `code` is 0 where there is none; `text` has every word of it; `failed`: it says no;
    `broken`: some code of it is one of a server in trouble, whatever the HTTP status is."""

    code: int
    text: str
    ok: bool
    failed: bool
    broken: bool


def said(reply: Reply) -> Said | None:
    """Kotak's own words; None where the answer is not a JSON object."""
    try:
        body = reply.json()
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    inner = body.get("data")
    if "stat" not in body and isinstance(inner, dict) and ("stat" in inner or "error" in inner):
        body = inner  # the history and some failures have everything one level down
    words = [str(body[key]) for key in ("stat", "errMsg", "message") if body.get(key)]
    codes = [_number(body.get("stCode"))]
    listed = body.get("error")
    if isinstance(listed, list):
        for item in listed:
            if isinstance(item, Mapping):
                words.append(str(item.get("message", "")))
                codes.append(_number(item.get("code")))
    code = next(filter(None, codes), 0)
    ok = str(body.get("stat", "")).lower() == "ok" and code in {0, 200}
    failed = not ok and bool(body.get("errMsg") or listed or str(body.get("stat", "")).lower() == "not_ok")
    return Said(code, ": ".join(filter(None, words)), ok, failed, any(500 <= found < 600 for found in codes))


def command(reply: Reply) -> TradectlError | None:
    """After a command that changes something. None where Kotak has taken it, which says nothing of the exchange."""
    words = said(reply)
    if reply.status >= 500 or (words is not None and words.broken):
        told = f"{reply.status} {words.text if words is not None else ''}".rstrip()
        return Ambiguous(f"Kotak answered {told}: what became of the order is not known")
    if words is None or not (words.ok or words.failed):
        return Ambiguous(f"Kotak's answer ({reply.status}) could not be read")
    if words.ok and reply.status < 300:
        return None
    return _access(reply, words) or _refusal(words)


def read(reply: Reply) -> TradectlError | None:
    """After a request that changes nothing. None also where Kotak says, in so many words, that there is nothing."""
    words = said(reply)
    if words is not None and words.broken:
        return BrokerUnavailable(f"Kotak answered {reply.status} {words.text}".rstrip())
    failure = _access(reply, words)
    if failure is not None:
        return failure
    if reply.status < 300 and _is_json(reply) and (words is None or not words.failed):
        return None
    if words is not None and reply.status < 500 and is_empty(words):
        return None
    return BrokerUnavailable(f"Kotak answered {reply.status}{': ' + words.text if words is not None and words.text else ''}")


def is_empty(words: Said) -> bool:
    """Whether Kotak says that there is no data, which it does in the shape of a failure."""
    return words.failed and bool(_NOTHING.search(words.text)) and words.code in {0, 200, NO_DATA}


def login(reply: Reply) -> TradectlError | None:
    """After a step of the login. A refusal may come with a 200."""
    words = said(reply)
    if reply.status >= 500 or words is None or words.broken:
        return BrokerUnavailable(
            f"Kotak answered the login with {reply.status} {words.text if words is not None else ''}".rstrip()
        )
    if reply.status >= 300 or words.failed:
        failure = _access(reply, words)
        refused = LoginNeeded(f"Kotak refused the login: {words.text or reply.status}")
        return failure if isinstance(failure, NotWhitelisted) else refused
    return None


def file(reply: Reply) -> TradectlError | None:
    """After the request of a file."""
    return None if reply.status == 200 else BrokerUnavailable(f"Kotak answered {reply.status} for the list of instruments")


def _access(reply: Reply, words: Said | None) -> TradectlError | None:
    """Whether it is we who are not let in."""
    text = words.text if words is not None else ""
    if words is not None and words.code in _STRANGE_ADDRESS:
        return NotWhitelisted(f"Kotak does not know the address that we come from: {text}")
    if words is not None and (words.code in _NO_SESSION or (words.failed and _SESSION.search(text))):
        return SessionUnknown(f"Kotak does not know our session: {text}; `tradectl login` makes one")
    if reply.status in {401, 403}:
        return LoginNeeded(f"Kotak does not let us in: {text or reply.status}; `tradectl login --again` makes a new session")
    return None


def _refusal(words: Said) -> OrderRefused:
    if _REPEATED.search(words.text):
        return OrderRefused(words.text, code="repeated_tag")
    if words.code == FINISHED:
        return OrderRefused(words.text, code="finished")
    return refusal(words.text)


def refusal(reason: str) -> OrderRefused:
    """A refusal in Kotak's words: one for want of money may pass."""
    if _FUNDS.search(reason):
        return OrderRefused(reason, code="funds", passing=True)
    return OrderRefused(reason)


def _is_json(reply: Reply) -> bool:
    try:
        reply.json()
    except ValueError:
        return False
    return True


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
