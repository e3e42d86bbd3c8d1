"""Map the HTTP status and Kotak's own `stCode`, `stat` and `errMsg` to the program's errors.

A failed command counts as refused only if `PROOFS` lists Kotak's code together with its message. Kotak publishes no list of
codes, so the rows come from replies in its issue trackers and from its SDK. After any other failure the outcome of the order is
unknown: any 5xx, a 4xx without a row, a `Not_Ok` with another message, an HTML page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tradectl.brokers.http.replies import CHANGES, PLACES, CommandKind, Meaning, Proof, ReplyPhase, proof_of, refused
from tradectl.brokers.http.strict_json import brief, text_of
from tradectl.brokers.http.transport import Reply
from tradectl.errors import Ambiguous, BrokerUnavailable, LoginNeeded, NotWhitelisted, OrderRefused, TradectlError

_API, _API2 = "kotak-neo-api", "Kotak-neo-api-v2"
_ASKED, _LET_IN = frozenset({200, 400}), frozenset({200, 400, 401, 403})
PROOFS = (
    Proof(Meaning.REPEATED_TAG, _ASKED, f"{_API2} #30, #6", code="32", text=r"client order ?id already exists",
          commands=PLACES, phase=ReplyPhase.AFTER),
    Proof(Meaning.REPEATED_TAG, _ASKED, f"{_API} #150, #175", code="5204", text=r"client order ?id already exists",
          commands=PLACES, phase=ReplyPhase.AFTER),
    Proof(Meaning.FINISHED, _ASKED, "kotakneoapi 3.0.9 settings.py", code="1021", commands=CHANGES, phase=ReplyPhase.AFTER),
    Proof(Meaning.REFUSED, _ASKED, f"{_API} #271", code="1007", text=r"\bbody invalid\b|please provide valid "),
    Proof(Meaning.REFUSED, _ASKED, f"{_API} #268, #275", code="1009", text=r"please provide valid "),
    Proof(Meaning.REFUSED, _ASKED, f"{_API} #308", code="1017", text=r"algo order not allowed"),
    Proof(Meaning.REFUSED, _ASKED, f"{_API} #55, #242", code="5202", text=r"invalid request"),
    Proof(Meaning.REFUSED, _ASKED, f"{_API} #123", code="5204", text=r"(put|modify|cancel) order response : bad input"),
    Proof(Meaning.REFUSED, _ASKED, f"{_API} #48, #123, #202", code="91400", text=r"order was placed via|orders placed via",
          commands=CHANGES),
    Proof(Meaning.FUNDS, _ASKED, f"words of {_API} #36", code="5204", text=r"RMS: ?Margin Exceeds"),
    Proof(Meaning.ADDRESS, _LET_IN, f"kotakneo.com static-ip-details; {_API2} #71", code="100008"),
    Proof(Meaning.ADDRESS, _LET_IN, "kotakneo.com static-ip-details", code="1037"),
    Proof(Meaning.SESSION, _LET_IN, f"{_API} #296", code="100021", text=r"invalid\s+access type"),
    Proof(Meaning.SESSION, _LET_IN, f"{_API} #166", code="10020", text=r"authentication failed"),
    Proof(Meaning.SESSION, _LET_IN, f"{_API} #280", code="100022", text=r"invalid session token"),
)  # fmt: skip
"""Replies that prove that a command was not carried out.

An order that fails the risk checks of Kotak or of the exchange appears in the order book as rejected.
"""
NO_DATA = 5203
"""Kotak's code for an empty book, with the message `No Data`."""
_STRANGE_ADDRESS = frozenset({100008, 1037})
"""100008: the address is not listed. 1037: another address than that of the login."""
_NO_SESSION = frozenset({100021, 100022, 200032})
"""100021: a token of the first login step. 100022: an ended token. 200032: the base address of another session."""
_SESSION = re.compile(
    r"(invalid|expired) session|session (token )?(has )?(is )?(expired|invalid)|re-?login|invalid (jwt|token)", re.I
)
_FUNDS = re.compile(r"\bmargin\b|insufficient (funds?|balance|cash)|\bfunds? (is |are )?(insufficient|short)", re.IGNORECASE)
_NOTHING = re.compile(r"\bno (data|orders?|trades?|holdings?|positions?)( (is |are )?(found|available))?\b", re.IGNORECASE)


class SessionUnknown(LoginNeeded):
    """Kotak's own message reports that it does not know the session.

    A 401 or 403 without such a message may come from a proxy. It raises LoginNeeded, but the stored session is kept.
    """


class KotakReply(Struct, frozen=True):
    """Hold the codes and messages of a JSON reply from Kotak.

    Attributes:
        code: The first code; 0 if there is none.
        codes: All codes, as text.
        text: All messages.
        ok: The reply reports success.
        failed: The reply reports a failure.
        broken: A code is that of a server error (5xx), whatever the HTTP status is.
    """

    code: int
    codes: frozenset[str]
    text: str
    ok: bool
    failed: bool
    broken: bool

    @property
    def shown(self) -> str:
        """Return the messages, shortened for display."""
        return brief(self.text)


def read_reply(reply: Reply) -> KotakReply | None:
    """Return the codes and messages of a reply; None if it is not a JSON object."""
    try:
        body = reply.json()
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    inner = body.get("data")
    if "stat" not in body and isinstance(inner, dict) and ("stat" in inner or "error" in inner):
        body = inner  # in the order history and in some failures all fields are one level deeper
    words = [text_of(body.get(key)) for key in ("stat", "errMsg", "message")]
    codes = [_number(body.get("stCode"))]
    listed = body.get("error")
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping):
            words.append(text_of(item.get("message")))
            codes.append(_number(item.get("code")))
    given = [code for code in codes if code]
    state = text_of(body.get("stat")).lower()
    code = given[0] if given else 0
    ok = state == "ok" and code in {0, 200}
    failed = not ok and bool(body.get("errMsg") or listed or state == "not_ok")
    broken = any(500 <= found < 600 for found in given)
    return KotakReply(code, frozenset(map(str, given)), ": ".join(filter(None, words)), ok, failed, broken)


def command(reply: Reply, kind: CommandKind = CommandKind.PLACE) -> TradectlError | None:
    """Return the error that the reply to a command means; None if Kotak accepted it. The exchange may still reject it."""
    content = read_reply(reply)
    reply_text = f"{reply.status} {content.shown if content is not None else ''}".rstrip()
    if content is None or content.broken or reply.status >= 500:
        return Ambiguous(f"Kotak replied {reply_text}: the outcome of the order is unknown")
    if content.ok and reply.status < 300:
        return None
    found = _proof(reply, content, kind) if content.failed else None
    if found is None:
        return Ambiguous(
            f"Kotak replied {reply_text}, which tradectl does not know as a refusal: the outcome of the order is unknown"
        )
    if found.meaning is Meaning.ADDRESS:
        return _unlisted(content.shown)
    if found.meaning is Meaning.SESSION:
        return _unknown_session(content.shown)
    return refused(found.meaning, content.shown)


def _proof(reply: Reply, content: KotakReply, kind: CommandKind) -> Proof | None:
    return proof_of(PROOFS, reply.status, content.codes, content.text, kind, content=reply.object())


def change(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to a change or a cancel means; None if Kotak accepted it."""
    return command(reply, CommandKind.CHANGE)


def read(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to a read means; None for a success, also if Kotak reports that there are no data."""
    content = read_reply(reply)
    if content is not None and content.broken:
        return BrokerUnavailable(f"Kotak replied {reply.status} {content.shown}".rstrip())
    failure = _access(reply, content)
    if failure is not None:
        return failure
    if reply.status < 300 and _is_json(reply) and (content is None or not content.failed):
        return None
    if content is not None and reply.status < 500 and is_empty(content):
        return None
    return BrokerUnavailable(
        f"Kotak replied {reply.status}{': ' + content.shown if content is not None and content.shown else ''}"
    )


def is_empty(content: KotakReply) -> bool:
    """Return whether a reply reports that there are no data. Kotak sends such a reply as a failure."""
    return content.failed and bool(_NOTHING.search(content.text)) and content.code in {0, 200, NO_DATA}


def login(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to a login step means; None for a success. A failure may have status 200."""
    content = read_reply(reply)
    if reply.status >= 500 or content is None or content.broken:
        return BrokerUnavailable(
            f"Kotak replied to the login with {reply.status} {content.shown if content is not None else ''}".rstrip()
        )
    if reply.status >= 300 or content.failed:
        failure = _access(reply, content)
        refused = LoginNeeded(f"Kotak refused the login: {content.shown or reply.status}")
        return failure if isinstance(failure, NotWhitelisted) else refused
    return None


def file(reply: Reply) -> TradectlError | None:
    """Return the error that the reply to the download of a file means; None for status 200."""
    return None if reply.status == 200 else BrokerUnavailable(f"Kotak replied {reply.status} for the list of instruments")


def _access(reply: Reply, content: KotakReply | None) -> TradectlError | None:
    """Return the error if the reply rejects this machine's address or the session; otherwise None."""
    text = content.text if content is not None else ""
    if content is not None and content.code in _STRANGE_ADDRESS:
        return _unlisted(brief(text))
    if content is not None and (content.code in _NO_SESSION or (content.failed and _SESSION.search(text))):
        return _unknown_session(brief(text))
    if reply.status in {401, 403}:
        return LoginNeeded(f"Kotak rejected the session: {brief(text) or reply.status}; run `tradectl login --again`")
    return None


def _unlisted(text: str) -> NotWhitelisted:
    refusal_text = f"Kotak does not accept this machine's IP address: {text}"
    return NotWhitelisted(
        f"{refusal_text}. No order is sent until you list it in the NEO app (two IPv4 addresses, one change in 7 days); "
        "`tradectl broker status` shows the address; if it changed, run `tradectl login --again`"
    )


def _unknown_session(text: str) -> SessionUnknown:
    return SessionUnknown(f"Kotak rejected the session: {text}; run `tradectl login`")


def refusal(reason: str) -> OrderRefused:
    """Return the refusal for the reason of a rejected order. A lack of funds may pass."""
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
    """Return a code that was sent as a number or as text; 0 for any other value."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else 0
