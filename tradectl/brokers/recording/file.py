"""Append lines to the recording of a session, by a thread of its own.

Several processes append to the same file. Each line has a checksum, so a line that was written in part is found and left out.
The thread flushes the file to the disk. An error ends the writing and is kept as a text; it is never raised.
"""

from __future__ import annotations

import gzip
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from queue import Full, Queue

from tradectl.files import PRIVATE, replace_file

FOLDER = "recordings"
"""The folder of a home with the recordings."""
_ENDING, _PACKED = ".jsonl", ".jsonl.gz"
_MOST_WAITING = 10_000
"""How many lines may wait for the disk. A disk that is slower than that is an error."""
_PACK_AFTER = timedelta(days=2)
"""How old a session must be until its recording is compressed: no process appends to it any more."""


def file_of(folder: Path, session: date, user: str) -> Path:
    """Return the path of the recording of a session of a user. It need not exist."""
    return folder / f"{session.isoformat()}.{user}{_ENDING}"


def exists(path: Path) -> bool:
    """Return whether there is a recording, compressed or not."""
    return path.exists() or _packed(path).exists()


def _packed(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(_ENDING) + _PACKED)


class AppendingFile:
    """Append lines to a file. No method raises or waits for the disk, but `close`.

    Attributes:
        trouble: Why nothing is written any more; empty while all is well.
    """

    def __init__(self, path: Path, *, tidy: Callable[[], None] = lambda: None) -> None:
        """`tidy`: work on older files, done once by the thread."""
        self.path = path
        self.trouble = ""
        self._tidy = tidy
        self._lines: Queue[bytes | None] = Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None

    def append(self, text: str) -> None:
        """Hand a line to the thread, which the first line starts."""
        if self.trouble:
            return
        try:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="recording", daemon=True)
                self._thread.start()
            self._lines.put_nowait(sealed(text))
        except Full:
            self.trouble = f"{self.path}: the disk is too slow"
        except RuntimeError as error:  # no thread can be started
            self.trouble = f"{self.path}: {error}"

    def close(self, seconds: float = 5.0) -> None:
        """Wait some seconds until the lines are on the disk."""
        if self._thread is None:
            return
        with suppress(Full):
            self._lines.put(None, timeout=seconds)
            self._thread.join(seconds)
        if self._thread.is_alive() and not self.trouble:
            self.trouble = f"{self.path}: the disk is too slow"

    def _write(self) -> None:
        """Write the lines that wait, flush them, and wait for more."""
        handle, ended = None, False
        try:
            while not ended:
                batch = [self._lines.get()]
                while not self._lines.empty():
                    batch.append(self._lines.get_nowait())
                ended = None in batch
                content = b"".join(line for line in batch if line is not None)
                if handle is None and content:
                    self.path.parent.mkdir(mode=0o700, exist_ok=True)
                    handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
                    self._tidy()
                if handle is not None and content:
                    if os.write(handle, content) < len(content):
                        raise OSError("the disk is full")
                    os.fsync(handle)
        except OSError as error:
            self.trouble = f"{self.path}: {error.strerror or error}"
        finally:
            if handle is not None:
                with suppress(OSError):
                    os.close(handle)


def sealed(text: str) -> bytes:
    """Return a line with its checksum. It begins with a line break too, so it never continues a line that has no end."""
    content = text.encode("utf-8", "surrogateescape")
    return b"\n%08x %b\n" % (zlib.crc32(content), content)


def lines_of(path: Path) -> Iterator[str | None]:
    """Yield the lines of a recording; None for a line that is damaged. Raises OSError."""
    if (packed := _packed(path)).exists():
        content, whole = _unpacked(packed.read_bytes())
        yield from map(_opened, filter(None, content.split(b"\n")))
        if not whole:
            yield None
    if path.exists() or not packed.exists():
        yield from map(_opened, filter(None, path.read_bytes().split(b"\n")))


def _unpacked(content: bytes) -> tuple[bytes, bool]:
    """Return what can be read of a compressed file, and whether that is all."""
    reader = zlib.decompressobj(wbits=31)
    with suppress(zlib.error):
        return reader.decompress(content), reader.eof
    return b"", False


def _opened(line: bytes) -> str | None:
    with suppress(ValueError):
        if len(line) > 9 and int(line[:8], 16) == zlib.crc32(line[9:]):
            return line[9:].decode("utf-8", "surrogateescape")
    return None


def tidy(folder: Path, today: date, *, keep_days: int) -> None:
    """Remove the recordings that are older than so many days, and compress those of sessions that are over."""
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError, ValueError):
                session = date.fromisoformat(path.name[:10])
                if session < today - timedelta(days=keep_days):
                    path.unlink()
                elif path.name.endswith(_ENDING) and session < today - _PACK_AFTER and not _packed(path).exists():
                    _pack(path)


def _pack(path: Path) -> None:
    """Compress a recording. The compressed file gets its name when it is complete."""
    replace_file(_packed(path), gzip.compress(path.read_bytes(), mtime=0), mode=PRIVATE, durable=True)
    path.unlink()
