"""Hide the secrets that this process has read, in all text that it writes for people."""

from __future__ import annotations

import re

HIDDEN = "********"
_LEAST = 6
"""Characters of the shortest secret that is hidden. A shorter one, such as a PIN, would hide amounts in any text."""
_known: set[str] = set()


def remember(secret: str) -> str:
    """Hide a secret of `_LEAST` or more characters in all text for people from now on. Return it."""
    if len(secret) >= _LEAST:
        _known.add(secret)
    return secret


_USERINFO = re.compile(r"(?<=://)[^\s/@'\"]+@")
_NAMED = re.compile(
    r"(?i)((?:password|passwd|secret|(?:access_|request_|public_|refresh_|enc)token|api_?key|mpin|totp)\w*)"
    r"([\"']?(?:=|:\s*)[\"']?)([^\s&'\",;]+)"
)
_WORDS = ("passw", "secret", "token", "api_key", "apikey", "mpin", "totp")
"""Every match of `_NAMED` contains one of these. The search for these words takes a tenth of the time of `_NAMED`."""
_ADDRESS = re.compile(r"(?<=://)\S+")


def scrubbed(text: str) -> str:
    """Return the text for a log, without known secrets, user and password of a URL, and values after `password=`."""
    text = _USERINFO.sub(f"{HIDDEN}@", redacted(text)) if "://" in text else redacted(text)
    return _NAMED.sub(rf"\1\2{HIDDEN}", text) if any(word in text.lower() for word in _WORDS) else text


def words_scrubbed(words: list[str]) -> str:
    """Return the words of a command line for a log: a URL keeps only its scheme, a named secret only its name."""
    return scrubbed(" ".join(_ADDRESS.sub(HIDDEN, word) for word in words))


def redacted(text: str) -> str:
    """Return the text without any secret that was read."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text
