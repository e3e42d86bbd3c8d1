"""`halt` while a task is stopped (SIGSTOP) inside a write of the ledger, at points chosen at random: it answers, and nothing is
sent after it; after `resume` the task offers what was left, and the books end as they do where nothing was halted.

The stopped process holds SQLite's write lock and the turn of the writers, so the ledger cannot be written meanwhile. The points
follow from a fixed seed. `make slow` tries 200, and prints how long each `halt` took; a few are tried in every run.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance import test_kill
from tests.acceptance.conftest import Once, home_with
from tests.acceptance.program import Row, Server, Tradectl
from tests.acceptance.test_kill import Scene, nothing_twice
from tests.acceptance.test_stopped import Stopping, as_wanted, assert_books_agree

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc")

MONITOR = (*test_kill.SCENES["sell-monitor"].before,)
SHARED = ("buy", "amo-adjust", "premarket-retry", "eod")
"""Scenes of `test_kill`, prepared once for both."""
SCENES = {
    **{name: test_kill.SCENES[name] for name in SHARED},
    "sell-monitor": Scene(before=MONITOR, task="sell-monitor", at="2023-01-31 09:15", after=(("2023-01-31 18:00", ("eod",)),)),
    "position-monitor": Scene(
        before=(*MONITOR, ("2023-01-31 09:15", ("sell-monitor", "--until", "09:20"))),
        task="position-monitor",
        at="2023-01-31 09:30",
        after=(("2023-01-31 18:00", ("eod",)),),
    ),
    "analyze": Scene(before=(), task="analyze", at="2023-01-30 16:00", after=(("2023-01-30 16:05", ("buy",)),)),
}
of_the_killed = test_kill.staged
SENDS = ("place ", "modify ")
SEED = 13


@pytest.fixture(scope="module")
def staged(of_the_killed: Callable[[str], Path], server: Server, real_market: Path, once: Once) -> Callable[[str], Path]:
    """Of a scene a folder: `home` as it is before the task, `undisturbed` as it is at the end, and the task's `counts`."""

    def build(scene: Scene, work: Path) -> None:
        home = home_with(real_market, work / "home", server)
        test_kill.run(home, ((scene.before or ((scene.at, ()),))[0][0], ("config", "set", "universe", scene.universe)))
        for command in scene.before:
            test_kill.run(home, command)
        undisturbed = Tradectl(shutil.copytree(home.home, work / "undisturbed"), server)
        test_kill.run(undisturbed.hooked("count", str(work / "counts")), (scene.at, words_of(scene)))
        for command in rest_of(scene):
            test_kill.run(undisturbed, command)

    def made(name: str) -> Path:
        return of_the_killed(name) if name in SHARED else once(f"halted-{name}", lambda work: build(SCENES[name], work))

    return made


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("first")) as running:
        yield running


def words_of(scene: Scene) -> tuple[str, ...]:
    """The monitor is left after some minutes, so that its window is open when the account is resumed."""
    return (scene.task, "--until", "09:20") if scene.task == "sell-monitor" else (scene.task,)


def rest_of(scene: Scene) -> tuple[test_kill.Command, ...]:
    return (("2023-01-31 09:21", (scene.task,)), *scene.after) if scene.task == "sell-monitor" else scene.after


def points(number: int) -> list[tuple[str, float, str]]:
    """Tasks in turn, each with a place among its writes (as a fraction of them), before or after what is written."""
    chance, names = random.Random(SEED), sorted(SCENES)
    return [(names[i % len(names)], chance.random(), chance.choice(("begun", "written"))) for i in range(number)]


def halt_at(
    point: tuple[str, float, str],
    staged: Callable[[str], Path],
    servers: tuple[Server, Server],
    folder: Path,
    threads: ThreadPoolExecutor,
) -> float:
    """Seconds that `halt` took, after everything that must hold was seen to hold."""
    (name, fraction, place), (server, first) = point, servers
    scene, made = SCENES[name], staged(name)
    writes = json.loads((made / "counts").read_text(encoding="utf-8"))["commit"]
    home = Tradectl(shutil.copytree(made / "home", folder / "home"), server)
    stopping = Stopping(first, folder, threads)
    task = stopping(home, ("stop_in_write", 1 + int(fraction * writes), place), *words_of(scene), at=scene.at)
    before = task.commands()

    try:
        began = time.perf_counter()
        halted = home("halt", "--reason", "now", "--json")
        took = time.perf_counter() - began
        assert halted.outcome == ("completed", 0), halted
        assert (home.home / "halt-me.halted").exists()
        assert f"is locked by process {task.pid}" in halted.object["result"]["ledger_error"]
        shown = home("status", "--json", at=last_moment(home, scene)).object["result"]
        assert (shown["trading_state"], shown["stopped_writer"]["pid"]) == ("HALTED", task.pid)
    finally:  # a stopped task would be waited for without end
        ended = task.wake()
    after = [line for line in task.commands()[len(before) :] if line.startswith(SENDS)]
    assert after == [], f"sent after the halt: {after}"
    assert ended.outcome in {("blocked", 9), ("completed", 0)}, ended
    assert "Traceback" not in ended.err

    at = last_moment(home, scene)
    assert home("resume", "--json", at=at).outcome == ("completed", 0)
    again = home(*words_of(scene), "--json", at=at)
    if scene.task != "sell-monitor":  # its window goes on; what was left is offered at its next step
        done = "completed" if ended.outcome[0] == "blocked" else "already_completed"
        assert again.outcome == (done, 0), (ended, again)
    for command in rest_of(scene):
        test_kill.run(home, command)
    nothing_twice(home)
    assert_books_agree(home)
    undisturbed = Tradectl(made / "undisturbed", server)
    if scene.task == "sell-monitor":  # some minutes later the prices are others
        assert sold(home) == sold(undisturbed)
    else:
        assert as_wanted(home) == as_wanted(undisturbed)
    return took


def last_moment(home: Tradectl, scene: Scene) -> str:
    """The time of the home's last event; that of the scene before any. A task may be stopped while it sends its messages."""
    return test_kill.now_in(home) if home.ledger("SELECT 1 FROM database_info WHERE key = 'last_event_at'") else scene.at


def sold(home: Tradectl) -> list[Row]:
    """What was offered to the exchange at all."""
    return home.exchange("SELECT DISTINCT symbol, side FROM orders ORDER BY symbol, side")


def halt_at_all(number: int, staged: Callable[[str], Path], server: Server, first: Server, folder: Path) -> list[float]:
    seconds = []
    with ThreadPoolExecutor(max_workers=1) as threads:
        for i, point in enumerate(points(number)):
            work = folder / str(i)
            work.mkdir()
            seconds.append(halt_at(point, staged, (server, first), work, threads))
            shutil.rmtree(work)
    return seconds


def test_halt_stops_every_task_in_the_middle_of_a_write(
    staged: Callable[[str], Path], server: Server, first: Server, tmp_path: Path
):
    halt_at_all(len(SCENES), staged, server, first, tmp_path)


@pytest.mark.slow
def test_halt_at_200_points_of_every_task(staged: Callable[[str], Path], server: Server, first: Server, tmp_path: Path):
    seconds = sorted(halt_at_all(200, staged, server, first, tmp_path))
    sys.stdout.write(f"200 halts: median {seconds[100]:.3f} s, longest {seconds[-1]:.3f} s\n")
    assert len(seconds) == 200
