"""Files that may be lost, and are never half there: written beside their place under a name of their own, then put there.

Two processes of one account may keep the same day's list at the same moment; each puts a whole one, and neither the other's.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def put_whole(file: Path, content: bytes) -> None:
    """The file has this content, or what it had before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", suffix=".part", dir=file.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
