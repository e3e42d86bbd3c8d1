"""What is done inside a process before its command runs, to make it die or wait at one certain place. Nothing here is mocked."""

from __future__ import annotations
