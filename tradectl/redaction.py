"""Secrets that this process has read: what it writes for people goes through `redacted`, so that none of them is among it."""

from __future__ import annotations

HIDDEN = "********"
_LEAST = 6
"""Shorter secrets (a PIN of four digits is one) would hide half of any text, amounts first."""
_known: set[str] = set()


def remember(secret: str) -> str:
    """A secret was read: never write it from now on. The secret."""
    if len(secret) >= _LEAST:
        _known.add(secret)
    return secret


def redacted(text: str) -> str:
    """The text without any secret that was read."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text
