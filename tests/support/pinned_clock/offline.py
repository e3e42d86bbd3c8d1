"""No test leaves this machine: a connection to another host fails at once, in the test process and in those that it starts.

Without this a task whose hour it is on the machine would fetch prices from the exchange, and a test would pass or fail by the
network and by the hour.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any


def install() -> None:
    """Refuse each connection and each look-up of a name beyond the loopback, as a machine without a network does."""
    sys.addaudithook(_refuse)


def _refuse(event: str, values: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = values[0]
    elif event == "socket.connect" and isinstance(values[1], tuple):
        host = values[1][0]
    else:
        return
    if not _here(host):
        raise OSError(101, f"a test wants to reach {host}")


def _here(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    if not isinstance(text, str) or text in {"", "localhost"} or text.endswith((".localhost", ".invalid", ".test")):
        return True
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
