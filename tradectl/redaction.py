"""Secrets that this process has read: what it writes for people goes through `redacted`, so that none of them is among it."""

from __future__ import annotations

import re

HIDDEN = "********"
_LEAST = 6
"""Shorter secrets (a PIN of four digits is one) would hide half of any text, amounts first."""
_known: set[str] = set()


def remember(secret: str) -> str:
    """A secret was read: never write it from now on. The secret."""
    if len(secret) >= _LEAST:
        _known.add(secret)
    return secret


_USERINFO = re.compile(r"(?<=://)[^\s/@'\"]+@")
_NAMED = re.compile(
    r"(?i)((?:password|passwd|secret|(?:access_|request_|public_|refresh_|enc)token|api_?key|mpin|totp)\w*)"
    r"([\"']?(?:=|:\s*)[\"']?)([^\s&'\",;]+)"
)
_WORDS = ("passw", "secret", "token", "api_key", "apikey", "mpin", "totp")
"""One of these is in whatever `_NAMED` finds; to look for them first costs a tenth."""
_ADDRESS = re.compile(r"(?<=://)\S+")


def scrubbed(text: str) -> str:
    """Return the text for a log: without any secret that was read, the user and password of an address, and `password=...`."""
    text = _USERINFO.sub(f"{HIDDEN}@", redacted(text)) if "://" in text else redacted(text)
    return _NAMED.sub(rf"\1\2{HIDDEN}", text) if any(word in text.lower() for word in _WORDS) else text


def words_scrubbed(words: list[str]) -> str:
    """Return the words of a command line for a log: of an address only its kind, of a named secret only its name."""
    return scrubbed(" ".join(_ADDRESS.sub(HIDDEN, word) for word in words))


def redacted(text: str) -> str:
    """The text without any secret that was read."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text
