"""Check an own strategy before it is used (`strategy check`)."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from tradectl.cli.completion import strategy_names
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import parse_day
from tradectl.cli.progress import bar
from tradectl.errors import CheckFailed, LookAhead

WIDEST = 100
"""The longest line of the report."""
Name = Annotated[str, typer.Argument(help="A strategy of the home.", metavar="NAME", autocompletion=strategy_names)]
Universe = Annotated[
    str, typer.Option(help="A list, a file of symbols, or A,B,C; default: the strategy's, else the user's.", metavar="NAME")
]
From = Annotated[str, typer.Option("--from", help="First session; default: the first stored one.", metavar="YYYY-MM-DD")]
To = Annotated[str, typer.Option("--to", help="Last session; default: the last stored one.", metavar="YYYY-MM-DD")]


def check(invocation: Invocation, name: Name, universe: Universe = "", first: From = "", last: To = "") -> Answer:
    """Check that a strategy sees no future, is the same everywhere, and only calculates; report how far to trust it.

    It runs in processes of its own, in which the rule may not read a clock, a file or the network. The result is stored for the
    very text of the file: a changed file needs a new check. Exit 13 if it uses later bars, 14 if another check failed.
    """
    from tradectl import bootstrap
    from tradectl.bootstrap.strategies import StrategyFolder
    from tradectl.ledger.strategies import StoredCheck
    from tradectl.research.strategy_check.process import run_check
    from tradectl.research.strategy_check.report import result, text_of
    from tradectl.research.strategy_check.work import CheckWork
    from tradectl.runtime.interrupt import stop_on_signals

    settings = invocation.required_settings()
    text = StrategyFolder(settings.home).text(name)
    begin, end = parse_day(first), parse_day(last)
    world = invocation.world()
    work = CheckWork(settings, text, universe, begin, end, bootstrap.capital_of(settings))
    with bar("checking", quiet=invocation.quiet or invocation.as_json) as tell, stop_on_signals() as stop:
        outcome = run_check(work, tell, stop)
    found = result(text, outcome)
    world.ledger.strategies.record_check(StoredCheck(found["hash"], name, found["passed"], world.clock.now(), found))
    width = min(shutil.get_terminal_size().columns, WIDEST)
    if found["passed"]:
        return Answer(found, lambda: text_of(found, width))
    code = LookAhead.exit_code if found["looks_ahead"] else CheckFailed.exit_code
    error = f"{name} failed {len(found['failures'])} of its checks; the first: {found['failures'][0]}"
    return Answer(found, lambda: text_of(found, width), exit_code=code, error=error, outcome="failed")
