"""The halt marker: a trading state outside the ledger, so that `halt` waits for no other process and for no database.

The state is the name of an empty file in the home, `halt-USER.active`, `.reducing` or `.halted`. A change is one rename(2),
which is atomic and needs no room on the disk. Of several names the strictest counts; without any the state is unknown, and
nothing may be sent. `halt-USER.reason` is made together with the first name, and is written in place, for the same reason.

`resume` renames the marker to `.resuming` first, changes the ledger, and renames it to `.active` last. `.resuming` counts as
HALTED. A `halt` in between takes the name away, and then the last rename fails: the newer `halt` stands.
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
"""From the strictest to the weakest."""
_STATES = {"halted": "HALTED", "resuming": "HALTED", "reducing": "REDUCING"}
_SIZE = 1024
"""Bytes of the reason's file: they are there from the beginning, so that a full disk can take another reason."""
_LONGEST = 500
_MODE = 0o600
_ATTEMPTS = 20
"""How often a change is tried again when another process has renamed the marker in the middle of it."""
_UNFINISHED = "a `tradectl resume` did not finish"


class MarkerUnreadable(Blocked):
    """The halt marker cannot be read, so nothing may be sent."""


class MarkerFile:
    """The halt marker of one user in one home."""

    def __init__(self, home: Path, user: str) -> None:
        self.home, self.user = home, user
        self._paths = {name: f"{home}/{PREFIX}{user}.{name}" for name in _NAMES}
        self._reason = f"{home}/{PREFIX}{user}.reason"

    def read(self) -> TradingState:
        """Return the state that counts now. Raises MarkerUnreadable."""
        name = self._name()
        if name == "active":
            return ACTIVE
        if name == "resuming":
            return TradingState(_STATES[name], _UNFINISHED, resuming=True)
        return TradingState(_STATES[name], self._told()[1])

    def since(self) -> str:
        """Return when the state was set, as ISO text; empty where that is not known."""
        return self._told()[0]

    def exists(self) -> bool:
        """Return whether any file of this marker is there; one that cannot be read is."""
        try:
            return self._there() is not None or _is_there(self._reason)
        except MarkerUnreadable:
            return True

    def make(self, state: TradingState, now: datetime) -> None:
        """Make the marker of a home that has none. A marker whose state alone is missing is left so: only `resume` makes it
        anew. A disk that takes no file leaves the marker missing, and then nothing is sent."""
        if self.exists():
            return
        name = state.state.lower()
        with suppress(OSError):
            os.close(os.open(self._paths[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE))
            self._tell(now, state.reason)
            _to_disk(self.home)

    def set(self, state: str, reason: str, now: datetime) -> None:
        """Set HALTED or REDUCING, for every process at once. REDUCING replaces ACTIVE alone. Raises OSError where no file can be
        renamed or made."""
        name = state.lower()
        weaker = _NAMES[_NAMES.index(name) + 1 :]
        try:
            for _ in range(_ATTEMPTS):
                if _exists(self._paths[name]) or self._renamed(weaker, name) or self._made(name):
                    break
        except OSError:  # a marker that is missing stops everything too
            os.unlink(self._paths["active"])
        self._tell(now, reason)
        _to_disk(self.home)

    def begin_resume(self) -> str:
        """Mark that a resume has begun, and return the name that was replaced, for `abandon_resume`. It is empty where there was
        nothing to resume from, and `resuming` where there was no other name. Raises OSError."""
        replaced = "resuming"
        for _ in range(_ATTEMPTS):
            name = self._there()
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
        """Make the marker ACTIVE; False where another `halt` has come meanwhile. Raises OSError."""
        done = self._renamed(("resuming",), "active")
        _to_disk(self.home)
        return done and self._there() == "active"

    def abandon_resume(self, replaced: str) -> None:
        """Put back the name that `begin_resume` returned. A newer `halt` has taken the name away, and stays. Raises OSError."""
        self._renamed(("resuming",), replaced)
        _to_disk(self.home)

    def _name(self) -> str:
        for _ in range(2):  # a rename between two looks may hide the file once
            name = self._there()
            if name is not None:
                return name
        raise MarkerUnreadable(
            f"the halt marker of {self.user} is missing from {self.home}: nothing is sent until `tradectl resume` makes it anew"
        )

    def _there(self) -> str | None:
        """Return the strictest name that is there, None without any. Raises MarkerUnreadable."""
        try:
            found = next((name for name in _NAMES if _exists(self._paths[name])), None)
            if found == "active" and not stat.S_ISREG(os.lstat(self._paths[found]).st_mode):
                raise MarkerUnreadable(f"{self._paths[found]} is not a plain file: remove it, then say `tradectl resume`")
        except FileNotFoundError:  # renamed between two looks
            return None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise MarkerUnreadable(f"the halt marker of {self.user} in {self.home} cannot be read ({reason})") from error
        return found

    def _renamed(self, names: tuple[str, ...], to: str) -> bool:
        """Rename the first of these names that is there; whether one was."""
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

    def _tell(self, now: datetime, reason: str) -> None:
        """Write moment and reason into the blocks that the file has. What is not written changes no state."""
        content = f"{now.isoformat()}\n{reason}\n".encode()[: _SIZE - 1]
        with suppress(OSError):
            file = os.open(self._reason, os.O_WRONLY | os.O_CREAT, _MODE)
            try:
                os.pwrite(file, content.ljust(_SIZE, b"\n"), 0)
                os.fsync(file)
            finally:
                os.close(file)

    def _told(self) -> tuple[str, str]:
        """Return moment and reason as they were written; both empty where they cannot be read."""
        try:
            with open(self._reason, "rb") as file:
                lines = file.read(_SIZE).decode("utf-8", errors="replace").split("\n")
        except OSError:
            return "", ""
        return lines[0], lines[1] if len(lines) > 1 else ""


class MemoryMarker:
    """The halt marker of a simulation: nothing outside its process can halt it."""

    def __init__(self, state: TradingState = ACTIVE) -> None:
        self.state = state

    def read(self) -> TradingState:
        """Return the state that was set."""
        return self.state

    def exists(self) -> bool:
        """Return True."""
        return True

    def since(self) -> str:
        """Return nothing: no moment is kept."""
        return ""


def marked_users(home: Path) -> list[str]:
    """Return the users that have a halt marker in a home, by name; none where the folder cannot be read."""
    try:
        names = os.listdir(home)
    except OSError:
        return []
    marks = (name.removeprefix(PREFIX).rpartition(".") for name in names if name.startswith(PREFIX))
    return sorted({user for user, _, end in marks if user and end in _NAMES})


def plain_reason(said: str) -> str:
    """Return a reason as one line of printable text, whatever bytes it was given as: UTF-8 where they are that, else Latin-1."""
    try:
        raw = said.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = said.encode("utf-8", "replace")
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
    """Make the names survive a power cut, where the disk can do that."""
    with suppress(OSError):
        flush(folder)
