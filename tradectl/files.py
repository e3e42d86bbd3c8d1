"""Write whole files atomically, flush them to the disk, and lock files between processes.

A file is written under a temporary name in the same folder, then renamed. So a reader sees the old or the new content, never a
part. With two writers at the same time, the file of one of them stays as a whole.

Locks are `flock` on an open file or folder. The operating system releases the lock of a process that died
(docs/decisions/locks-are-flock-in-one-module.md).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows
    CAN_LOCK = False
else:
    CAN_LOCK = True

PRIVATE = 0o600
"""The mode of a file that only its owner may read and write."""
_SHARED = 0o666
"""The mode of other files, before the process's umask is applied."""


class NotText(ValueError):
    """A file is not UTF-8 text. The message says what it is, with its row, and how to save it."""


def saved_text(raw: bytes) -> str:
    """Return the text of a file that a person saved: no byte order mark, and rows that end with `\\n`. Raises NotText."""
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise NotText("is UTF-16 text, which Notepad calls Unicode or UTF-16; save it as UTF-8")
    if (at := raw.find(b"\0")) >= 0:
        raise NotText(f"row {_row(raw, at)} has a NUL byte, as UTF-16 text has; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise NotText(
            f"row {_row(raw, error.start)} has the byte 0x{raw[error.start]:02x}, so it is not UTF-8 text; save it as UTF-8"
        ) from error


def _row(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1


def replace_file(file: Path, *content: bytes, mode: int = _SHARED, durable: bool = False, parents: bool = False) -> None:
    """Replace the whole content of a file, or leave it unchanged.

    Args:
        file: The file; it need not exist.
        content: The new content, in one or more parts.
        mode: The file's mode, before the process's umask is applied.
        durable: Flush the content to the disk before the rename.
        parents: Make missing folders.

    Raises:
        OSError: The file could not be written. Its old content is unchanged.
    """
    if parents:
        file.parent.mkdir(parents=True, exist_ok=True)
    with _written_beside(file, content, mode, durable=durable) as part:
        part.replace(file)


def create_file(file: Path, content: bytes, *, mode: int = PRIVATE) -> bool:
    """Create a file with its whole content, flushed to the disk. Return False, and change nothing, if the file exists.

    Raises:
        OSError: The file could not be written.
    """
    with _written_beside(file, (content,), mode, durable=True) as part:
        try:
            os.link(part, file)
        except FileExistsError:
            return False
    return True


def write_flushed(file: Path, content: bytes) -> None:
    """Write a file without a rename, and flush it to the disk. Raises OSError; the file may then have a part of the content."""
    with file.open("wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())


def flush(path: Path) -> None:
    """Flush a file's content, or the names in a folder, so that they survive a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> None:
    """Lock an open file or folder; wait until the lock is free. Raises OSError if the system or file system has no locks."""
    _flock(descriptor, wait=True)


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder without waiting. Return False if it is locked already.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        _flock(descriptor, wait=False)
    except BlockingIOError:
        return False
    return True


def _flock(descriptor: int, *, wait: bool) -> None:
    if not CAN_LOCK:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_within(descriptor: int, seconds: float, *, pause: float, sleep: Callable[[float], None]) -> bool:
    """Lock an open file or folder. Return False if it is still locked after `seconds`.

    Args:
        descriptor: The open file or folder.
        seconds: The longest time to wait.
        pause: Seconds between two tries.
        sleep: Called with the seconds to wait, such as `Clock.sleep`.

    Raises:
        OSError: The file system has no locks.
    """
    for _ in range(round(seconds / pause)):
        if try_lock(descriptor):
            return True
        sleep(pause)
    return try_lock(descriptor)


@contextmanager
def _written_beside(file: Path, content: Iterable[bytes], mode: int, *, durable: bool) -> Iterator[Path]:
    """Write the content to a temporary file in the folder of `file` and yield its path. Remove it at the end."""
    part = file.with_name(f".{file.name}-{os.getpid()}-{os.urandom(4).hex()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.writelines(content)
            if durable:
                written.flush()
                os.fsync(written.fileno())
        yield part
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
