"""A command loads what it uses: a fresh process tells which libraries and which parts of the program it has loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path

import pytest
from typer import Typer
from typer.main import get_group

from tradectl import bootstrap
from tradectl.cli import contents
from tradectl.cli.contents import MODULES, Contents
from tradectl.ledger.executions import Claim
from tradectl.ledger.process_identity import current_identity
from tradectl.model.moment import IST
from tradectl.runtime.registry import all_tasks
from tradectl.settings import load

LOOK = """
import runpy, sys
sys.argv = ["tradectl", *sys.argv[1:]]
try:
    runpy.run_module("tradectl", run_name="__main__")
except SystemExit as ended:
    code = ended.code
print("LOADED", *sys.modules, file=sys.stderr)
sys.exit(code)
"""
HEAVY = ("pandas", "requests", "alembic", "apprise", "cryptography", "sqlite_utils", "ta", "pydantic", "jinja2", "matplotlib")
LEDGER = ("sqlalchemy", "tradectl.bootstrap", "tradectl.ledger")
SCAN = ("numpy", "tradectl.strategy.features", "tradectl.marketdata")
TRADE = ("tradectl.brokers", "tradectl.execution")
SERVER = ("sqlalchemy.dialects.postgresql", "psycopg")
FACE = ("rich",)
WORKS = tuple(f"tradectl.tasks.{task.name.replace('-', '_')}.step" for task in all_tasks())
AT = "2023-07-21 16:10"


def loaded(home: Path, *words: str, code: int = 0) -> set[str]:
    """The modules that a process of this command has loaded at its end."""
    environment = {**os.environ, "TRADECTL_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", LOOK, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


def commands(modules: set[str]) -> set[str]:
    """Which of the files of commands are among them."""
    shared = {"app", "columns", "completion", "invocation", "command", "contents", "group", "help_sections"}
    shared |= {"operator", "options", "progress", "output"}
    return {name.removeprefix("tradectl.cli.") for name in modules if name.startswith("tradectl.cli.")} - shared


@pytest.fixture
def done_home(tmp_path: Path) -> Path:
    """A home in which the day's buy has completed."""
    home = tmp_path / "home"
    ledger = bootstrap.init(load(home=str(home), at=AT, environment={})).ledger
    now = datetime.fromisoformat(AT).replace(tzinfo=IST)
    claim = ledger.executions.claim("buy", now.date(), "", owner=current_identity(), trigger="manual", machine_now=now, now=now)
    assert isinstance(claim, Claim)
    ledger.executions.finish(claim, "completed", {"placed": 0}, now=now, steps=1)
    ledger.database.close()
    return home


def make_home(home: Path) -> None:
    """Make a home on the machine's clock: making one also makes its paper exchange."""
    bootstrap.init(load(home=str(home), environment={})).close()


def test_help_knows_every_command_and_loads_no_library_for_work(tmp_path: Path):
    modules = loaded(tmp_path, "--help")
    assert not modules & {*HEAVY, *LEDGER, *SCAN, *TRADE, *WORKS, *FACE}
    assert commands(modules) > {"tasks", "status", "orders", "simulate"}


@pytest.mark.parametrize("words", [("orders", "--help"), ("simulate", "--help"), ("buy", "--help")])
def test_the_help_of_a_command_loads_its_own_file(tmp_path: Path, words: tuple[str, ...]):
    modules = loaded(tmp_path, *words)
    assert not modules & {*HEAVY, *LEDGER, *SCAN, *TRADE, *WORKS, *FACE}
    assert "status" not in commands(modules)


def test_the_version_loads_no_command_and_nothing_to_draw_with(tmp_path: Path):
    modules = loaded(tmp_path, "--version")
    assert not modules & {*HEAVY, *LEDGER, *SCAN, *TRADE, *WORKS, *FACE}
    assert commands(modules) == set()


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (("nonsense",), set()),
        (("status", "--nonsense"), {"status"}),
        (("buy", "--session"), {"tasks"}),
        (("orders", "nonsense"), {"orders", "user"}),
        (("buy", "--session", "yesterday", "--at", "never"), {"tasks"}),
    ],
)
def test_a_usage_error_is_found_before_anything_is_loaded(tmp_path: Path, words: tuple[str, ...], files: set[str]):
    modules = loaded(tmp_path, *words, code=2)
    assert not modules & {*HEAVY, *LEDGER, *SCAN, *TRADE, *WORKS, *FACE}
    assert commands(modules) == files


@pytest.mark.parametrize("words", [("status",), ("orders", "--json"), ("signals",), ("schedule",), ("config", "list")])
def test_a_look_reads_neither_prices_nor_the_exchange(tmp_path: Path, words: tuple[str, ...]):
    make_home(tmp_path / "home")
    modules = loaded(tmp_path / "home", *words)
    assert "sqlalchemy" in modules
    assert not modules & {*HEAVY, *SCAN, *TRADE, *SERVER, *WORKS, *FACE}


def test_a_task_that_has_completed_is_told_so_without_its_work(done_home: Path):
    modules = loaded(done_home, "buy", "--at", AT)
    assert not modules & {*HEAVY, *SCAN, *TRADE, *SERVER, *WORKS, *FACE}
    assert commands(modules) == {"tasks"}


def test_a_pass_in_which_nothing_is_due_loads_no_work(tmp_path: Path):
    saturday = "2023-07-22 10:00"
    bootstrap.init(load(home=str(tmp_path / "home"), at=saturday, environment={})).close()
    modules = loaded(tmp_path / "home", "run-due", "--at", saturday)
    assert not modules & {*HEAVY, *SCAN, *TRADE, *SERVER, *WORKS, *FACE}
    assert commands(modules) == {"tasks", "automation"}


@pytest.mark.usefixtures("trading_hours")  # past the calendar it ends with 8
def test_a_task_without_a_session_is_told_so_without_its_work(tmp_path: Path):
    make_home(tmp_path / "home")
    modules = loaded(tmp_path / "home", "buy", "--session", "2023-07-22")
    assert not modules & {*HEAVY, *SCAN, *TRADE, *SERVER, *WORKS, *FACE}


def test_a_task_loads_its_own_work_and_no_other(tmp_path: Path):
    modules = loaded(tmp_path / "home", "eod", "--at", "2023-07-21 18:00")
    assert modules & set(WORKS) == {"tradectl.tasks.eod.step"}
    assert not modules & {*HEAVY, *SERVER, *FACE}


def test_the_contents_have_every_command_of_every_module():
    listed = {name: module for module, *names in MODULES for name in names}
    built = Contents()
    assert all(built[name].name == name for name in listed)
    for path in Path(contents.__file__).parent.glob("*.py"):
        app = getattr(import_module(f"tradectl.cli.{path.stem}"), "app", None)
        if isinstance(app, Typer) and path.stem not in {"app", "reference", "man_page"}:
            names = [app.info.name] if app.info.name else list(get_group(app).commands)
            assert names == [name for name, module in listed.items() if module == path.stem]
