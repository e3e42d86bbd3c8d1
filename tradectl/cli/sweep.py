"""Try many settings on the past, and report how much of the best result may be luck (`sweep`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.completion import strategy_names
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.output_file import write_csv
from tradectl.cli.progress import bar
from tradectl.cli.report import format_of
from tradectl.cli.sweep_report import FORMATS, write_sweep
from tradectl.errors import DataError, UsageError

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.research.grid import Axis, Changes
    from tradectl.research.study import Study
    from tradectl.research.sweep import Sweep
    from tradectl.research.sweep_results import Findings
    from tradectl.research.walk_forward import Split
    from tradectl.strategy.parameters import Parameters
    from tradectl.strategy.strategy import Strategy

app = typer.Typer()

Set = Annotated[
    list[str] | None, typer.Option("--set", help="Values to try, or one value for all combinations.", metavar="NAME=VALUE,VALUE")
]
Vary = Annotated[
    list[str] | None, typer.Option("--vary", help="Range to try, both ends included.", metavar="NAME=FROM:TO[:STEP]")
]
Random = Annotated[
    int, typer.Option("--random", help="Number of combinations, drawn at random; default: all.", min=0, metavar="NUMBER")
]
Seed = Annotated[
    int, typer.Option(help="Seed of all random draws; the same seed gives the same result.", min=0, metavar="NUMBER")
]
Universe = Annotated[str, typer.Option(help="A list, a file of symbols, or A,B,C; default: the user's universe.", metavar="NAME")]
From = Annotated[str, typer.Option("--from", help="First session; default: the first stored one.", metavar="YYYY-MM-DD")]
To = Annotated[str, typer.Option("--to", help="Last session; default: the last stored one.", metavar="YYYY-MM-DD")]
Forward = Annotated[
    str, typer.Option("--walk-forward", help="Choose on TRAIN years, test on the next TEST years.", metavar="TRAIN:TEST")
]
ByOption = Annotated[str, typer.Option("--by", help="Measure of the best setting.", metavar="net|sharpe")]
Draws = Annotated[
    int, typer.Option(help="Number of random draws for each reported percentage.", min=100, max=100_000, metavar="NUMBER")
]
Entries = Annotated[
    bool,
    typer.Option("--random-entries/--no-random-entries", help="Compare the best with random entries (takes most of the time)."),
]
RulesOnly = Annotated[bool, typer.Option("--rules-only", help="Take every entry that the rule allows, without the score.")]
Jobs = Annotated[int, typer.Option(help="Parallel processes; default: one per core.", min=0, metavar="NUMBER")]
DaskOption = Annotated[str, typer.Option("--dask", help="Use the Dask cluster of this scheduler.", metavar="ADDRESS")]
Top = Annotated[int, typer.Option(help="Number of settings to show.", min=1, metavar="NUMBER")]
Sort = Annotated[str, typer.Option(help="Sort by this column; default: best first.", metavar="COLUMN")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write all settings with their figures.", metavar="FILE")]
Page = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a page with a heat map of two settings, or what the ending names (md, json, csv, xlsx).",
        metavar="FILE",
    ),
]
Named = Annotated[
    str,
    typer.Option(
        "--strategy",
        help="A strategy file of the home, whose parameters are varied.",
        metavar="NAME",
        autocompletion=strategy_names,
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Delete the stored results of this study.")]


@command(app, panel=RESEARCH)
def sweep(
    invocation: Invocation,
    sets: Set = None,
    vary: Vary = None,
    strategy: Named = "",
    random: Random = 0,
    seed: Seed = 1,
    universe: Universe = "",
    first: From = "",
    last: To = "",
    walk_forward: Forward = "",
    by: ByOption = "net",
    draws: Draws = 1000,
    random_entries: Entries = True,
    rules_only: RulesOnly = False,
    jobs: Jobs = 0,
    dask: DaskOption = "",
    top: Top = 10,
    sort: Sort = "",
    csv_file: Csv = None,
    page: Page = None,
    fresh: Fresh = False,
) -> Answer:
    """Try many settings on the past, and report how much of the best result may be luck.

    Each symbol is traded alone, as in `backtest`. Results are stored in HOME/sweeps.db: an interrupted sweep continues where it
    stopped. The report shows how good the best of as many worthless settings would look, and the result of as many random
    entries. With --walk-forward it shows the result on years that were not used for the choice.

    With --strategy the parameters of an own strategy are tried; the comparison with random entries is then left out.
    """
    from tradectl import bootstrap
    from tradectl.bootstrap.strategies import StrategyFolder
    from tradectl.model.rule_names import REVERSION
    from tradectl.research.reports import sweep as report
    from tradectl.research.sweep_results import Criterion

    if by not in list(Criterion):
        raise UsageError(f"--by is one of {', '.join(Criterion)}, not {by!r}")
    if sort and sort not in report.FIGURES:
        raise UsageError(f"--sort is one of {', '.join(report.FIGURES)}, not {sort!r}")
    own = bootstrap.parameters_of(invocation.required_settings(), {})
    tried = StrategyFolder(invocation.required_settings().home).read(strategy) if strategy not in {"", REVERSION} else None
    if page is not None:
        format_of(page, FORMATS)
    settings, combinations = settings_of(sets or [], vary or [], random, seed, tried)
    listed = universe or (tried.universe if tried is not None else "") or own.universe
    study, market = study_of(invocation, listed, first, last, scored=not rules_only, strategy=tried)
    splits = splits_of(study, walk_forward)
    found = run_search(
        invocation,
        study,
        jobs=jobs,
        dask=dask,
        fresh=fresh,
        search=lambda sweep: search_settings(
            sweep,
            market,
            own,
            settings,
            splits,
            by=Criterion(by),
            draws=draws,
            seed=seed,
            timing=random_entries and tried is None,
        ),
    )
    result = report.result(study, found, by=by, draws=draws, seed=seed, combinations=combinations)
    if csv_file is not None:
        rows = rows_of(result["settings"])
        write_csv(csv_file, list(rows[0]), rows)
    if page is not None:
        result["report"] = write_sweep(invocation, page, result, own, report.text(result, output.table, top=top, sort=sort))
    return Answer(result, lambda: report.text(result, output.table, top=top, sort=sort))


def settings_of(
    sets: list[str], vary: list[str], count: int, seed: int, strategy: Strategy | None = None
) -> tuple[list[Changes], int]:
    """Return the settings to try, and the number of all combinations. `count`: how many to draw at random; 0 for all.

    Raises UsageError."""
    import numpy as np

    from tradectl.research import grid

    axes: list[Axis] = [
        *(grid.parse_values(text, strategy) for text in sets),
        *(grid.parse_range(text, strategy) for text in vary),
    ]
    names = [axis.name for axis in axes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{twice[0]} is named twice")
    if grid.combinations(axes) < 2:
        raise UsageError("name settings to try: --set NAME=VALUE,VALUE or --vary NAME=FROM:TO:STEP")
    found = grid.sample(axes, count, np.random.default_rng(seed)) if count else grid.grid(axes)
    return found, grid.combinations(axes)


def study_of(
    invocation: Invocation, universe: str, first: str, last: str, *, scored: bool, strategy: Strategy | None = None
) -> tuple[Study, Store]:
    """Return the study and its market. `strategy`: an own one, which has no score. Raises UsageError, DataError."""
    from tradectl import bootstrap
    from tradectl.research.study import StrategyFile, Study, fingerprint, generation_of

    settings = replace(invocation.required_settings(), home=invocation.required_settings().home.absolute())
    market = bootstrap.open_past(settings)
    newest = market.last_session()
    if newest is None:
        raise bootstrap.no_bars(settings)
    instruments = tuple(id_ for id_ in market.universe(universe) if market.history(id_) is not None)
    if not instruments:
        raise DataError(f"there is no bar of any symbol in {universe}")
    begin = parse_day(first) or max(market.sessions.first, min(_first_bar(market, id_) for id_ in instruments))
    end = min(parse_day(last) or newest, newest)
    if end < begin:
        raise UsageError(f"--to {end} is before --from {begin}")
    rules, generation = fingerprint(settings.sessions), generation_of(settings.market)
    file = StrategyFile(strategy.name, strategy.form, strategy.text) if strategy is not None else None
    return Study(settings, instruments, begin, end, scored and file is None, generation, rules, file), market


def _first_bar(market: Store, instrument_id: str) -> date:
    history = market.history(instrument_id)
    return history.session(0) if history is not None else market.sessions.last


def splits_of(study: Study, walk_forward: str) -> tuple[Split, ...]:
    """Return the splits of `--walk-forward`, none without it. Raises UsageError if the span is too short."""
    from tradectl.backtest.context import Span
    from tradectl.research.walk_forward import split, years_of

    if not walk_forward:
        return ()
    found = split(Span(study.first, study.last), *years_of(walk_forward))
    if not found:
        raise UsageError(f"{study.first} to {study.last} is too short for a walk-forward of {walk_forward} years")
    return found


def run_search(
    invocation: Invocation, study: Study, *, jobs: int, dask: str, fresh: bool, search: Callable[[Sweep], Findings]
) -> Findings:
    """Call `search` with workers, a progress bar and stored results. After a signal the stored results stay."""
    from tradectl.research.sweep import Sweep
    from tradectl.research.sweep_cache import SweepCache
    from tradectl.runtime.interrupt import stop_on_signals

    cache = SweepCache(study.settings.home, study.key)
    try:
        if fresh:
            cache.forget()
        with bar("sweeping", quiet=invocation.quiet or invocation.as_json) as tell, stop_on_signals() as stop:
            return search(Sweep(study, cache, stop, tell, jobs or os.cpu_count() or 1, dask))
    finally:
        cache.close()


def search_settings(
    sweep: Sweep,
    market: Store,
    own: Parameters,
    settings: list[Changes],
    splits: tuple[Split, ...],
    *,
    by: Any,
    draws: int,
    seed: int,
    timing: bool,
) -> Findings:
    """Compute the trades of every setting and, with `timing`, random entries; return the findings."""
    import numpy as np

    from tradectl.research.study import Setting
    from tradectl.research.sweep_results import find, ranked
    from tradectl.strategy.parameters import names, with_changes

    def setting(changes: Changes) -> Setting:
        ours = {name: text for name, text in changes.items() if name in known}
        theirs = tuple((name, text) for name, text in changes.items() if name not in known)
        return Setting(with_changes(own, ours), theirs)

    known = set(names())
    own_closed, *closed = sweep.trades([Setting(own), *map(setting, settings)])
    tried = list(zip(settings, closed, strict=True))
    study = sweep.study
    days = [session.date.toordinal() for session in market.sessions.run_between(study.first, study.last)]
    sessions = np.array(days, dtype=np.int64)
    best = ranked(tried, sessions, by)[0]
    possible = sweep.possible(setting(best.changes)) if timing and best.figures.trades else None
    return find(tried, own_closed, possible, sessions, splits, by=by, draws=draws, seed=seed)


def rows_of(settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per setting: its differences, then its figures."""
    return [{**row["changes"], **{name: value for name, value in row.items() if name != "changes"}} for row in settings]
