"""Read and write the user's crontab by the machine's own `crontab`, so that cron checks and sees each change.

A read that fails is an error and never an empty crontab: a write would then delete the other jobs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tradectl.errors import ConfigurationError
from tradectl.files import CAN_LOCK, lock
from tradectl.settings import english_environment

_NONE_YET = re.compile(r"no crontab for |can't open '[^'/]*': No such file")
"""What Debian's cron, cronie and busybox print for a user without a crontab."""
_LIMIT = 30.0


def available() -> bool:
    """Return whether the machine has a `crontab` program."""
    return shutil.which("crontab") is not None


def read_crontab() -> bytes:
    """Return the user's crontab; empty where there is none.

    Raises:
        ConfigurationError: There is no `crontab` program, or it cannot read.
    """
    done = _run("-l")
    if done.returncode == 0:
        return done.stdout
    said = _said(done)
    if _NONE_YET.search(said):
        return b""
    raise ConfigurationError(f"`crontab -l` failed with exit code {done.returncode}: {said}. The crontab is unchanged")


def change_crontab(change: Callable[[bytes], bytes]) -> bool:
    """Replace the user's crontab by `change` of it, one process at a time; return whether it differs.

    Raises:
        ConfigurationError: `crontab` could not read or write, or has another content afterwards.
    """
    with _one_at_a_time():
        old = read_crontab()
        new = change(old)
        if new == old:
            return False
        done = _run("-", content=new) if new else _run("-r")
        if done.returncode:
            raise ConfigurationError(f"`crontab` refused the new lines: {_said(done)}. The crontab is unchanged")
        if read_crontab() != new:
            raise ConfigurationError(
                "the crontab has other lines than those written: another program changes it, or `crontab` does. "
                "`tradectl crontab check` shows what it has now"
            )
    return True


def _run(*words: str, content: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("crontab")
    if program is None:
        raise ConfigurationError(
            "this machine has no program `crontab`: install cron, or use `tradectl systemd install` or `tradectl daemon`"
        )
    try:
        return subprocess.run(
            [program, *words], input=content or b"", capture_output=True, check=False, timeout=_LIMIT, env=english_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"{program} cannot be run: {error}") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join((done.stderr or done.stdout).decode(errors="replace").split()) or "no message"


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock on the user's folder: two installs at once would lose the block of one."""
    if not CAN_LOCK:
        yield
        return
    try:
        folder = os.open(Path.home(), os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks
            lock(folder)
        yield
    finally:
        os.close(folder)
