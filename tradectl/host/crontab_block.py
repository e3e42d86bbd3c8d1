"""A marked block of lines in a crontab. All other lines are kept byte for byte.

The marks name the home and the user, so the blocks of two homes, or of two users of a home, never touch each other. A block may
have been edited by hand. A line in it that tradectl did not write is kept, and moves in front of the block: an environment line
then still applies to the same lines. Without its last mark a block ends before the first line that tradectl did not write.
"""

from __future__ import annotations

import re

from msgspec import Struct

NOTE = "# tradectl: "
"""Begins each comment inside a block."""
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_ANY_BEGIN = b"# BEGIN tradectl "
_TASK_ENDS = (b" --trigger cron -q", b" run-due -q", b" doctor --preflight -q")
_ZONE = re.compile(re.escape(NOTE) + r"the zone is that of --zone (\S+)")
_SETTING = re.compile(rb"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=")
_JOB = re.compile(rb"\s*(?:@\w+|[\d*])")


class FoundBlock(Struct, frozen=True):
    """A crontab without the block of one home and user, and that block.

    Attributes:
        before, after: The other lines, in front of the block's place and behind it.
        lines: The lines of the block that tradectl wrote; empty without a block.
        present: The crontab has a mark of the block.
        moved: Lines inside the block that tradectl did not write; they are the end of `before`.
        damaged: A mark is missing or repeated, or lines were added.
    """

    before: bytes
    after: bytes
    lines: tuple[str, ...] = ()
    present: bool = False
    moved: int = 0
    damaged: bool = False

    @property
    def jobs(self) -> tuple[str, ...]:
        """Return the lines of the block that start a command."""
        return tuple(line for line in self.lines if not line.startswith("#"))

    @property
    def zone(self) -> str:
        """Return the zone that `--zone` named when the block was written; empty without one."""
        return next((match[1] for line in self.lines if (match := _ZONE.fullmatch(line))), "")

    def with_block(self, block: str) -> bytes:
        """Return the crontab with this block in its place, or at the end where there was none."""
        return b"".join((_ended(self.before), block.encode(), self.after))

    def without_block(self) -> bytes:
        """Return the crontab without the block."""
        return self.before + self.after

    def settings(self) -> tuple[str, ...]:
        """Return the names of the environment settings that apply to the block."""
        found = (_SETTING.match(line) for line in _LINE.findall(self.before) if not _JOB.match(line))
        return tuple(match[1].decode() for match in found if match)


def framed(name: str, body: str) -> str:
    """Return a block with its marks. `name`: the options of the home and the user, quoted; `body`: its lines, each ended."""
    return f"# BEGIN tradectl {name}\n{body}# END tradectl {name}\n"


def find_block(crontab: bytes, name: str) -> FoundBlock:
    """Find the block of a home and a user; see `framed`."""
    begin, end = f"# BEGIN tradectl {name}".encode(), f"# END tradectl {name}".encode()
    lines = _LINE.findall(crontab)
    others: list[bytes] = []
    own: list[bytes] = []
    place: int | None = None
    moved, damaged, index = 0, False, 0
    while index < len(lines):
        text = _plain(lines[index])
        index += 1
        if text == begin:
            damaged |= place is not None
            place = len(others) if place is None else place
            last = _end_of(lines, index, end)
            damaged |= last is None
            while index < len(lines) and index != last and (last is not None or is_own(lines[index], name)):
                if is_own(lines[index], name):
                    own.append(lines[index])
                else:
                    others.insert(place, lines[index])
                    place, moved, damaged = place + 1, moved + 1, True
                index += 1
            index += last is not None
        elif text == end:
            while others and is_own(others[-1], name):
                own.append(others.pop())
            place, damaged = min(len(others), place if place is not None else len(others)), True
        else:
            others.append(lines[index - 1])
    if place is None:
        return FoundBlock(crontab, b"")
    written = tuple(_plain(line).decode(errors="replace") for line in own)
    return FoundBlock(b"".join(others[:place]), b"".join(others[place:]), written, True, moved, damaged)


def own_jobs(crontab: bytes, name: str) -> tuple[str, ...]:
    """Return the lines that start a task of this home and user as the lines of a block do."""
    found = (_plain(line) for line in _LINE.findall(crontab) if is_own(line, name))
    return tuple(line.decode(errors="replace") for line in found if not line.startswith(b"#"))


def is_own(line: bytes, name: str) -> bool:
    """Return whether tradectl writes such a line into the block of this home and user."""
    text = _plain(line)
    if text.startswith(b"#"):
        return text.startswith(NOTE.encode())
    return f" {name} ".encode() in text and text.endswith(_TASK_ENDS)


def _end_of(lines: list[bytes], start: int, end: bytes) -> int | None:
    """Return the index of the last mark; None if another block begins before it, or there is none."""
    for index in range(start, len(lines)):
        text = _plain(lines[index])
        if text == end:
            return index
        if text.startswith(_ANY_BEGIN):
            return None
    return None


def _plain(line: bytes) -> bytes:
    """Return a line without its end and without spaces around it: an editor may have changed them."""
    return line.strip(b" \t\r\n")


def _ended(text: bytes) -> bytes:
    """Return the text with a newline at its end: cron rejects a last line without one."""
    return text if not text or text.endswith(b"\n") else text + b"\n"
