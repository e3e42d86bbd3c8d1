"""A shelf in memory."""

from __future__ import annotations

from collections.abc import Container


class MemoryShelf:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def put(self, name: str, content: bytes) -> None:
        self.kept[name] = content

    def clear(self, beginning: str, but: Container[str]) -> None:
        self.kept = {name: content for name, content in self.kept.items() if not name.startswith(beginning) or name in but}

    def tidy(self) -> None:
        """Do nothing: the shelf lasts as long as a test."""
