"""Run the day without a person (`run-due`, `daemon`)."""

from __future__ import annotations

import typer

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.cli.tasks import Strict, answer
from tradectl.errors import UsageError
from tradectl.runtime.registry import all_tasks

app = typer.Typer()


@command(app, "run-due", panel=OPERATE)
def run_due(invocation: Invocation, strict: Strict = False) -> Answer:
    """Run the tasks that are due now, once; cron may start it each minute. The exit code is the most severe of its tasks."""
    from tradectl.runtime import due
    from tradectl.runtime.runner import Runner

    report = due.run_due(Runner(invocation.world(make=False), all_tasks(), trigger="cron"))
    found = answer(invocation, report, strict=strict)
    return Answer(found.result, report.message, found.outcome, found.exit_code, found.session, found.error)


@command(app, panel=OPERATE)
def daemon(invocation: Invocation) -> Answer:
    """Run each due task in its own process until SIGINT, SIGTERM or SIGHUP; then stop the tasks and release their claims."""
    from tradectl.runtime.daemon import Daemon, command_line
    from tradectl.runtime.runner import Runner

    settings = invocation.required_settings()
    if settings.at is not None:
        raise UsageError("the daemon uses the machine's clock: --at is for single commands")
    world = invocation.world(make=False)
    arguments = ["--user", world.user, "--home", str(settings.home)]
    if invocation.database:
        arguments += ["--db", invocation.database]
    invocation.note(f"running the tasks of {world.user} in {settings.home}")
    code = Daemon(Runner(world, all_tasks(), trigger="daemon"), command_line(arguments)).run()
    return Answer({"signal": code - 128}, "stopped", exit_code=code)
