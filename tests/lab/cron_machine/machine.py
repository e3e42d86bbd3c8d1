"""A real cron in a mount namespace of its own, on a clock that runs at a rate and can be set forward."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
NEEDED = ("setpriv", "unshare", "nsenter", "cron", "crontab", "faketime", "gcc")
FORM = "%Y-%m-%d %H:%M:%S"


def missing() -> str:
    """Return what this machine lacks to make another one; empty if nothing."""
    if sys.platform != "linux":
        return "Linux"
    if os.geteuid() != 0:
        return "root"
    found = [name for name in NEEDED if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None]
    return ", ".join(found)


@dataclass(frozen=True)
class Typed:
    """A command that the operator typed, with its end."""

    words: Sequence[str]
    code: int
    out: str
    err: str


class Machine:
    """A machine that boots at a moment of its own, and may boot again later with the same crontabs.

    Args:
        folder: For its files; mail that cron sends lands in `mail`.
        begin: Its first moment, aware.
        rate: Seconds of its clock for each real one.
        zone: Its time zone, such as Asia/Kolkata.
    """

    def __init__(self, folder: Path, begin: datetime, *, rate: float, zone: str = "Asia/Kolkata") -> None:
        self.folder, self.rate, self.zone = folder, rate, ZoneInfo(zone)
        self.mail = folder / "mail"
        self._clock = folder / "clock"
        self._set = begin
        self._booted = 0.0
        self._cron: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Machine:
        self._lay_out()
        self._write(self._set)
        settings = {
            "FAKETIME_TIMESTAMP_FILE": str(self._clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_RESET": "1",
            "LD_PRELOAD": str(self.folder / "waits.so"),
        }  # fmt: skip
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        begin = self._set.astimezone(self.zone).strftime(FORM)
        bound = ["setpriv", "--pdeathsig", "KILL", "--"]  # a driver that is killed leaves no cron behind
        faked = ["faketime", "-m", "-f", f"@{begin} x{self.rate}"]
        words = [*bound, "unshare", "-m", *faked, "bash", HERE / "machine.sh", self.folder]
        with (self.folder / "cron.log").open("wb") as log:
            self._cron = subprocess.Popen(
                [str(word) for word in words], env={"PATH": path, **settings}, start_new_session=True,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._await_boot()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._cron is not None:
            for process in self._inside():
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._cron.wait()

    def now(self) -> datetime:
        """Return the time of the machine's clock."""
        return self._set + timedelta(seconds=(time.monotonic() - self._booted) * self.rate)

    def forward_to(self, moment: datetime) -> None:
        """Set the clock forward, as when the machine wakes from sleep. A moment in the past changes nothing."""
        ahead = moment - self.now()
        if ahead > timedelta(0):
            self._set = (self._set + ahead).replace(microsecond=0)  # the clock's file has whole seconds
            self._write(self._set)

    def run_at(self, rate: float) -> None:
        """Let the clock run at another rate from now on. A wait that began before ends as if the rate had not changed."""
        passed = timedelta(seconds=(time.monotonic() - self._booted) * (self.rate - rate))
        self._set = (self._set + passed).replace(microsecond=0) + timedelta(seconds=1)  # the clock's file has whole seconds
        self.rate = rate
        self._write(self._set)

    def wait_until(self, moment: datetime) -> None:
        """Let the clock run to a moment."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(min(left / self.rate, 0.2))

    def type(self, *words: str, stdin: str = "", **environment: str) -> Typed:
        """Run a command on the machine, as its operator at a prompt, and return its end."""
        assert self._cron is not None
        command = ["nsenter", f"--mount=/proc/{self._pid}/ns/mnt", "--", *words]
        done = subprocess.run(
            command, env=self._environment | environment, input=stdin, capture_output=True, text=True, check=False
        )
        return Typed(words, done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> None:
        """Start a command on the machine that goes on until the machine is switched off, as an init system does."""
        command = ["nsenter", f"--mount=/proc/{self._pid}/ns/mnt", "--", *words]
        with (self.folder / "service.log").open("ab") as log:
            subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def letters(self) -> list[str]:
        """Return the mails that cron sent, oldest first."""
        return [file.read_text(errors="replace") for file in sorted(self.mail.iterdir())]

    def jobs(self) -> dict[int, str]:
        """Return the programs that still run and will end: command lines by process."""
        found = {}
        for process in self._inside():
            with suppress(OSError):
                words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
                if any("tradectl" in word for word in words[:2]) and "daemon" not in words:
                    found[process] = " ".join(words).strip()
        return found

    def _inside(self) -> list[int]:
        """Return the processes of the machine."""
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit() and os.readlink(process / "ns/mnt") == self._namespace:
                    found.append(int(process.name))
        return found

    def _lay_out(self) -> None:
        for name in ("spool/crontabs", "cron.d", "mail"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.folder / "spool/crontabs", "root", "crontab")
        (self.folder / "spool/crontabs").chmod(0o1730)
        for name in ("crontab", "environment"):
            (self.folder / name).touch()
        (self.folder / "ready").unlink(missing_ok=True)
        shutil.copy(f"/usr/share/zoneinfo/{self.zone.key}", self.folder / "localtime")
        (self.folder / "timezone").write_text(f"{self.zone.key}\n")
        letter = f'#!/bin/sh\ncat > "{self.mail}/$(date +%s.%N)"\n'
        (self.folder / "sendmail").write_text(letter)
        (self.folder / "sendmail").chmod(0o755)
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", self.folder / "waits.so", HERE / "waits.c", "-ldl"], check=True)

    def _await_boot(self) -> None:
        ready = self.folder / "ready"
        for _ in range(500):
            if ready.exists():
                break
            time.sleep(0.02)
        else:
            raise RuntimeError(f"the machine did not boot: {(self.folder / 'cron.log').read_text()}")
        lines = dict(line.split("=", 1) for line in ready.read_text().splitlines())
        home = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder / "root"), "LANG": "C.UTF-8", "USER": "root"}
        (self.folder / "root").mkdir(exist_ok=True)
        self._environment = {**home, **lines}
        self._pid = self._pid_of_cron()
        self._namespace = os.readlink(f"/proc/{self._pid}/ns/mnt")
        before = time.monotonic()
        shown = float(self.type("date", "+%s.%N").out)
        passed = (shown - self._set.timestamp()) / self.rate
        self._booted = (before + time.monotonic()) / 2 - passed

    def _pid_of_cron(self) -> int:
        assert self._cron is not None
        return self._cron.pid  # unshare, faketime and bash replaced themselves one after the other

    def _write(self, moment: datetime) -> None:
        """Write the clock's file at once as a whole: the programs read it at each look at the clock."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"@{moment.astimezone(self.zone).strftime(FORM)} x{self.rate}\n")
        new.replace(self._clock)
