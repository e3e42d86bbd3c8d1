"""Report the state of the daemon to systemd over its notification socket (sd_notify(3)); nothing without systemd."""

from __future__ import annotations

import socket
from contextlib import suppress

from tradectl.settings import take_notify_socket


class SystemdNotify:
    """The socket that systemd names in NOTIFY_SOCKET for a service of `Type=notify`."""

    def __init__(self, address: str) -> None:
        """`address`: a path, or `@NAME` of the abstract namespace; empty: no systemd."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def send(self, state: str) -> None:
        """Send a state, such as `READY=1`, `WATCHDOG=1` or `STOPPING=1`. A systemd that does not listen is no error."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(self._address)
            sender.sendall(state.encode())


def systemd_notify() -> SystemdNotify:
    """Return the socket of this process."""
    return SystemdNotify(take_notify_socket())
