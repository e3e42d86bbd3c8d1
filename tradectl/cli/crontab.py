"""`crontab`: the day as lines for cron."""

from __future__ import annotations

from typing import Annotated

import typer

from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.options import CONFIGURE
from tradectl.clock import SystemClock
from tradectl.model.moment import ist_date

app = typer.Typer()


@command(app, panel=CONFIGURE)
def crontab(
    call: Call,
    zone: Annotated[str, typer.Option(help="The zone of the machine whose cron it is.", metavar="ZONE")] = "Asia/Kolkata",
) -> Answer:
    """Write a crontab for a machine in some zone; zones with summer time get the one line that asks each minute."""
    from tradectl.report import crontab as report
    from tradectl.runtime import registry

    now = call.told().at or SystemClock().now()
    text = report.crontab(registry.all_tasks(), zone, ist_date(now))
    return Answer(text, text.rstrip("\n"))
