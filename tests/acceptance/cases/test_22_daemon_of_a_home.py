"""Case 22: one daemon for each user of a home; a home that disappears ends it; no starter makes a paper exchange."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import clock_at, environment, shell
from tradectl.model.moment import IST

DAEMON = [sys.executable, "-m", "tradectl", "daemon"]


class Systemd:
    """The notification socket of a service manager."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(60)
        self.path = path

    def next(self) -> str:
        return self.socket.recv(1000).decode()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path / "notify")
    yield made
    made.socket.close()


@pytest.fixture
def start(tmp_path: Path, systemd: Systemd) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start a daemon, and wait until systemd would count it as started."""
    home, started = tmp_path / "home", []
    assert shell("tradectl init --user anna -q", home).returncode == 0
    with closing(sqlite3.connect(home / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE task_schedules SET enabled = 0")  # a killed daemon leaves its tasks running

    def begin() -> subprocess.Popen[str]:
        with_socket = environment(home, {"NOTIFY_SOCKET": str(systemd.path)})
        process = subprocess.Popen(DAEMON, env=with_socket, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert systemd.next() == "READY=1\nWATCHDOG=1"
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_second_daemon_reports_the_first_one(start: Callable[[], subprocess.Popen[str]], systemd: Systemd, tmp_path: Path):
    first = start()
    second = shell("tradectl daemon --json", tmp_path / "home")
    said = json.loads(second.stdout)
    assert (second.returncode, said["outcome"]) == (0, "busy")
    assert f"process {first.pid} on {socket.gethostname()}" in said["result"]["running"]
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 143
    assert systemd.next() == "STOPPING=1"


def test_a_killed_daemon_leaves_no_lock(start: Callable[[], subprocess.Popen[str]]):
    first = start()
    first.kill()
    first.wait(60)
    assert start().poll() is None


@pytest.mark.parametrize("gone", ["moved", "replaced"])
def test_a_daemon_whose_home_is_gone_ends(start: Callable[[], subprocess.Popen[str]], tmp_path: Path, gone: str):
    first, home = start(), tmp_path / "home"
    first.send_signal(signal.SIGSTOP)  # it must not look between the two steps
    home.rename(tmp_path / "moved")
    if gone == "replaced":
        shutil.copytree(tmp_path / "moved", home)
    first.send_signal(signal.SIGCONT)
    assert first.wait(60) == 4
    said = first.communicate()[1]
    assert ("no such folder" if gone == "moved" else "was replaced by another file") in said
    assert "then start `tradectl daemon` again" in said
    assert home.exists() == (gone == "replaced")


def test_a_started_task_makes_no_paper_exchange(tmp_path: Path):
    home, evening = tmp_path / "home", clock_at(datetime(2026, 11, 30, 18, 5, tzinfo=IST))
    assert shell("tradectl init -q", home, evening).returncode == 0
    (home / "paper.db").unlink()
    done = shell("tradectl eod --trigger cron -q", home, evening)
    assert done.returncode == 4, done
    assert "there is no paper exchange" in done.stderr
    assert [name for name in os.listdir(home) if name.startswith("paper")] == []
    assert shell("tradectl sandbox accept --new", home, evening).returncode == 0
    assert (home / "paper.db").exists()
