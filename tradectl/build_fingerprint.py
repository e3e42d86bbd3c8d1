"""Calculate a fingerprint of the program's source. A stored result is valid only for the source that made it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def build_fingerprint(*packages: str) -> str:
    """Return 24 hex digits over the Python files and CSV tables of these packages; without arguments, of the whole program."""
    digest, package = hashlib.sha256(), Path(__file__).parent
    folders = [package / name for name in packages] or [package]
    for file in sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in {".py", ".csv"}):
        digest.update(str(file.relative_to(package)).encode() + file.read_bytes())
    return digest.hexdigest()[:24]
