"""Closed by default: under any umask the home is its owner's alone, and nothing secret is in its log."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.acceptance.program import Server
from tradectl.cli import app as program
from tradectl.cli.invocation import Invocation
from tradectl.exchange.sessions import SessionTable
from tradectl.settings import load

SESSION = "2023-08-16"
DAYS = [session.date for session in SessionTable.load().run_between(date(2023, 3, 1), date(2023, 8, 16))]


Shell = Callable[..., str]


@pytest.fixture
def shell(server: Server) -> Shell:
    """Runs the program under a umask and returns what it printed: `shell(0o022, home, "init")`."""

    def run(umask: int, home: Path, *words: str, stdin: str = "", code: int | None = 0) -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRADECTL_")}
        done = server.run(["--home", str(home), *words], env, stdin=stdin, umask=umask)
        assert code is None or done.code == code, (words, done)
        return done.out + done.err

    return run


def bars(file: Path) -> Path:
    """Two stocks that walk up and down."""
    lines = ["date,symbol,series,open,high,low,close,volume"]
    for number, day in enumerate(DAYS):
        for symbol, base in (("ALPHA", 100), ("BRAVO", 300)):
            price = base + (number * 7) % 13
            lines.append(f"{day},{symbol},EQ,{price}.00,{price + 2}.00,{price - 2}.00,{price + 1}.00,500000")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def modes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode)) for path in [folder, *folder.rglob("*")]}


def assert_closed(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))


@pytest.mark.parametrize("umask", [pytest.param(0o000, id="000"), pytest.param(0o077, id="077", marks=pytest.mark.slow)])
def test_a_home_is_closed_after_every_command(shell: Shell, umask: int, tmp_path: Path) -> None:
    home, live = tmp_path / "home", tmp_path / "live"
    home.mkdir(mode=0o755)
    at = ("--at", f"{SESSION} 09:15")
    shell(umask, home, "data", "import", str(bars(tmp_path / "bars.csv")))
    shell(umask, home, "init", *at)
    shell(umask, home, "config", "set", "universe", "ALPHA,BRAVO", *at, code=None)
    shell(umask, home, "user", "add", "anna", *at)
    shell(umask, home, "sell-monitor", "--once", "--user", "me", *at)
    shell(umask, home, "buy", "--user", "anna", "--at", f"{SESSION} 16:05", code=None)
    shell(umask, home, "sandbox", "trade", "ALPHA", "BUY", "1", "100", "--user", "me", "--at", f"{SESSION} 10:00", code=None)
    shell(umask, home, "data", "sessions", "--help")
    shell(umask, home, "backup", "--at", f"{SESSION} 17:00")
    shell(umask, home, "simulate", "--user", "me", "--from", "2023-08-10", "--to", "2023-08-11", "--universe", "ALPHA",
          "--keep", str(home / "kept"), code=None)  # fmt: skip
    assert (home / "kept" / "ledger.db").exists()
    shell(umask, home, "backtest", "ALPHA", "--csv", str(tmp_path / "trades.csv"), "--user", "me", code=None)
    shell(umask, home, "drill", "--seeds", "1", "--points", "1", "--jobs", "1")
    shell(umask, live, "init", "--mode", "live", "--broker", "kite")
    shell(umask, live, "broker", "set", "kite", stdin="api_key=k\napi_secret=very-secret\n")
    shell(umask, live, "status")
    shell(umask, live, "doctor", "--offline", code=None)
    for folder in (home, live):
        assert_closed(folder)
    assert {"ledger.db", "paper.db", "market", "backups", "kept", "drill"} <= {path.name for path in home.iterdir()}
    assert (live / "secret.key").exists()


def test_a_file_that_a_person_asked_for_follows_the_umask(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shell(0o022, home, "data", "import", str(bars(tmp_path / "bars.csv")))
    shell(0o022, home, "backtest", "ALPHA", "--csv", str(tmp_path / "new.csv"))
    (tmp_path / "old.csv").touch()
    (tmp_path / "old.csv").chmod(0o640)
    shell(0o022, home, "backtest", "ALPHA", "--csv", str(tmp_path / "old.csv"))
    found = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new.csv", "old.csv")]
    assert found == [0o644, 0o640]
    assert (tmp_path / "new.csv").read_text() == (tmp_path / "old.csv").read_text() != ""


def test_an_older_home_is_closed_and_what_is_left_is_told(shell: Shell, tmp_path: Path) -> None:
    home = tmp_path / "home"
    at = ("--at", f"{SESSION} 09:15")
    shell(0o022, home, "init", *at)
    shell(0o022, home, "sell-monitor", "--once", *at, code=None)
    (home / "notes").write_text("mine", encoding="utf-8")
    (home / "tradectl.toml").write_text("", encoding="utf-8")
    for path in (home, *home.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    said = shell(0o022, home, "doctor", *at, code=None)
    assert f"`chmod -R go= {home}`" in said
    wrong = {name for name, mode in modes(home).items() if mode not in {"0o700", "0o600"}}
    assert wrong == {"notes"}
    subprocess.run(["chmod", "-R", "go=", str(home)], check=True)
    assert f"only its owner can use {home}" in shell(0o022, home, "doctor", *at, code=None)


def test_an_earlier_home_is_closed_by_the_next_write(shell: Shell, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    at = ("--at", f"{SESSION} 09:15")
    shell(0o022, home, "init", *at)
    (home / "kept").mkdir()
    (home / "kept" / "ledger.db").touch()
    elsewhere.mkdir()
    for mode in (0o755, 0o2775, 0o711):
        home.chmod(mode)
        shell(0o022, home, "sell-monitor", "--once", *at, code=None)
        assert stat.S_IMODE(home.stat().st_mode) & 0o777 == 0o700
    elsewhere.chmod(0o755)
    shell(0o022, elsewhere, "--db", str(home / "ledger.db"), "config", "list", *at)
    shell(0o022, elsewhere, "--db", str(home / "ledger.db"), "sell-monitor", "--once", *at, code=None)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755  # it holds no ledger


@pytest.mark.parametrize("mode", [0o1777, 0o1755, 0o757])
def test_a_folder_in_which_others_may_write_stays_as_it_is(shell: Shell, mode: int, tmp_path: Path) -> None:
    shell(0o022, tmp_path, "init")
    tmp_path.chmod(mode)
    shell(0o022, tmp_path, "user", "add", "anna")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == mode
    tmp_path.chmod(0o700)


def test_a_folder_of_others_is_not_closed_by_making_a_home_in_it(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    tmp_path.chmod(0o755)
    shell(0o022, tmp_path, "init")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600
    assert f"`chmod -R go= {tmp_path}`" in shell(0o022, tmp_path, "doctor", code=None)


def test_the_log_of_bugs_has_no_secret_and_no_control_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invocation = Invocation(settings=load(home=str(tmp_path), environment={}))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "bugs.log").touch()
    (tmp_path / "logs" / "bugs.log").chmod(0o644)
    words = ["--db", "postgresql+psycopg://anna:geheim@host/db", "config", "set", "notify.urls", "tgram://123:abcdef/4"]
    monkeypatch.setattr(sys, "argv", ["tradectl", *words, "api_secret=hush-hush", "\x1b]0;pwn\x07"])
    try:
        raise RuntimeError("cannot reach postgresql://anna:geheim@host/db?password=geheim2 \x9b31m\u202e")
    except RuntimeError as error:
        program.report_bug(invocation, RuntimeError, error, error.__traceback__)
    file = tmp_path / "logs" / "bugs.log"
    text = file.read_text(encoding="utf-8")
    assert "RuntimeError: cannot reach postgresql://" in text
    assert "--db" in text
    for secret in ("geheim", "123:abcdef", "hush-hush", "\x1b", "\x07", "\x9b", "\u202e"):
        assert secret not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
