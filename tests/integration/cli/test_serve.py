"""`serve` as its user starts it: what it refuses before it listens, how it ends, and what it needs."""

from __future__ import annotations

import json
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.cli.test_light import loaded
from tests.integration.dashboard.conftest import serving
from tests.support.contract import differences


@pytest.fixture
def home_made(tradectl: Tradectl, home: Path) -> Path:
    assert tradectl("init", "-q").code == 0
    return home


def test_it_makes_no_home(tradectl: Tradectl, home: Path) -> None:
    said = tradectl("serve", "--port", "0")
    assert (said.code, said.err.count("\n")) == (4, 1)
    assert "there is no home" in said.err
    assert not home.exists()


def test_a_port_in_use_is_one_line(tradectl: Tradectl, home_made: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = tradectl("serve", "--port", str(taken.getsockname()[1]))
    assert (said.code, said.out, said.err.count("\n")) == (4, "", 1)
    assert "Address already in use. Choose another with --port" in said.err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--host", "0.0.0.0"), 2, "--name NAME"),
        (("--host", "0.0.0.0", "--name", "pi.local"), 4, "--token-file FILE is needed"),
        (("--name", "pi.tail1234.ts.net"), 4, "--token-file FILE is needed"),
        (("--name", "http://pi/"), 2, "is not the name or the address of a machine"),
        (("--host", "no such host"), 2, "has no address"),
        (("--port", "70000"), 2, "70000 is not in the range"),
    ],
)
def test_other_machines_need_a_token(tradectl: Tradectl, home_made: Path, words: tuple[str, ...], code: int, text: str) -> None:
    said = tradectl("serve", *(() if "--port" in words else ("--port", "0")), *words)
    assert (said.code, text in said.err) == (code, True), said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("content", ["", "short", "sixteen letters with blanks", "ü" * 20, "\x00" * 20])
def test_a_weak_token_is_refused(tradectl: Tradectl, home_made: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content, encoding="utf-8")
    said = tradectl("serve", "--port", "0", "--token-file", str(tmp_path / "token"))
    assert (said.code, "remove the file and a new token is made" in said.err) == (4, True)
    assert not content.strip() or content not in said.err


def test_a_folder_is_no_token_file(tradectl: Tradectl, home_made: Path, tmp_path: Path) -> None:
    said = tradectl("serve", "--port", "0", "--token-file", str(tmp_path))
    assert (said.code, "cannot be used: Is a directory" in said.err) == (4, True)


def test_without_its_extra_it_names_it(tradectl: Tradectl, home_made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("starlette", "tradectl.dashboard"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = tradectl("serve")
    assert (said.code, said.err) == (4, "tradectl: `serve` needs the extra `serve`: pip install 'tradectl[serve]'\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(home_made: Path, tmp_path: Path, number: int) -> None:
    file = tmp_path / "token"
    page = serving(home_made, "--json", "--name", "pi.local", "--token-file", str(file))
    token = file.read_text(encoding="utf-8").strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (len(token) > 40, token in page.note) == (True, False)
    assert page.get("/", f"Authorization: Bearer {token}", host="pi.local").status == 200
    assert page.get("/", host="pi.local").status == 403
    with socket.create_connection(("127.0.0.1", page.port)):  # a browser keeps its connection open
        code, out = page.stop(number)
    found = json.loads(out)
    assert list(differences(found)) == []
    assert (code, found["outcome"], found["result"]["requests"], found["result"]["signal"]) == (0, "completed", 2, int(number))


def test_another_users_reports_are_not_shown(tradectl: Tradectl, home_made: Path) -> None:
    assert tradectl("user", "add", "asha").code == 0
    assert "choose one with --user NAME" in tradectl("serve", "--port", "0").err
    (home_made / "reports").mkdir()
    names = ("asha-2026-11-25.html", "asha-2026-11-01-to-2026-11-25.html", "me-2026-11-25.html", "asha-me-2026-11-25.html")
    for name in names:
        (home_made / "reports" / name).write_text(name, encoding="utf-8")
    page = serving(home_made, "--user", "asha")
    assert [page.get(f"/reports/file/{name}").status for name in names] == [200, 200, 404, 404]
    assert b"me-2026" not in page.get("/reports").body
    assert page.stop() == (0, "5 requests answered\n")


def test_a_ledger_that_cannot_be_read_is_said_on_the_page(home_made: Path) -> None:
    page = serving(home_made)
    assert page.get("/").status == 200
    (home_made / "ledger.db").write_bytes(b"no database at all" * 100)
    reply = page.get("/")
    assert (reply.status, b"The account cannot be read now" in reply.body, b"halt marker" in reply.body) == (503, True, True)
    (home_made / "ledger.db").unlink()
    assert page.get("/live/orders").status == 503
    assert page.stop()[0] == 0


def test_help_and_other_commands_load_no_web_framework(tmp_path: Path) -> None:
    web = {"starlette", "uvicorn", "anyio", "h11"}
    assert not loaded(tmp_path, "--help") & web
    assert not loaded(tmp_path, "serve", "--help") & web
