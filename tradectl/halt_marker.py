"""Read and set the halt marker: a trading state outside the ledger.

With it, `halt` need not wait for another process or a database. The state is the name of an empty file in the home:
`halt-USER.active`, `.reducing` or `.halted`. A change is one rename(2), which is atomic and needs no disk space. If several names
exist, the strictest counts. If none exists, the state is unknown and nothing may be sent. `halt-USER.reason` is made together
with the first name and then overwritten in place, so that a new reason also needs no disk space.

`resume` first renames the marker to `.resuming`, then changes the ledger, and last renames the marker to `.active`. `.resuming`
counts as HALTED. A `halt` in between renames `.resuming`, so the last rename fails and the newer `halt` stays.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tradectl.errors import Blocked
from tradectl.files import flush
from tradectl.model.trading_state import ACTIVE, TradingState

PREFIX = "halt-"
_NAMES = ("halted", "resuming", "reducing", "active")
"""The endings of the marker's name, from the strictest state to the weakest."""
_STATES = {"halted": "HALTED", "resuming": "HALTED", "reducing": "REDUCING"}
_SIZE = 1024
"""Size of the file with the reason, in bytes. All of it is written at the start, so a later reason fits on a full disk."""
_LONGEST = 500
_MODE = 0o600
_ATTEMPTS = 20
"""How often a change is tried while other processes rename the marker at the same time."""
_UNFINISHED = "a `tradectl resume` did not finish"


class MarkerUnreadable(Blocked):
    """The halt marker cannot be read, so nothing may be sent."""


class MarkerFile:
    """Read and set the halt marker of one user in one home."""

    def __init__(self, home: Path, user: str) -> None:
        self.home, self.user = home, user
        self._paths = {name: f"{home}/{PREFIX}{user}.{name}" for name in _NAMES}
        self._reason = f"{home}/{PREFIX}{user}.reason"

    def read(self) -> TradingState:
        """Return the current state. Raises MarkerUnreadable if the marker is missing or cannot be read."""
        name = self._require_name()
        if name == "active":
            return ACTIVE
        if name == "resuming":
            return TradingState(_STATES[name], _UNFINISHED, resuming=True)
        return TradingState(_STATES[name], self._read_reason()[1])

    def since(self) -> str:
        """Return the moment at which the state was set, as ISO text; empty if it cannot be read."""
        return self._read_reason()[0]

    def exists(self) -> bool:
        """Return whether any file of this marker exists; an unreadable file counts as existing."""
        try:
            return self._strictest() is not None or _is_there(self._reason)
        except MarkerUnreadable:
            return True

    def make(self, state: TradingState, now: datetime) -> None:
        """Make the marker of a home that has none.

        If only the reason exists, nothing is made: only `resume` restores a lost state. If the disk accepts no file, the marker
        stays missing, and nothing is sent.
        """
        if self.exists():
            return
        name = state.state.lower()
        with suppress(OSError):
            os.close(os.open(self._paths[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE))
            self._write_reason(now, state.reason)
            _to_disk(self.home)

    def set(self, state: str, reason: str, now: datetime) -> None:
        """Set HALTED or REDUCING for all processes at once. REDUCING replaces only ACTIVE.

        Raises OSError if no file can be renamed or made.
        """
        name = state.lower()
        weaker = _NAMES[_NAMES.index(name) + 1 :]
        try:
            for _ in range(_ATTEMPTS):
                if _exists(self._paths[name]) or self._renamed(weaker, name) or self._made(name):
                    break
        except OSError:  # without a marker nothing is sent either
            os.unlink(self._paths["active"])
        self._write_reason(now, reason)
        _to_disk(self.home)

    def begin_resume(self) -> str:
        """Mark that a resume has begun, and return the name that was replaced, for `abandon_resume`. Raises OSError.

        The result is empty if the state is already ACTIVE, and `resuming` if there was no other name.
        """
        replaced = "resuming"
        for _ in range(_ATTEMPTS):
            name = self._strictest()
            if name == "active":
                return ""
            if name == "resuming" or (name is None and self._made("resuming")):
                break
            if name is not None and self._renamed((name,), "resuming"):
                replaced = name
                break
        with suppress(FileNotFoundError):
            os.unlink(self._paths["reducing"])
        _to_disk(self.home)
        return replaced

    def finish_resume(self) -> bool:
        """Make the marker ACTIVE. Return False if another `halt` was set meanwhile. Raises OSError."""
        done = self._renamed(("resuming",), "active")
        _to_disk(self.home)
        return done and self._strictest() == "active"

    def abandon_resume(self, replaced: str) -> None:
        """Restore the name that `begin_resume` returned. A newer `halt` stays. Raises OSError."""
        self._renamed(("resuming",), replaced)
        _to_disk(self.home)

    def _require_name(self) -> str:
        for _ in range(2):  # a rename between two reads may hide the file once
            name = self._strictest()
            if name is not None:
                return name
        raise MarkerUnreadable(
            f"the halt marker of {self.user} is missing from {self.home}: nothing is sent until `tradectl resume` creates it"
        )

    def _strictest(self) -> str | None:
        """Return the strictest name that exists; None if there is none. Raises MarkerUnreadable."""
        try:
            found = next((name for name in _NAMES if _exists(self._paths[name])), None)
            if found == "active" and not stat.S_ISREG(os.lstat(self._paths[found]).st_mode):
                raise MarkerUnreadable(
                    f"{self._paths[found]} is not a plain file, so nothing is sent: remove it, then run `tradectl resume`"
                )
        except FileNotFoundError:  # renamed between two reads
            return None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise MarkerUnreadable(
                f"the halt marker of {self.user} in {self.home} cannot be read ({reason}), so nothing is sent: repair the file, "
                "then run `tradectl status`"
            ) from error
        return found

    def _renamed(self, names: tuple[str, ...], to: str) -> bool:
        """Rename the first of these names that exists; return whether one did."""
        for name in names:
            with suppress(FileNotFoundError):
                os.rename(self._paths[name], self._paths[to])
                return True
        return False

    def _made(self, name: str) -> bool:
        with suppress(FileExistsError):
            os.close(os.open(self._paths[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE))
            return True
        return False

    def _write_reason(self, now: datetime, reason: str) -> None:
        """Write the moment and the reason into the existing blocks of the file. A failure is ignored: the state counts."""
        content = f"{now.isoformat()}\n{reason}\n".encode()[: _SIZE - 1]
        with suppress(OSError):
            file = os.open(self._reason, os.O_WRONLY | os.O_CREAT, _MODE)
            try:
                os.pwrite(file, content.ljust(_SIZE, b"\n"), 0)
                os.fsync(file)
            finally:
                os.close(file)

    def _read_reason(self) -> tuple[str, str]:
        """Return the stored moment and reason; two empty texts if they cannot be read."""
        try:
            with open(self._reason, "rb") as file:
                lines = file.read(_SIZE).decode("utf-8", errors="replace").split("\n")
        except OSError:
            return "", ""
        return lines[0], lines[1] if len(lines) > 1 else ""


class MemoryMarker:
    """Keep the trading state of a simulation in memory, because no other process can halt it."""

    def __init__(self, state: TradingState = ACTIVE) -> None:
        self.state = state

    def read(self) -> TradingState:
        """Return the state that was set."""
        return self.state

    def exists(self) -> bool:
        """Return True."""
        return True

    def since(self) -> str:
        """Return an empty text, because no moment is stored."""
        return ""


def marked_users(home: Path) -> list[str]:
    """Return the sorted names of the users with a halt marker in a home; none if the folder cannot be read."""
    try:
        names = os.listdir(home)
    except OSError:
        return []
    marks = (name.removeprefix(PREFIX).rpartition(".") for name in names if name.startswith(PREFIX))
    return sorted({user for user, _, end in marks if user and end in _NAMES})


def plain_reason(reason: str) -> str:
    """Return a reason as one line of printable text, at most 500 characters. Bytes that are not UTF-8 are read as Latin-1."""
    try:
        raw = reason.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = reason.encode("utf-8", "replace")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST]


def _exists(path: str) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _is_there(path: str) -> bool:
    with suppress(OSError):
        return _exists(path)
    return True


def _to_disk(folder: Path) -> None:
    """Flush the names in a folder to the disk, if the file system can do that."""
    with suppress(OSError):
        flush(folder)
