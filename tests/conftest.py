"""What all tests may use: a pinned date, the session table, the shared real data, and one market imported from it."""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import freezegun
import pytest

from tests.support.pinned_clock import offline, pin
from tests.support.program_server import Server
from tests.support.real_histories import real_histories  # noqa: F401  # a fixture of all tests
from tradectl.exchange.sessions import SessionTable
from tradectl.settings import parse_moment

ROOT = Path(__file__).resolve().parents[1]
TRADING_HOURS = "2026-11-25 10:00"
"""When every run of the tests begins, in India: an ordinary session, hours before its close."""
UNUSUAL = {
    "sunday": "2026-11-29 12:00",
    "holiday": "2026-11-24 12:00",
    "muhurat": "2026-11-08 18:10",
    "midnight": "2026-11-25 23:59",
    "no_calendar": "2027-06-01 11:00",
}
"""Moments at which a test that reads a real clock must pass as well: those marked `any_day` run at each of them."""
WIDE = "1000"
"""The width of tables in the tests, at which no column is dropped and no text is broken; `test_columns` tries others."""
TEXTS_ALONE = "action_texts.csv"
"""A list of wordings and their readings, which no command imports."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("date")
    group.addoption("--date", default=TRADING_HOURS, metavar="MOMENT", help="when the tests begin, in India (%(default)s)")
    group.addoption("--machine-date", metavar="MOMENT", help="what Python reads in the test process outside tradectl's clock")


def pytest_configure(config: pytest.Config) -> None:
    """Pin the date here, in the workers of xdist and in every process that a test starts; see `pinned_clock`."""
    store_bytecode()
    os.environ["COLUMNS"] = WIDE
    if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has all of it from its parent
        os.environ[pin.CLOCK] = str(pin.seconds_to(parse_moment(config.getoption("--date"))))
        os.environ["PYTHONPATH"] = python_path(
            ROOT / "tests" / "support" / "pinned_clock", *filter(None, [os.environ.get("PYTHONPATH")])
        )
    pin.install()
    offline.install()
    if config.getoption("--machine-date"):
        for compiled in ("pandas", "psycopg"):  # they take the class that they find at their import for the true one, by its size
            import_module(compiled)
        freezegun.configure(default_ignore_list=["nothing"])  # by default a thread would still read the true date
        freezegun.freeze_time(parse_moment(config.getoption("--machine-date")), tick=True).start()


def store_bytecode() -> None:
    """Let Python store compiled modules, even where the environment forbids it, as that of many containers does.

    A run starts hundreds of processes of the program. Without stored bytecode each compiles it again, which takes longer than
    what it does.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of garbage collection: walking it takes a tenth of the time of a run."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    anyway = {"trading_hours", "set_clock"} & set(metafunc.fixturenames)
    if not anyway and any(metafunc.definition.iter_markers("any_day")):
        moments = [pytest.param(None, id="run"), *(pytest.param(moment, id=name) for name, moment in UNUSUAL.items())]
        metafunc.parametrize("moment", moments, indirect=True)


def python_path(*folders: Path | str) -> str:
    """Return a PYTHONPATH. One for a child process must end with this process's own, or the child reads the machine's date."""
    return os.pathsep.join(map(str, folders))


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the clock to a moment in India for the rest of a test, whatever the run's date."""

    def move(moment: str) -> None:
        monkeypatch.setenv(pin.CLOCK, str(pin.seconds_to(parse_moment(moment))))

    return move


@pytest.fixture(autouse=True)
def moment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin a test that is marked `any_day` at one of the moments; leave others at the run's date."""
    if hasattr(request, "param") and request.param is not None:
        monkeypatch.setenv(pin.CLOCK, str(pin.seconds_to(parse_moment(request.param))))


@pytest.fixture
def trading_hours(set_clock: Callable[[str], None]) -> None:
    """Let the test begin in trading hours, whatever the run's date."""
    set_clock(TRADING_HOURS)


@pytest.fixture(scope="session")
def program_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Processes of the program that start quickly."""
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def sessions() -> SessionTable:
    return SessionTable.load()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data; tests that want it are skipped where it is missing."""
    folder = Path(os.environ.get("TRADECTL_SHARED", ROOT.parent / "shared" / "data"))
    if (folder / "data").is_dir():
        folder = folder / "data"
    if not (folder / "daily").is_dir():
        pytest.skip(f"no real data in {folder}; TRADECTL_SHARED names another folder")
    return folder


@pytest.fixture(scope="session")
def real_market(shared_data: Path, sessions: SessionTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market folder with all daily bars, lists, minutes and instrument dumps of the real data. Read it only; copy to write.

    Built once for all workers, and kept between runs while neither the data nor the code that imports it changes.
    """
    base = tmp_path_factory.getbasetemp().parent
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / f"tradectl-market-{_fingerprint(shared_data)}"
    with locked(base / "tradectl-market.lock"):
        if not folder.exists():
            _forget_old_markets(base)
            work = tmp_path_factory.mktemp("market")
            _build(work, shared_data, sessions)
            work.rename(folder)
    return folder


def _build(folder: Path, data: Path, sessions: SessionTable) -> None:
    from tradectl.marketdata.archive import Archive
    from tradectl.marketdata.imports import import_files

    archive = Archive(folder)
    try:
        lists = [path for path in (data / "lists").iterdir() if path.name != TEXTS_ALONE]
        paths = [data / "daily", *lists, data / "minute", data / "instruments"]
        report = import_files(paths, archive, sessions, at=datetime(2026, 11, 20, tzinfo=UTC))
        assert report.refused == (), report.refused
    finally:
        archive.close()


def _fingerprint(data: Path) -> str:
    code = [*ROOT.glob("tradectl/marketdata/**/*.py"), *ROOT.glob("tradectl/exchange/*.csv")]
    digest = hashlib.sha256()
    for path in sorted(code):
        digest.update(path.read_bytes())
    for path in sorted(p for name in ("daily", "lists", "minute", "instruments") for p in (data / name).iterdir()):
        digest.update(f"{path.name} {path.stat().st_size}".encode())
    return digest.hexdigest()[:16]


def _forget_old_markets(base: Path) -> None:
    present = base / "now"
    present.touch()  # a file's time is compared with a file's time
    for old in base.glob("tradectl-market-*"):
        if old.is_dir() and present.stat().st_mtime - old.stat().st_mtime > 6 * 3600:
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
