"""Case 21: `crontab install` writes a block by the machine's own crontab; other jobs survive, and the block follows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import cron_words, shell
from tests.support.contract import differences
from tests.support.crontab_program import CrontabSpool, real_program

MINE = b"MAILTO=anna@example.com\n# backup\n0 3 * * * /usr/local/bin/backup --at '\\%F'\n"


@pytest.fixture
def spool(tmp_path: Path) -> CrontabSpool:
    folder = tmp_path / "spool"
    folder.mkdir()
    return CrontabSpool(folder, real_program())


def jobs(content: bytes) -> list[str]:
    return [line for line in content.decode().splitlines() if " --user " in line and not line.startswith("#")]


def test_other_jobs_survive_and_the_block_follows_the_timetable(spool: CrontabSpool, tmp_path: Path):
    home = tmp_path / "home"
    spool.write(MINE)
    done = spool.shell(
        "tradectl init --user anna -q && tradectl crontab install --zone UTC && tradectl crontab check"
        " && tradectl schedule disable analyze && tradectl schedule set buy --times 17:00",
        home,
    )
    assert done.returncode == 0, done
    content = spool.read()
    assert content.startswith(MINE)
    assert done.stderr.count("the block in your crontab follows") == 2
    assert [line[:12] for line in jobs(content) if " buy " in line] == ["30 11 * * * "]
    assert not [line for line in jobs(content) if " analyze " in line]
    done = spool.shell(" && ".join(f"tradectl crontab {word} --json" for word in ("install", "check", "remove")), home)
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(item["command"], list(differences(item))) for item in printed] == [
        ("crontab install", []),
        ("crontab check", []),
        ("crontab remove", []),
    ]
    assert spool.read() == MINE


def test_a_block_that_differs_is_reported_and_not_overwritten(spool: CrontabSpool, tmp_path: Path):
    home = tmp_path / "home"
    assert spool.shell("tradectl init --user anna -q && tradectl crontab install --zone UTC", home).returncode == 0
    edited = b"".join(line for line in spool.read().splitlines(keepends=True) if b" eod " not in line)
    spool.write(edited)
    check = spool.shell("tradectl crontab check --json", home)
    assert check.returncode == 4
    found = json.loads(check.stdout)["result"]
    assert (found["current"], found["extra"], len(found["missing"])) == (False, [], 1)
    assert " eod " in found["missing"][0]
    changed = spool.shell("tradectl schedule disable buy", home)
    assert "out of date before this change" in changed.stderr
    assert spool.read() == edited
    assert "differs from the timetable" in spool.shell("tradectl doctor --offline", home).stdout
    assert spool.shell("tradectl crontab install --zone UTC && tradectl crontab check", home).returncode == 0


@pytest.mark.slow
def test_a_home_or_a_user_added_later_leaves_the_first_block(spool: CrontabSpool, tmp_path: Path):
    home, second = tmp_path / "home", tmp_path / "my second home, 100%"
    assert spool.shell("tradectl init --user anna -q && tradectl crontab install", home).returncode == 0
    first = spool.read()
    assert spool.shell("tradectl init --user anna -q && tradectl crontab install", second).returncode == 0
    line = "tradectl user add ben --capital 100000 && tradectl crontab install --user ben"
    assert spool.shell(line, home).returncode == 0
    assert spool.read().startswith(first)
    assert {line.split(" --user ")[1].split()[0] for line in jobs(spool.read())} == {"anna", "ben"}
    assert spool.shell("tradectl crontab check --user anna", home).returncode == 0
    assert spool.shell("tradectl crontab remove --user ben", home).returncode == 0
    assert spool.shell("tradectl crontab remove", second).returncode == 0
    assert spool.read() == first


def test_a_failing_crontab_changes_nothing(tmp_path: Path):
    spool, home = CrontabSpool(tmp_path, None), tmp_path / "home"
    program = tmp_path / "bin" / "crontab"
    program.write_text("#!/bin/sh\necho 'crontab: permission denied' >&2; exit 1\n", encoding="utf-8")
    done = spool.shell("tradectl init -q && tradectl crontab install", home)
    assert done.returncode == 4
    assert "permission denied. The crontab is unchanged" in done.stderr
    changed = spool.shell("tradectl schedule disable analyze", home)
    assert changed.returncode == 0
    assert "the timetable has changed, and the crontab has not" in changed.stderr


def test_without_a_home_or_a_crontab_nothing_is_installed(tmp_path: Path):
    spool, home = CrontabSpool(tmp_path, None), tmp_path / "home"
    done = spool.shell("tradectl crontab install", home)
    assert (done.returncode, home.exists(), spool.read()) == (4, False, b"")
    assert "run `tradectl init" in done.stderr
    (tmp_path / "bin" / "crontab").unlink()
    done = spool.shell("hash -r; PATH=/nowhere tradectl init -q; PATH=/nowhere tradectl crontab install", home)
    assert done.returncode == 4
    assert "this machine has no program `crontab`" in done.stderr


def test_a_cron_tz_above_the_block_leaves_one_line(tmp_path: Path):
    """Debian's cron ignores CRON_TZ, cronie follows it: a fixed time would be wrong on one of them."""
    spool, home = CrontabSpool(tmp_path, None), tmp_path / "home"
    spool.write(b"CRON_TZ=America/New_York\n")
    line = "tradectl init --user anna -q && tradectl crontab install && tradectl crontab check"
    assert spool.shell(line, home).returncode == 0
    assert [line.split()[:5] for line in jobs(spool.read())] == [["*"] * 5]


@pytest.mark.slow
def test_each_installed_line_reaches_home_user_and_database(tmp_path: Path):
    """By an empty environment; a second home, user and database beside it are not touched."""
    spool, home, other = CrontabSpool(tmp_path, None), tmp_path / "my home, it's 100% mine", tmp_path / "other"
    database = tmp_path / "own.db"
    made = spool.shell(f"tradectl init --user me -q && tradectl --home {other} init --user anna -q", home)
    assert made.returncode == 0, made
    line = f"tradectl init --user anna -q --db {database} && tradectl crontab install --zone UTC --user anna --db {database}"
    assert spool.shell(line, home).returncode == 0
    before = (home / "ledger.db").read_bytes(), (other / "ledger.db").read_bytes()
    lines = jobs(spool.read())
    assert len(lines) == 18
    for text in lines:
        command = text.split(maxsplit=5)[5].replace("\\%", "%")
        once = " --once" if " sell-monitor " in command else ""
        words = cron_words(other, f"{command}{once} --json")
        run = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
        said = json.loads(run.stdout)
        assert (said["user"], said["mode"]) == ("anna", "paper"), run
        wrong = {1, 2, 10} if " doctor " in command else {1, 2, 4, 10}  # a paper home without prices of today is wrong: 4
        assert said["exit_code"] not in wrong, run
    assert before == ((home / "ledger.db").read_bytes(), (other / "ledger.db").read_bytes())
    seen = shell(f"tradectl status --user anna --db {database} --json", home)
    assert [item["service"] for item in json.loads(seen.stdout)["result"]["services"]] == ["run-due"]
