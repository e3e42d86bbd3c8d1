"""The units reach their home by any path, systemd itself accepts them, and only our own files are removed."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.cli.conftest import Tradectl, home, tradectl
from tradectl.errors import ConfigurationError
from tradectl.host.sd_notify import SystemdNotify
from tradectl.host.systemd_units import unit_files, unit_name

__all__ = ["home", "tradectl"]
ODD = Path("/tmp/my home, 100% $mine; 'a' \"b\"")


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "systemd" / "user"


@pytest.mark.parametrize("timer", [False, True])
@pytest.mark.parametrize("account", ["", "daemon"])
def test_systemd_accepts_the_units_of_an_odd_path(tmp_path: Path, timer: bool, account: str):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    words = [shutil.which("env") or "", "tradectl", "--home", str(ODD), "--user", "anna"]
    files = unit_files("tradectl-anna-1", ODD, "anna", words, timer=timer, account=account, port=8600)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    paths = [str(tmp_path / name) for name in files]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--generators=no", *paths], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "tradectl-anna" in line] == []
    assert len(files) == 4 + timer
    assert {("User=daemon" in text) for name, text in files.items() if name.endswith(".service")} == {bool(account)}


def test_an_odd_path_is_one_word_of_the_command():
    text = unit_files("x", ODD, "anna", ["/bin/tradectl", "--home", str(ODD)], timer=False)["x.service"]
    line = next(item for item in text.splitlines() if item.startswith("ExecStart="))
    assert line == 'ExecStart=/bin/tradectl --home "/tmp/my home, 100%% $$mine; \'a\' \\"b\\"" daemon'
    with pytest.raises(ConfigurationError, match="cannot be written into a unit file"):
        unit_files("x", ODD, "anna", ["/bin/a\nExecStart=/bin/b"], timer=False)


def test_two_homes_and_two_users_have_units_of_their_own():
    names = {unit_name(Path(home), user) for home in ("/a", "/b") for user in ("anna", "ben", "ann a", "é")}
    assert len(names) == 8
    assert all(name.isascii() and " " not in name for name in names)


def test_install_show_and_remove(tradectl: Tradectl, units: Path):
    assert tradectl("systemd", "install").code == 4
    assert tradectl("init", "--user", "anna").code == 0
    said = tradectl("systemd", "install", "--json").object["result"]
    installed = sorted(units.iterdir())
    assert sorted(said["files"]) == [str(item) for item in installed]
    check = next(item for item in installed if item.name.endswith("-preflight.timer"))
    assert "OnCalendar=*-*-* 07:45:00 Asia/Kolkata" in check.read_text(encoding="utf-8")
    assert check.name in said["next"][1]
    assert "doctor --preflight -q" in check.with_suffix(".service").read_text(encoding="utf-8")
    shown = tradectl("systemd", "show").out
    assert all(item.read_text(encoding="utf-8").strip() in shown for item in installed)
    foreign = units / "other.service"
    foreign.write_text("[Service]\n", encoding="utf-8")
    assert tradectl("systemd", "install", "--timer").code == 0
    assert sorted(item.suffix for item in units.iterdir() if item != foreign) == [".service"] * 2 + [".timer"] * 2
    assert tradectl("systemd", "install").code == 0
    assert sorted(units.iterdir()) == sorted([*installed, foreign])
    assert tradectl("systemd", "remove").code == 0
    assert list(units.iterdir()) == [foreign]


def test_the_page_has_a_service_only_if_its_port_is_named(tradectl: Tradectl, units: Path):
    tradectl("init", "--user", "anna")
    said = tradectl("systemd", "install", "--serve", "8611", "--json").object["result"]
    page = next(item for item in units.iterdir() if item.name.endswith("-serve.service"))
    text = page.read_text(encoding="utf-8")
    assert "Type=exec\n" in text
    assert "serve --port 8611\n" in text
    assert "NoNewPrivileges=true" in text
    assert said["next"][1].endswith(f" {page.name}")
    assert tradectl("systemd", "install").code == 0
    assert not page.exists()
    tradectl("systemd", "install", "--serve", "8611")
    assert tradectl("systemd", "remove").code == 0
    assert list(units.iterdir()) == []


def test_the_image_and_its_page_are_started_with_real_options(tradectl: Tradectl):
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    words = re.search(r"command: \[(serve.*)\]", compose)
    assert words is not None
    options = {word for word in re.split(r", ", words[1]) if word.startswith("--")}
    assert options <= set(re.findall(r"--[a-z-]+", tradectl("serve", "--help").out))
    assert (ROOT / "Dockerfile").read_text(encoding="utf-8").count("[postgres,serve]") == 2


def test_units_of_the_past_are_refused(tradectl: Tradectl, units: Path):
    tradectl("init", "--at", "2023-07-21 16:00")
    assert tradectl("systemd", "install", "--at", "2023-07-21 16:00").code == 2
    assert not units.exists()


def test_a_notification_reaches_the_socket(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        SystemdNotify(str(tmp_path / "notify")).send("READY=1")
        assert listener.recv(100) == b"READY=1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{tmp_path}")
        listener.settimeout(10)
        SystemdNotify(f"@{tmp_path}").send("WATCHDOG=1")
        assert listener.recv(100) == b"WATCHDOG=1"


def test_without_a_listener_nothing_fails(tmp_path: Path):
    SystemdNotify("").send("READY=1")
    SystemdNotify(str(tmp_path / "gone")).send("READY=1")
