"""Identify processes uniquely, so that the death of a process can be proved.

An identity is `host:boot:pid:start`; executions store it as their `owner`. The boot id, with the process-id namespace (containers
share a kernel), shows whether a process id belongs to this process table. The start time shows whether the system has given the
process id to another process since.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

_UNKNOWN = "-"


def current_identity() -> str:
    """Return the identity of this process."""
    return identity_of(os.getpid())


def is_alive(identity: str) -> bool:
    """Return False only if the death of a process is proved.

    A process of another host or boot counts as alive until its lease ends.
    """
    host, boot, pid, start = split_identity(identity)
    if (host, boot) != _here() or not pid.isdigit():
        return True
    if boot == _UNKNOWN:
        return _exists(int(pid))
    state, started = _process(int(pid))
    return state not in {"", "Z", "X"} and started == start


def is_elsewhere(identity: str) -> bool:
    """Return whether a process belongs to another host, boot or process table, so that its death cannot be proved here."""
    host, boot, _, _ = split_identity(identity)
    return (host, boot) != _here()


def boot_id() -> str:
    """Return the id of this machine's boot; empty if the system has none."""
    boot = _here()[1].partition(".")[0]
    return "" if boot == _UNKNOWN else boot


def split_identity(identity: str) -> tuple[str, str, str, str]:
    """Return host, boot, process id and start time of an identity."""
    host, boot, pid, start = ([*identity.rsplit(":", 3), "", "", ""])[:4]
    return host, boot, pid, start


@lru_cache(maxsize=4)
def identity_of(pid: int) -> str:
    """Return the identity of a process on this machine."""
    host, boot = _here()
    return f"{host}:{boot}:{pid}:{_process(pid)[1] or _UNKNOWN}"


@lru_cache(maxsize=1)
def _here() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return socket.gethostname()[:64], _UNKNOWN
    return socket.gethostname()[:64], f"{boot}.{namespace}"


def _process(pid: int) -> tuple[str, str]:
    """Return state letter and start time (clock ticks since boot) of a process; both empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text[text.rfind(")") + 2 :].split()
    return fields[0], fields[19]


def process_state(pid: int) -> str:
    """Return the state letter of a process on this machine (T: stopped); empty without the process or without /proc."""
    return _process(pid)[0]


def _exists(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
