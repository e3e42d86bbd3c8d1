"""Who works on an execution: a process that can be told from every other one, and proved dead where it is.

An owner is `host:boot:pid:start`. The boot id (with the process-id namespace, since containers share a kernel) says that a
process id means the same process table as ours; the start time says that the id was not given to another process since.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

_UNKNOWN = "-"


def this_owner() -> str:
    """The owner string of this process."""
    return owner_of(os.getpid())


def is_alive(owner: str) -> bool:
    """False only with proof: an owner elsewhere, or on a system without /proc, counts as alive until its lease ends."""
    host, boot, pid, start = parts(owner)
    if (host, boot) != _here() or not pid.isdigit():
        return True
    if boot == _UNKNOWN:
        return _answers(int(pid))
    state, started = _process(int(pid))
    return state not in {"", "Z", "X"} and started == start


def is_elsewhere(owner: str) -> bool:
    """Whether it is of another host, another boot or another process table, so that nothing here can prove its death."""
    host, boot, _, _ = parts(owner)
    return (host, boot) != _here()


def boot_id() -> str:
    """Return the id of this machine's boot, empty where the system tells none."""
    boot = _here()[1].partition(".")[0]
    return "" if boot == _UNKNOWN else boot


def parts(owner: str) -> tuple[str, str, str, str]:
    """Host, boot, process id and start time of an owner."""
    host, boot, pid, start = ([*owner.rsplit(":", 3), "", "", ""])[:4]
    return host, boot, pid, start


@lru_cache(maxsize=4)
def owner_of(pid: int) -> str:
    """The owner string of a process of this machine."""
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
    """State and start time (clock ticks since boot) of a process; both empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text[text.rfind(")") + 2 :].split()
    return fields[0], fields[19]


def state_of(pid: int) -> str:
    """Return the state letter of a process of this machine: T is stopped; empty if there is none, or no /proc."""
    return _process(pid)[0]


def _answers(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
