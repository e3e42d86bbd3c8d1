"""A process that was stopped loses its claim to the next one, and when it wakes it can send nothing more and finish nothing.

Each case is a real process that stops itself (SIGSTOP) at a certain place on an order's way. Its lease runs out: the machine's
clock is half a minute later in every process that comes after it. One of them takes over and goes on with the day; then the
first is woken (SIGCONT), or killed. An order that was past the check when its process stopped counts as possibly sent: nobody
else sends it, and once it is at the exchange it is followed under its own tag.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance import test_kill
from tests.acceptance.conftest import Homes, Once, home_with
from tests.acceptance.program import Row, Said, Server, Tradectl
from tests.acceptance.test_kill import CAUSE, Command, Scene, expected_code, nothing_twice, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc"),
]
"""A minute and more: `make slow`. The drill stops processes in every test run."""

SCENES = test_kill.SCENES | {
    "sell-monitor": Scene(  # a day that begins with four positions
        before=(
            *test_kill.evening("2023-01-30"),
            ("2023-01-31 09:05", ("amo-adjust",)),
            ("2023-01-31 09:15", ("sell-monitor",)),
        ),
        task="sell-monitor",
        at="2023-02-01 09:15",
        after=(("2023-02-01 18:00", ("eod",)),),
    )
}
of_the_killed = test_kill.staged

LEASE = 31
"""Seconds after which a claim that is not renewed has ended, by the clock of whoever looks."""
PLACES = ("before the check", "before the command", "before the reply", "between two orders")
TASKS = ("buy", "premarket-retry", "amo-adjust", "sell-monitor")
PLACING = ("buy", "premarket-retry", "sell-monitor")
"""Tasks whose second command is a new order."""
STILL_SENDING = "the process that was sending it may still do so"
FENCED = "was taken over by another process"


@pytest.fixture(scope="module")
def staged(of_the_killed: Callable[[str], Path], server: Server, real_market: Path, once: Once) -> Callable[[str], Path]:
    """Of a scene a folder: `home` as it is before the task, `undisturbed` as it is at the end."""

    def build(work: Path) -> None:
        scene = SCENES["sell-monitor"]
        home = home_with(real_market, work / "home", server)
        for command in scene.before:
            test_kill.run(home, command)
        undisturbed = Tradectl(shutil.copytree(home.home, work / "undisturbed"), server)
        for command in ((scene.at, (scene.task,)), *scene.after):
            test_kill.run(undisturbed, command)

    return lambda name: once("scene-monitor", build) if name == "sell-monitor" else of_the_killed(name)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Starts the process that is stopped, while the other server starts those that come after it."""
    with Server(tmp_path_factory.mktemp("first")) as running:
        yield running


@dataclass
class Stopped:
    """A process that has stopped itself. `said` is what it says in the end."""

    pid: int
    ending: Callable[[], Said]
    told: Path

    def commands(self) -> list[str]:
        return told_in(self.told)

    def wake(self) -> Said:
        os.kill(self.pid, signal.SIGCONT)
        return self.ending()

    def kill(self) -> Said:
        assert state_of(self.pid) == "T"
        os.kill(self.pid, signal.SIGKILL)
        return self.ending()


@dataclass
class Stopping:
    """Starts commands that stop themselves, each in a home of its own; who still sleeps at the end is killed."""

    server: Server
    folder: Path
    threads: ThreadPoolExecutor
    stopped: list[Stopped] = field(default_factory=list)

    def __call__(self, home: Tradectl, hook: tuple[object, ...], *words: str, at: str) -> Stopped:
        """Run a command until it stops. `hook` of `hooks.py` lacks its files, which are ours."""
        mark, told = self.folder / "stopped", self.folder / "told-by-the-first"
        files = [str(mark), str(told)] if hook[0] in {"stop", "stop_in_write"} else [str(mark)]
        line = Tradectl(home.home, self.server, home.env, (*hook, *files))
        ending = self.threads.submit(line, *words, "--json", at=at)
        wait_for(lambda: ending.done() or (mark.exists() and mark.read_text(encoding="ascii") != ""))
        assert not ending.done(), f"it never stopped: {ending.result()}"
        pid = int(mark.read_text(encoding="ascii"))
        wait_for(lambda: state_of(pid) == "T")
        self.stopped.append(Stopped(pid, lambda: ending.result(timeout=60), told))
        return self.stopped[-1]


@pytest.fixture
def stopping(first: Server, tmp_path: Path) -> Iterator[Stopping]:
    with ThreadPoolExecutor(max_workers=1) as threads:
        made = Stopping(first, tmp_path, threads)
        yield made
        for process in made.stopped:
            if state_of(process.pid):
                os.kill(process.pid, signal.SIGKILL)


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def state_of(pid: int) -> str:
    """The state letter of a process, empty if there is none: T is stopped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text[text.rfind(")") + 2]


def told_in(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@dataclass(frozen=True)
class Successor:
    """Whoever comes half a minute after the first has stopped, by the machine's clock; each command is a process of its own.
    Its commands to the exchange are told in a file."""

    home: Tradectl
    told: Path

    def __call__(self, command: Command) -> Said:
        at, words = command
        return self.home.hooked("later", LEASE, str(self.told))(*words, "--json", at=at)

    def commands(self) -> list[str]:
        return told_in(self.told)

    def sent(self, order: Row) -> list[str]:
        """Its commands under the tag of an order."""
        return [line for line in self.commands() if order["tag"] in line]

    def goes_on(self, commands: tuple[Command, ...], *, code: int = 0) -> None:
        for command in commands:
            said = self(command)
            assert said.outcome == ("completed", code or expected_code(said)), (command, said)


def command_of(scene: Scene) -> tuple[str, ...]:
    """The monitor takes one step, so that the day has not gone on when the first one wakes; the others end."""
    return (scene.task, "--once") if scene.task == "sell-monitor" else (scene.task,)


def rest_of(scene: Scene) -> tuple[Command, ...]:
    """What follows the take-over: a monitor goes on to its close first."""
    return ((f"{scene.session} 09:16", (scene.task,)), *scene.after) if scene.task == "sell-monitor" else scene.after


def execution(home: Tradectl, scene: Scene) -> Row:
    [row] = home.ledger("SELECT * FROM task_executions WHERE task = ? AND session_date = ?", scene.task, scene.session)
    return row


def commanded(home: Tradectl) -> list[Row]:
    """The orders of the exchange as they were commanded."""
    return home.exchange(
        "SELECT order_id, tag, symbol, side, quantity, price, status, modifications FROM orders ORDER BY order_id"
    )


def sending(home: Tradectl) -> list[Row]:
    return home.ledger("SELECT * FROM orders WHERE sender IS NOT NULL")


def assert_books_agree(home: Tradectl) -> None:
    """Every order of the exchange is in the ledger once, under its own tag and the broker's id, with all of its fills; and the
    positions are what was bought and not sold."""
    nothing_twice(home)
    theirs = {row["tag"]: row for row in home.exchange("SELECT tag, order_id, status, filled, quantity FROM orders")}
    ours = {row["tag"]: row for row in home.ledger("SELECT * FROM orders WHERE broker_order_id IS NOT NULL")}
    assert ours.keys() == theirs.keys()
    for tag, order in ours.items():
        there = theirs[tag]
        assert (order["broker_order_id"], order["status"], order["sender"]) == (there["order_id"], there["status"], None), tag
        fills = home.ledger("SELECT sum(quantity) AS filled FROM fills WHERE order_id = ?", order["id"])
        assert order["filled_quantity"] == there["filled"] == (fills[0]["filled"] or 0), tag
    held = home.ledger("SELECT instrument_id, quantity AS shares FROM positions WHERE quantity > 0 ORDER BY instrument_id")
    traded = "SELECT instrument_id, sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END) AS shares FROM trades"
    assert held == home.exchange(f"{traded} GROUP BY instrument_id HAVING shares > 0 ORDER BY instrument_id")


def assert_fenced(said: Said) -> None:
    """It says in one line that another process has taken over, and then which positions have no sell; it answers blocked."""
    assert said.outcome == ("blocked", 9), said
    reason, *unprotected = said.object["error"].split("; ")
    assert reason.endswith(FENCED)
    assert all(CAUSE.search(item) for item in unprotected)
    assert "\n" not in said.object["error"]
    assert "Traceback" not in said.err


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", TASKS)
def test_who_was_stopped_and_taken_over_sends_nothing_more(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping, tmp_path: Path, name: str, place: str
):
    scene, folder = SCENES[name], staged(name)
    home = copied(folder / "home")
    first = stopping(home, ("stop", place, 2), scene.task, at=scene.at)
    second = Successor(home, tmp_path / "told-by-the-second")
    before_waking = first.commands()
    past_the_check = [row["tag"] for row in sending(home)] if place == "before the command" else []

    taken = second((scene.at, command_of(scene)))
    assert taken.outcome == ("completed", 7 if past_the_check else expected_code(taken)), taken
    assert execution(home, scene)["attempt"] == 2
    for order in home.ledger("SELECT tag, status, reason FROM orders") if past_the_check else ():
        assert (order["status"] == "UNKNOWN") == (order["tag"] in past_the_check)
        assert order["reason"] == STILL_SENDING or order["tag"] not in past_the_check
    assert not {f"place {tag}" for tag in past_the_check} & {*before_waking, *second.commands()}

    there, row = commanded(home), execution(home, scene)
    assert_fenced(first.wake())
    sent = first.commands()[len(before_waking) :]
    more = commanded(home)[len(there) :]
    assert execution(home, scene) == row, "the row is not its own any more"
    if place != "before the command":
        assert (sent, commanded(home)) == ([], there)
    elif past_the_check:
        assert sent == [f"place {tag}" for tag in past_the_check] == [f"place {order['tag']}" for order in more]
        assert commanded(home)[: len(there)] == there
    else:  # a change or a cancel, made once by each: the same again
        assert (len(sent), more) == (1, [])
        assert sent[0] in second.commands()

    second.goes_on(rest_of(scene))
    assert_books_agree(home)
    assert as_wanted(home) == as_wanted(Tradectl(folder / "undisturbed", home.server))
    assert sending(home) == []


@pytest.mark.parametrize("name", TASKS)
def test_a_process_taken_over_sends_nothing_not_yet_sent(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping, tmp_path: Path, name: str
):
    """The second dies as soon as it has the claim; the rest of the orders wait for a third, and are not the first one's."""
    scene, folder = SCENES[name], staged(name)
    home = copied(folder / "home")
    first = stopping(home, ("stop", "between two orders", 1), scene.task, at=scene.at)
    before_waking, there = first.commands(), commanded(home)
    told = tmp_path / "told-by-the-second"
    died = home.hooked("later", LEASE, str(told), True)(*command_of(scene), "--json", at=scene.at)
    assert (died.code, told_in(told), execution(home, scene)["attempt"]) == (-signal.SIGKILL, [], 2)

    assert_fenced(first.wake())
    assert (first.commands(), commanded(home)) == (before_waking, there)
    third = Successor(home, tmp_path / "told-by-the-third")
    third.goes_on(((scene.at, command_of(scene)), *rest_of(scene)))
    assert len(third.commands()) > 0
    assert_books_agree(home)
    assert as_wanted(home) == as_wanted(Tradectl(folder / "undisturbed", home.server))


def as_wanted(home: Tradectl) -> list[Row]:
    """What was asked of the exchange and what came of it, whoever asked and in whatever turn."""
    return sorted(home.exchange("SELECT symbol, side, quantity, price, filled, status FROM orders"), key=str)


@pytest.mark.parametrize("place", [place for place in PLACES if place != "before the command"])
def test_who_wakes_when_the_next_day_is_over_still_sends_nothing(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping, tmp_path: Path, place: str
):
    scene, folder = SCENES["buy"], staged("buy")
    home = copied(folder / "home")
    first = stopping(home, ("stop", place, 2), scene.task, at=scene.at)
    before_waking = first.commands()
    Successor(home, tmp_path / "told-by-the-second").goes_on(((scene.at, (scene.task,)), *scene.after))

    there, row = home.exchange("SELECT * FROM orders"), execution(home, scene)
    assert_fenced(first.wake())
    assert (first.commands(), home.exchange("SELECT * FROM orders"), execution(home, scene)) == (before_waking, there, row)
    assert_books_agree(home)
    assert as_wanted(home) == as_wanted(Tradectl(folder / "undisturbed", home.server))


AGAIN: dict[str, tuple[Command, Command]] = {
    "buy": (("2023-02-08 16:10", ("buy", "--force")), ("2023-02-08 16:20", ("buy", "--force"))),
    "premarket-retry": (("2024-11-04 08:40", ("premarket-retry",)), ("2024-11-04 08:45", ("premarket-retry", "--force"))),
    "sell-monitor": (("2023-02-01 09:16", ("sell-monitor", "--once")), ("2023-02-01 09:17", ("sell-monitor", "--once"))),
}
"""Later commands of the same day that would send the order, were it certain that nobody else does."""


@pytest.mark.parametrize("name", PLACING)
def test_another_process_sends_only_after_the_first_has_died(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping, tmp_path: Path, name: str
):
    """However often it is asked for before; and then once, under the same tag."""
    scene, (before, after) = SCENES[name], AGAIN[name]
    home = copied(staged(name) / "home")
    if name == "buy":  # there is room for one more
        assert home("config", "set", "max_positions", "20", at=scene.at).code == 0
    first = stopping(home, ("stop", "before the command", 2), scene.task, at=scene.at)
    second = Successor(home, tmp_path / "told-by-the-second")
    [order] = sending(home)
    second.goes_on(((scene.at, command_of(scene)), before), code=7)
    assert (order_of(home, order)["status"], order_of(home, order)["reason"]) == ("UNKNOWN", STILL_SENDING)
    assert not second.sent(order)

    killed = first.kill()
    assert (killed.code, killed.out) == (-signal.SIGKILL, "")
    second.goes_on((after, *scene.after))
    assert second.sent(order) == [f"place {order['tag']}"]
    assert [row["tag"] for row in commanded(home)].count(order["tag"]) == 1
    assert_books_agree(home)


def test_an_order_of_a_stopped_process_stays_unknown(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping, tmp_path: Path
):
    """Its process has died meanwhile, but the books of later days say nothing of its own."""
    scene = SCENES["buy"]
    home = copied(staged("buy") / "home")
    first = stopping(home, ("stop", "before the command", 2), scene.task, at=scene.at)
    second = Successor(home, tmp_path / "told-by-the-second")
    [order] = sending(home)
    morning = (("08:00", "premarket-retry"), ("09:05", "amo-adjust"), ("09:15", "sell-monitor"))
    second.goes_on(((scene.at, ("buy",)), *((f"2023-02-09 {time}", (task,)) for time, task in morning)), code=7)
    second(("2023-02-09 18:00", ("eod",)))
    assert (order_of(home, order)["status"], order_of(home, order)["reason"]) == ("UNKNOWN", STILL_SENDING)

    first.kill()
    next_day = (("08:00", "premarket-retry"), ("09:05", "amo-adjust"), ("09:15", "sell-monitor"), ("18:00", "eod"))
    second.goes_on([(f"2023-02-10 {time}", (task,)) for time, task in next_day], code=7)
    assert order_of(home, order)["status"] == "UNKNOWN"
    assert home("orders", "resolve", order["tag"], "--never-placed", "--json", at="2023-02-10 18:30").code == 0
    found = order_of(home, order)
    assert (found["status"], found["reason"]) == ("CANCELLED", "a person decided: never placed")
    assert not second.sent(order)
    assert_books_agree(home)


def test_an_order_that_arrives_the_next_morning_is_followed(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping, tmp_path: Path
):
    """It was past the check in the evening, and nobody can call it back."""
    scene = SCENES["buy"]
    home = copied(staged("buy") / "home")
    first = stopping(home, ("stop", "before the command", 2), scene.task, at=scene.at)
    second = Successor(home, tmp_path / "told-by-the-second")
    [order] = sending(home)
    second.goes_on(((scene.at, ("buy",)), ("2023-02-09 08:00", ("premarket-retry",))), code=7)
    assert_fenced(first.wake())
    assert commanded(home)[-1]["tag"] == order["tag"]
    second.goes_on(scene.after)
    found = order_of(home, order)
    assert (found["status"], found["tag"], found["generation"]) == ("EXECUTED", order["tag"], 0)
    [position] = home.ledger("SELECT quantity FROM positions WHERE instrument_id = ?", order["instrument_id"])
    assert position["quantity"] == found["filled_quantity"] > 0
    assert not second.sent(order)
    assert_books_agree(home)


def test_an_order_that_arrives_too_late_is_refused(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping, tmp_path: Path
):
    """Who was past the check writes down what the exchange said, though it may send nothing more."""
    scene = SCENES["buy"]
    home = copied(staged("buy") / "home")
    first = stopping(home, ("stop", "before the command", 2), scene.task, at=scene.at)
    second = Successor(home, tmp_path / "told-by-the-second")
    [order] = sending(home)
    second.goes_on(((scene.at, ("buy",)), ("2023-02-09 09:15", ("sell-monitor",))), code=7)
    there = commanded(home)
    assert_fenced(first.wake())
    assert commanded(home) == there
    assert (order_of(home, order)["status"], order_of(home, order)["sender"]) == ("REJECTED", None)
    second.goes_on((("2023-02-09 18:00", ("eod",)),))
    assert not second.sent(order)
    assert_books_agree(home)


def order_of(home: Tradectl, order: Row) -> Row:
    [row] = home.ledger("SELECT * FROM orders WHERE id = ?", order["id"])
    return row


def test_a_stopped_process_keeps_its_claim_while_its_lease_lasts(
    staged: Callable[[str], Path], copied: Homes, stopping: Stopping
):
    scene, folder = SCENES["buy"], staged("buy")
    home = copied(folder / "home")
    first = stopping(home, ("stop", "before the command", 2), scene.task, at=scene.at)
    there = commanded(home)
    assert home(scene.task, "--json", at=scene.at).outcome == ("busy", 0)
    assert commanded(home) == there
    woken = first.wake()
    assert woken.outcome == ("completed", 0), woken
    for at, words in scene.after:
        run(home, (at, words))
    assert_books_agree(home)
    assert as_wanted(home) == as_wanted(Tradectl(folder / "undisturbed", home.server))


def test_a_process_stopped_in_its_write_holds_others_back(staged: Callable[[str], Path], copied: Homes, stopping: Stopping):
    """Nobody passes it by: the database is locked, and says so. What it had not committed is gone with it."""
    scene, folder = SCENES["buy"], staged("buy")
    home = copied(folder / "home")
    first = stopping(home, ("stop_writing", 1), scene.task, at=scene.at)
    waiting = home.hooked("impatient", 0.5)(scene.task, "--json", at=scene.at)
    assert waiting.outcome == ("failed", 10), waiting
    assert f"is locked by process {first.pid}" in waiting.object["error"]
    assert (
        f"which is stopped: nothing can be written until that process continues (`kill -CONT {first.pid}`)"
        in waiting.object["error"]
    )
    assert "Traceback" not in waiting.err
    first.kill()
    assert home(scene.task, "--json", at=scene.at).outcome == ("completed", 0)
    for at, words in scene.after:
        run(home, (at, words))
    assert_books_agree(home)
    assert as_wanted(home) == as_wanted(Tradectl(folder / "undisturbed", home.server))
