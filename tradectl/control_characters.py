"""Escape control characters in text from brokers, files and people before it reaches a terminal, a log or a message.

A terminal executes C0 and C1 characters: they can change its title, its clipboard or earlier output. Direction marks make a line
look different from the stored text. Each such character becomes its escape, such as `\\x1b`.
"""

from __future__ import annotations

import re

_ACTING = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff"
_ALL = re.compile(f"[{_ACTING}]")
_ALL_BUT_LINES = re.compile(f"(?![\t\n])[{_ACTING}]")


def one_line(text: str) -> str:
    """Return the text for a field: every control character is escaped, also line breaks and tabs."""
    return text if text.isprintable() else _ALL.sub(_escape, text)


def lines(text: str) -> str:
    """Return the text for a page: every control character except line breaks and tabs is escaped."""
    return text if text.isprintable() else _ALL_BUT_LINES.sub(_escape, text)


def in_json(text: str) -> str:
    """Return the JSON text with every control character in its strings as a JSON escape. Its parsed value does not change."""
    return _ALL_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # Python's representation of a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
