"""What Kite's answer means. After a failed command one question counts: may the order exist?

An error of the 4xx range that can be parsed is proof that nothing was done; whatever comes from behind the API (5xx, and the
types NetworkException and DataException at any status) is not, for the order may have been placed, and only the book tells.

Sources: pykiteconnect 5.2.0 (types and their usual status), kite.trade documentation and forum (staff: after any answer but a 400
read the order book first).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tradectl.brokers.transport import Reply
from tradectl.errors import Ambiguous, ConfigurationError, LoginNeeded, NotWhitelisted, OrderRefused, TradectlError

BEHIND = frozenset({"NetworkException", "DataException"})
"""The API lost touch with the order system, or did not understand it: an order may have been placed, whatever the status."""

_IP = re.compile(r"\bIPs?\b")
_UNLISTED = re.compile(r"\bIPs?\b.*(allow|list|permit|regist)|(allow|list|permit|regist|static).*\bIPs?\b", re.IGNORECASE)
"""Type and wording of the refusal of an unlisted address were not found in any source: a PermissionException that names an IP is
taken for it, and any error that says of an IP that it is not listed, allowed, permitted or registered."""
_CODES = (
    (re.compile(r"insufficient funds|margin exceeds", re.IGNORECASE), "funds"),
    (re.compile(r"insufficient (stock )?holdings?|holding quantity", re.IGNORECASE), "holdings"),
    (re.compile(r"markets? (is|are) closed|after market order|\bAMO\b", re.IGNORECASE), "phase"),
    (re.compile(r"maximum allowed order modifications", re.IGNORECASE), "modifications"),
    (re.compile(r"circuit limit", re.IGNORECASE), "band"),
    (re.compile(r"tick size", re.IGNORECASE), "tick"),
)
"""What our own code of a refusal is, by words of its message (the first that is found)."""


def judge(reply: Reply) -> TradectlError | None:
    """None for the envelope of a success. Ambiguous for what nobody can read."""
    content = reply.object()
    if reply.status < 300 and content.get("status") == "success" and "data" in content:
        return None
    word, message = str(content.get("error_type") or ""), str(content.get("message") or "").strip()
    if not 400 <= reply.status < 500 or not word or word in BEHIND:
        return Ambiguous(f"Kite answered {reply.status} {word} {message}".rstrip())
    if _UNLISTED.search(message) or (word == "PermissionException" and _IP.search(message)):
        return NotWhitelisted(f"Kite takes orders from listed addresses only: {message}")
    return _MEANINGS.get(word, refusal)(message or word)


def judge_list(reply: Reply) -> TradectlError | None:
    """The same for the lists of instruments, which are CSV."""
    if reply.status == 200 and reply.content.startswith(b"instrument_token,"):
        return None
    return judge(reply) or Ambiguous("Kite's list of instruments cannot be read")


def _login(message: str) -> TradectlError:
    return LoginNeeded(f"Kite does not know our session: {message}; `tradectl login` makes one")


def refusal(message: str, told: str = "") -> OrderRefused:
    """A refusal in Kite's words. `told`: more of them, for the code alone."""
    words = f"{message} {told}"
    code = next((code for pattern, code in _CODES if pattern.search(words)), "refused")
    return OrderRefused(message, code=code, passing=code == "funds")


_MEANINGS: Mapping[str, Callable[[str], TradectlError]] = {
    "TokenException": _login,
    "PermissionException": lambda message: ConfigurationError(f"Kite does not permit this: {message}"),
    "MarginException": lambda message: OrderRefused(message, code="funds", passing=True),
    "HoldingException": lambda message: OrderRefused(message, code="holdings"),
}
