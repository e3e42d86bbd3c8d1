"""Name who changes the ledger: the operating system's user and the command. The journal stores the name with each entry."""

from __future__ import annotations

import getpass
import os
from functools import cache

_command = ""


def set_command(name: str) -> None:
    """Set the command that this process runs, such as `sell-monitor`."""
    global _command  # noqa: PLW0603 - a process runs one command
    _command = name


def actor() -> str:
    """Return the operating system's user and the command, such as `asha: halt`."""
    return f"{_login()}: {_command}" if _command else _login()


@cache
def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
