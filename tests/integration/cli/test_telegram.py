"""`tradectl telegram` as a person uses it, and the processes that `daemon` and `run-due` start for it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.support.telegram_server import ASHA, TOKEN, TelegramServer, telegram_server
from tradectl.halt_marker import MarkerFile


@pytest.fixture
def server(tradectl: Tradectl, home: Path) -> Iterator[TelegramServer]:
    """A bot whose token the home has; nothing is paired."""
    with telegram_server() as served:
        assert tradectl("init", "--user", "asha").code == 0
        (home / "tradectl.toml").write_text(f'telegram = "{served.url}"\n', encoding="utf-8")
        assert tradectl("config", "set", "telegram.token", "-", stdin=TOKEN).out == "telegram.token is set\n"
        yield served


def program(home: Path, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TRADECTL_HOME": str(home)}
    command = [sys.executable, "-m", "tradectl", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def pair(home: Path, server: TelegramServer) -> str:
    """Pair ASHA's chat as a person does; return what the terminal showed."""
    process = program(home, "telegram", "pair")
    assert process.stderr is not None
    shown = ""
    while not (code := re.search(r"/pair (\d{8})", shown)):
        line = process.stderr.readline()
        assert line, process.communicate()
        shown += line
    server.message(code[0])
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    return shown + out


def wait_for(server: TelegramServer, text: str) -> None:
    with server.changed:
        assert server.changed.wait_for(lambda: any(text in reply for _, reply in server.sent), 60), server.sent


def wait_for_call(server: TelegramServer, method: str, after: int) -> None:
    """Wait until a method was called, after so many calls of any."""
    deadline = time.monotonic() + 60
    while method not in [name for name, _ in server.calls[after:]]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_pair_run_and_forget_as_a_person_does(tradectl: Tradectl, home: Path, server: TelegramServer) -> None:
    shown = pair(home, server)
    assert "@tradectl_test_bot within 10 minutes" in shown
    assert shown.endswith(f"paired with the chat of Asha ({ASHA}); /help there lists the commands\n")
    assert server.replies()[0].startswith("This chat is paired with the account asha.")
    assert "No process answers" in tradectl("telegram").out
    found = tradectl("telegram", "status", "--json").object["result"]
    assert (found["bot"], found["polled"], [chat["id"] for chat in found["chats"]]) == ("tradectl_test_bot", False, [ASHA])
    server.message("/help")
    assert tradectl("telegram", "run", "--for", "1").code == 0
    assert server.replies()[-1].startswith("/status")
    assert tradectl("telegram", "forget").out == "1 chat is forgotten\n"
    assert tradectl("telegram", "forget", "5").code == 2


def test_the_token_is_secret_and_checked(tradectl: Tradectl, home: Path, server: TelegramServer) -> None:
    said = tradectl("config", "set", "telegram.token", "-", stdin="not a token")
    assert (said.code, "not a token" in said.err) == (2, False)
    listed = tradectl("config", "list", "--json").out + tradectl("config", "get", "telegram.token").out
    assert TOKEN not in listed
    assert all(TOKEN.encode() not in file.read_bytes() for file in home.iterdir() if file.is_file())
    server.fail("getMe", 500, TOKEN.encode())
    said = tradectl("telegram", "pair")
    assert (said.code, TOKEN in said.out + said.err) == (6, False)


def test_without_a_token_it_says_what_helps(tradectl: Tradectl, home: Path) -> None:
    tradectl("init", "--user", "asha")
    assert "telegram.token" in tradectl("telegram").out
    said = tradectl("telegram", "run")
    assert (said.code, "tradectl config set telegram.token -" in said.err) == (4, True)


def test_a_refused_token_is_exit_4(tradectl: Tradectl, server: TelegramServer) -> None:
    tradectl("config", "set", "telegram.token", "-", stdin="1:wrong_wrong_wrong_wrong_wrong")
    said = tradectl("telegram", "run", "--for", "5")
    assert (said.code, "does not accept the bot's token" in said.err) == (4, True)


def test_run_outlasts_a_telegram_that_is_away(tradectl: Tradectl, server: TelegramServer) -> None:
    server.fail("getMe", 502, b"Bad Gateway")
    server.fail("getUpdates", 502, b"Bad Gateway")
    said = tradectl("telegram", "run", "--for", "1")
    assert (said.code, said.err.count("\n")) == (0, 1)
    assert "not valid (HTTP 502)" in said.err


def test_a_second_process_is_busy(tradectl: Tradectl, home: Path, server: TelegramServer) -> None:
    first = program(home, "telegram", "run")
    with server.changed:
        assert server.changed.wait_for(lambda: server.polls > 0, 60)
    said = tradectl("telegram", "run", "--json")
    assert (said.code, said.object["outcome"]) == (0, "busy")
    assert tradectl("telegram", "--json").object["result"]["polled"] is True
    server.message("hello")  # ends the long poll
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert first.returncode == 143


def test_kill_9_during_a_halt_loses_nothing(tradectl: Tradectl, home: Path, server: TelegramServer) -> None:
    """The reply hangs, the process dies, and the next one neither halts again nor forgets it."""
    pair(home, server)
    server.fail("sendMessage", 200, b"", seconds=20)
    before = len(server.calls)
    process = program(home, "telegram", "run")
    server.message("/halt")
    wait_for_call(server, "sendMessage", before)
    process.kill()
    process.communicate()
    assert MarkerFile(home, "asha").read().state == "HALTED"
    assert tradectl("resume").code == 0
    server.repeats = True
    tradectl("telegram", "run", "--for", "1")
    assert MarkerFile(home, "asha").read().state == "ACTIVE"


@pytest.mark.slow
def test_run_due_starts_a_poll_and_does_not_wait_for_it(tradectl: Tradectl, home: Path, server: TelegramServer) -> None:
    pair(home, server)
    server.fail("getUpdates", 200, b"", seconds=30)  # Telegram hangs
    begun, before = time.monotonic(), len(server.calls)
    process = program(home, "run-due", "-q")
    process.communicate(timeout=60)
    assert time.monotonic() - begun < 25
    wait_for_call(server, "getUpdates", before)
    found = tradectl("telegram", "--json").object["result"]
    assert found["polled"] is True
    stop_poller(home)


@pytest.mark.slow
def test_a_daemon_answers_phones_and_ends_in_spite_of_a_hang(tradectl: Tradectl, home: Path, server: TelegramServer) -> None:
    pair(home, server)
    process = program(home, "daemon")
    server.message("/halt")
    wait_for(server, "HALTED, by phone")
    assert MarkerFile(home, "asha").read().state == "HALTED"
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert time.monotonic() - begun < 20  # the poll would hold 25 s
    assert tradectl("telegram", "--json").object["result"]["polled"] is False


def stop_poller(home: Path) -> None:
    """End the poll that a run-due of this home left, by its own number."""
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0") if folder.name.isdigit() else []
        except OSError:
            continue
        if str(home) in words and "telegram" in words:
            os.kill(int(folder.name), signal.SIGKILL)
