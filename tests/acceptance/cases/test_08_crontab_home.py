"""Case 08: every line of a crontab reaches its home and user from cron's empty environment, by the program's own path."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import cron_words, shell
from tests.acceptance.conftest import server
from tests.acceptance.program import Server, Tradectl

__all__ = ["server"]

pytestmark = pytest.mark.usefixtures("trading_hours")  # in the evening the lines fetch prices, and no test reaches a network
CRON = f"{os.defpath}:/usr/sbin:/sbin"


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def as_cron_runs(line: str, home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of a line as cron does: an empty environment, the user's folder, /bin/sh; `\\%` is `%`."""
    command = line.split(maxsplit=5)[5].replace("\\%", "%")
    return subprocess.run(cron_words(folder, command), cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def with_two_users(home: Path, server: Server) -> Tradectl:
    """Make a home of `me` and `anna`."""
    tradectl = Tradectl(home, server)
    assert tradectl("init").code == 0
    assert tradectl("user", "add", "anna", "--capital", "100000").code == 0
    return tradectl


@pytest.mark.parametrize("name", [pytest.param("live", marks=pytest.mark.slow), "my home, it's 100% mine"])
@pytest.mark.parametrize("said", ["environment", "option"])
def test_every_line_reaches_the_home_it_was_written_for(tmp_path: Path, server: Server, name: str, said: str):
    home, elsewhere = tmp_path / name, tmp_path / "elsewhere"
    elsewhere.mkdir()
    with_two_users(home, server)
    if said == "environment":
        written = shell("tradectl crontab --zone UTC", home, {"TRADECTL_USER": "anna"})
    else:
        written = shell(f'tradectl crontab --zone UTC --home "{home}" --user anna', tmp_path / "another")
    found = lines(written.stdout)
    assert len(found) == 18, written
    for line in (found[2], found[-1]):  # the first two fetch prices from the exchange
        done = as_cron_runs(line, home, elsewhere)
        assert done.returncode in {0, 8, 9, 12}, (line, done)
        assert "created a paper account" not in done.stderr
    assert list(elsewhere.iterdir()) == []
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        assert ledger.execute("SELECT count(*) FROM users").fetchone() == (2,)


def test_the_lines_are_those_of_the_users_schedule(tmp_path: Path, server: Server):
    """Of the user who is named, and of no other."""
    tradectl = with_two_users(tmp_path, server)
    changes = (
        "schedule set premarket-retry --times 08:05",
        "schedule set sell-monitor --until 14:30",
        "schedule disable analyze",
    )
    before = {user: tradectl("crontab", "--zone", "UTC", "--user", user).out for user in ("anna", "me")}
    for change in changes:
        assert tradectl(*change.split(), "--user", "anna").code == 0, change
    after = {user: tradectl("crontab", "--zone", "UTC", "--user", user).out for user in ("anna", "me")}
    assert after["me"] == before["me"] != ""
    retries = [line.split(maxsplit=2)[:2] for line in lines(after["anna"]) if " premarket-retry " in line]
    assert retries == [["35", "2"]]
    assert [line for line in lines(after["anna"]) if " sell-monitor --until 14:30 --trigger cron" in line]
    assert not [line for line in lines(after["anna"]) if " analyze " in line]
    assert "# tradectl: analyze is disabled: `tradectl schedule enable analyze`" in after["anna"]
    assert " analyze " in before["anna"]


def test_a_ledger_that_cannot_be_read_is_noted(tmp_path: Path):
    said = shell("tradectl crontab --zone UTC --user anna --db postgresql+psycopg://anna@127.0.0.1:1/trading", tmp_path)
    assert said.returncode == 0
    assert "these are the tasks' own times" in said.stdout
    assert "these are the tasks' own times" in said.stderr
    assert len(lines(said.stdout)) == 18


@pytest.mark.parametrize("each", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_a_line_whose_home_is_gone_makes_none(tmp_path: Path, each: int):
    """Every run starts some of the lines: the last of them, `run-due`, and each sixth of the others."""
    home, elsewhere = tmp_path / "live", tmp_path / "elsewhere"
    elsewhere.mkdir()
    written = shell("tradectl crontab --zone UTC", home)
    assert "there is no home" in written.stderr
    found = lines(written.stdout)
    for line in (*found[:-1:each], found[-1]):
        done = as_cron_runs(line, home, elsewhere)
        assert (done.returncode, done.stdout) == (4, ""), line
        assert f"there is no home in {home}" in done.stderr
    assert (home.exists(), list(elsewhere.iterdir())) == (False, [])


def test_a_line_of_an_older_crontab_makes_no_home(tmp_path: Path):
    for line in ("tradectl sell-monitor --until last-fill --trigger cron -q", "tradectl run-due -q"):
        done = shell(f"unset TRADECTL_HOME; HOME={tmp_path} {line}", tmp_path / "unused")
        assert done.returncode == 4
    assert list(tmp_path.iterdir()) == []


def test_a_named_database_file_is_in_every_line(tmp_path: Path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert shell(f"cd {tmp_path}; tradectl init --db own.db", home).returncode == 0
    for naming in ("--db own.db", "--db sqlite:///own.db"):
        written = shell(f"cd {tmp_path}; tradectl crontab --zone UTC {naming}", home)
        done = as_cron_runs(lines(written.stdout)[-1], home, elsewhere)
        assert done.returncode in {0, 8, 9, 12}, (written, done)
    assert not (home / "ledger.db").exists()


def test_a_line_whose_folder_is_gone_makes_no_home(tmp_path: Path):
    """The halt marker lies in the folder: a new one would say ACTIVE."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert shell(f"tradectl init --db {tmp_path}/own.db && tradectl halt --db {tmp_path}/own.db", home).returncode == 0
    written = shell(f"tradectl crontab --zone UTC --db {tmp_path}/own.db", home)
    home.rename(tmp_path / "moved")
    found = lines(written.stdout)
    for line in (found[2], found[-1]):  # the first two fetch prices from the exchange
        done = as_cron_runs(line, home, elsewhere)
        assert (done.returncode, done.stdout) == (4, ""), line
        assert f"there is no home in {home} (no such folder)" in done.stderr
    assert (home.exists(), list(elsewhere.iterdir())) == (False, [])


def test_a_password_goes_into_no_crontab(tmp_path: Path):
    url = "postgresql+psycopg://anna:s3cret@127.0.0.1:1/trading"
    written = shell("tradectl crontab --zone UTC --user anna", tmp_path, {"TRADECTL_DB": url})
    assert written.returncode == 0
    assert "s3cret" not in written.stdout + written.stderr
    assert "is not written here" in written.stderr
    assert "the tasks' own times" in written.stderr
    assert all("--db postgresql+psycopg://anna@127.0.0.1:1/trading" in line for line in lines(written.stdout))
    (tmp_path / "tradectl.toml").write_text(f'database = "{url}"\n', encoding="utf-8")
    written = shell("tradectl crontab --zone UTC --user anna", tmp_path, {"TRADECTL_DB": url})
    assert ("is not written here" in written.stderr, "--db" in written.stdout) == (False, False)


def test_several_users_must_be_named(tmp_path: Path, server: Server):
    with_two_users(tmp_path, server)
    said = shell("tradectl crontab", tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert "choose one with --user NAME" in said.stderr


def test_a_home_that_no_cron_can_name_is_refused(tmp_path: Path):
    said = shell(f"tradectl crontab --home '{tmp_path}/a\\b'", tmp_path)
    assert (said.returncode, said.stdout) == (4, "")
    assert "cannot be written into a crontab" in said.stderr


@pytest.mark.slow
def test_a_real_cron_starts_the_lines(tmp_path: Path):
    """The machine's own cron, in a mount namespace: it sees no crontab but this one."""
    cron, unshare = shutil.which("cron", path=f"{os.environ['PATH']}:{CRON}"), shutil.which("unshare")
    if cron is None or unshare is None or os.geteuid() != 0:
        pytest.skip("no cron, no unshare, or not root")
    home = tmp_path / "my home, it's 100% mine"
    assert shell("tradectl init --user anna", home).returncode == 0
    text = shell("tradectl crontab --user anna --zone UTC", home).stdout
    line = lines(text)[-1]
    spool = tmp_path / "crontabs"
    spool.mkdir(mode=0o700)
    (spool / "root").write_text(f"{line}\n", encoding="utf-8")
    (spool / "root").chmod(0o600)
    mounts = "mount -t tmpfs none /run && mount -t tmpfs none /var/spool && mkdir -p /var/spool/cron/crontabs"
    hidden = '[ -d /etc/cron.d ] && mount --bind "$2" /etc/cron.d; [ -f /etc/crontab ] && mount --bind /dev/null /etc/crontab'
    script = f'{mounts} && cp -p "$1"/root /var/spool/cron/crontabs/ && {{ {hidden}; exec "$3" -f; }}'
    empty = tmp_path / "empty"
    empty.mkdir()
    process = subprocess.Popen([unshare, "-m", "sh", "-c", script, "sh", str(spool), str(empty), cron])
    try:
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline and not beats(home):
            time.sleep(1)
    finally:
        process.kill()
        process.wait()
    assert beats(home) == [("anna", "run-due")]


def beats(home: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        return ledger.execute("SELECT user, service FROM service_status").fetchall()
