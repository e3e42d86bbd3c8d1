"""Run the day without a person (`run-due`, `daemon`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer
from msgspec.structs import replace

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.cli.tasks import Strict, answer, without_repeats
from tradectl.errors import DatabaseError, UsageError
from tradectl.model.moment import to_ist
from tradectl.runtime.registry import all_tasks

if TYPE_CHECKING:
    from tradectl.runtime.companion import Companion

app = typer.Typer()


@command(app, "run-due", panel=OPERATE)
def run_due(invocation: Invocation, strict: Strict = False) -> Answer:
    """Run the tasks that are due now, once; cron may start it each minute. The exit code is the most severe of its tasks.

    With `-q` an error is printed once a day, so that cron mails it once; an order of unknown outcome and a position without a
    live sell are printed again each hour."""
    from tradectl.bootstrap.recordings import recorded
    from tradectl.runtime import due
    from tradectl.runtime.runner import Runner

    _poll_once(invocation)
    tasks = all_tasks()
    world = without_repeats(invocation.world(make=False), *(f"{task.name}{mark}" for task in tasks for mark in " :"))
    with recorded(world, invocation.required_settings(), invocation.warn) as world:
        runner = Runner(world, tasks, trigger="cron")
        report = due.run_due(runner, once_a_day=invocation.quiet and not invocation.as_json)
    found = answer(invocation, report, strict=strict)
    if report.unprinted is None:
        return replace(found, text=report.message)
    text = report.message if report.unprinted or not invocation.quiet else ""
    return replace(found, text=text, error_lines=report.unprinted)


@command(app, panel=OPERATE)
def daemon(invocation: Invocation) -> Answer:
    """Run each due task in its own process until SIGINT, SIGTERM or SIGHUP; then stop the tasks and release their claims.

    A second daemon of the same user and home reports the first one and ends (exit 0, busy)."""
    from tradectl.host.sd_notify import systemd_notify
    from tradectl.ledger.process_identity import current_identity
    from tradectl.runtime.daemon import Daemon, command_line
    from tradectl.runtime.daemon_guard import HomeWatch, only_daemon
    from tradectl.runtime.runner import Runner

    settings = invocation.required_settings()
    if settings.at is not None:
        raise UsageError("the daemon uses the machine's clock: --at is for single commands")
    world = invocation.world(make=False)
    arguments = ["--user", world.user, "--home", str(settings.home)]
    if invocation.database:
        arguments += ["--db", invocation.database]
    watch, since = HomeWatch(settings), f"{to_ist(world.clock.machine_now()):%Y-%m-%d %H:%M} IST"
    with only_daemon(settings.home, world.user, current_identity(), since) as other:
        if other:
            text = f"a daemon of {world.user} runs in {settings.home} already: {other}. It starts the tasks; this one ended"
            return Answer({"signal": None, "running": other, "reason": text}, text, "busy")
        invocation.note(f"running the tasks of {world.user} in {settings.home}")
        runner, phones = Runner(world, all_tasks(), trigger="daemon"), _phones(invocation, seconds=14_400)
        tell = systemd_notify().send
        code = Daemon(runner, command_line(arguments), problem=watch.problem, tell=tell, companion=phones).run()
    if code < 128:
        return Answer({"signal": None}, "", "failed", exit_code=code)
    return Answer({"signal": code - 128}, "stopped", exit_code=code)


def _poll_once(invocation: Invocation) -> None:
    """Start a process that answers the paired phones for the next minute. No task waits for it or fails because of it."""
    phones = _phones(invocation, seconds=55)
    try:
        if phones.wanted():
            phones.start(quiet=True)
    except OSError as error:
        invocation.warn(f"no phone is answered: its process cannot be started ({error.strerror}). The tasks run")
    except DatabaseError:
        return  # the tasks report it


def _phones(invocation: Invocation, *, seconds: int) -> Companion:
    """Return the process that answers the paired phones, which is wanted once a phone is paired.

    It ends after some seconds, so that it does not outlive a daemon that was killed for long."""
    from tradectl.ledger.telegram_updates import any_paired
    from tradectl.runtime.companion import Companion

    settings, world = invocation.required_settings(), invocation.world(make=False)
    database = ("--db", invocation.database) if invocation.database else ()
    command = (sys.executable, "-m", "tradectl", "--user", world.user, "--home", str(settings.home), *database)
    command += ("telegram", "run", "--for", str(seconds), "-q")
    return Companion(command, lambda: settings.at is None and any_paired(world.ledger.settings))
