"""Hide the secrets that this process has read in all text that it writes for people."""

from __future__ import annotations

import re

HIDDEN = "********"
_LEAST = 6
"""Length of the shortest secret that is hidden. To hide a shorter one, such as a PIN, would also hide amounts in any text."""
_known: set[str] = set()


def remember(secret: str) -> str:
    """Register a secret of `_LEAST` or more characters, so that later text for people hides it. Return the secret."""
    if len(secret) >= _LEAST:
        _known.add(secret)
    return secret


_USERINFO = re.compile(r"(?<=://)[^\s/@'\"]+@")
_NAMED = re.compile(
    r"(?i)((?:password|passwd|secret|(?:access_|request_|public_|refresh_|enc)token|api_?key|mpin|totp)\w*)"
    r"([\"']?(?:=|:\s*)[\"']?)([^\s&'\",;]+)"
)
_WORDS = ("passw", "secret", "token", "api_key", "apikey", "mpin", "totp")
"""Every match of `_NAMED` contains one of these words. A search for the words takes a tenth of the time of `_NAMED`."""
_ADDRESS = re.compile(r"(?<=://)\S+")


def scrubbed(text: str) -> str:
    """Return the text for a log, without known secrets, users and passwords in URLs, and values after `password=`."""
    text = _USERINFO.sub(f"{HIDDEN}@", redacted(text)) if "://" in text else redacted(text)
    return _NAMED.sub(rf"\1\2{HIDDEN}", text) if any(word in text.lower() for word in _WORDS) else text


def words_scrubbed(words: list[str]) -> str:
    """Return the words of a command line for a log: a URL keeps only its scheme, a named secret only its name."""
    return scrubbed(" ".join(_ADDRESS.sub(HIDDEN, word) for word in words))


def redacted(text: str) -> str:
    """Return the text with all registered secrets hidden."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text
