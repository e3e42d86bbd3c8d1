"""Read the bytes of a file, and unpack gzip and zip, within limits of size.

Only regular files are read, because a FIFO or a device may never end. Content that unpacks to more than the limit is rejected
before it fills the memory.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tradectl.errors import DataError

MOST_BYTES = 128 * 1024 * 1024
"""Maximum size of one file in bytes, packed or unpacked: about three years of daily bars of the whole exchange."""
DEEPEST = 3
"""Maximum number of nested compressions, such as a zip in a gzip."""
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_KINDS = ((stat.S_ISFIFO, "a FIFO"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"), (stat.S_ISSOCK, "a socket"))
_LITTER = {".ds_store", "thumbs.db", "desktop.ini"}


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises DataError for another kind of file, and for a file that cannot be read or is too large."""
    name = path.name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO without a writer would wait here for ever
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                kind = next((what for test, what in _KINDS if test(mode)), "not a regular file")
                raise DataError(f"{name}: is {kind}; save its content as a file first")
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error})") from error
    if len(raw) > MOST_BYTES:
        raise DataError(f"{name}: is larger than {_megabytes()}; split it")
    return raw


def unpacked(name: str, raw: bytes) -> tuple[bytes, str]:
    """Return the unpacked bytes and the name of the file inside; plain bytes are returned unchanged.

    Raises DataError for content that is empty, damaged or too large, and for a zip that does not have exactly one file."""
    inner = name
    for _ in range(DEEPEST):
        if not raw.strip():
            raise DataError(f"{name}: is empty")
        if raw[:2] == _GZIP:
            raw = _gunzipped(name, raw)
        elif raw[:4] == _ZIP:
            raw, inner = _unzipped(name, raw)
        else:
            return raw, inner
    if raw[:2] == _GZIP or raw[:4] == _ZIP:
        raise DataError(f"{name}: is compressed more than {DEEPEST} times; unpack it first")
    return raw, inner


def _gunzipped(name: str, raw: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            return _within(name, packed.read(MOST_BYTES + 1))
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DataError(f"{name}: damaged gzip ({error})") from error


def _unzipped(name: str, raw: bytes) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = [entry for entry in archive.infolist() if not _is_litter(entry.filename)]
            _refuse_workbooks(name, {entry.filename for entry in members})
            if len(members) != 1:
                raise DataError(f"{name}: is a zip of {len(members)} files; unpack it first")
            if members[0].flag_bits & 1:
                raise DataError(f"{name}: is a zip with a password; unpack it first")
            with archive.open(members[0]) as packed:
                return _within(name, packed.read(MOST_BYTES + 1)), members[0].filename
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error, NotImplementedError) as error:
        raise DataError(f"{name}: damaged zip ({error})") from error


def _is_litter(member: str) -> bool:
    """Return whether a member of a zip is a folder, or a file that an operating system adds, such as `.DS_Store`."""
    path = PurePosixPath(member)
    return member.endswith("/") or "__MACOSX" in path.parts or path.name.startswith("._") or path.name.lower() in _LITTER


def _refuse_workbooks(name: str, members: set[str]) -> None:
    if "[Content_Types].xml" in members:
        raise DataError(f"{name}: is an Excel workbook, not CSV; save it as CSV first")
    if {"mimetype", "content.xml"} <= members:
        raise DataError(f"{name}: is an OpenDocument workbook, not CSV; save it as CSV first")
    if any(member.startswith("Index/") and member.endswith(".iwa") for member in members):
        raise DataError(f"{name}: is a Numbers workbook, not CSV; export it as CSV first")


def _within(name: str, content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise DataError(f"{name}: unpacks to more than {_megabytes()}; nothing was imported")
    return content


def _megabytes() -> str:
    return f"{MOST_BYTES // (1024 * 1024)} MB"
