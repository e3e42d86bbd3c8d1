"""A cache in memory."""

from __future__ import annotations

from collections.abc import Container


class MemoryCache:
    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.content.get(name)

    def put(self, name: str, content: bytes) -> None:
        self.content[name] = content

    def clear(self, prefix: str, keep: Container[str]) -> None:
        self.content = {name: content for name, content in self.content.items() if not name.startswith(prefix) or name in keep}

    def prune(self) -> None:
        """Do nothing: the cache lasts as long as a test."""
