"""Escapes control characters in text of brokers, files and people before it reaches a terminal, a log or a message.

A terminal executes C0 and C1 characters: an escape sequence changes its title, its clipboard or earlier output. Direction marks
make a line look different from what is stored. Each becomes its escape, such as `\\x1b`.
"""

from __future__ import annotations

import re

_ACTING = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff"
_ALL = re.compile(f"[{_ACTING}]")
_ALL_BUT_LINES = re.compile(f"(?![\t\n])[{_ACTING}]")


def one_line(text: str) -> str:
    """Return the text with every control character as an escape, line breaks and tabs too: for a field."""
    return text if text.isprintable() else _ALL.sub(_escape, text)


def lines(text: str) -> str:
    """Return the text with every control character but line breaks and tabs as an escape: for a page."""
    return text if text.isprintable() else _ALL_BUT_LINES.sub(_escape, text)


def in_json(text: str) -> str:
    """Return a JSON text with every control character in its strings as a JSON escape: the parsed value is the same."""
    return _ALL_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python represents it
        return f"\\x{code - 0xDC00:02x}"
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
