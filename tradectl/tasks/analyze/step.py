"""Scan the universe on today's close, backtest, score and store BUY and STRONG_BUY signals for the next run session.

Without today's bar, or with a gap in the sessions before it, nothing is analysed: an older bar is never used silently. The data
are compared with their checksums first. Every verdict is stored with its inputs, also a refusal; `tradectl why SYMBOL` shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.context import Context
from tradectl.errors import ConfigurationError, DataError, TradectlError, UsageError
from tradectl.exchange.data_age import sessions_since
from tradectl.execution.session_close import is_final, provisional_bars
from tradectl.ledger.rows import Signal
from tradectl.model.freshness import ACTIONS
from tradectl.model.moment import ist_date
from tradectl.ports import StrategyText
from tradectl.screener.coverage import name_days, older_gaps
from tradectl.screener.screen import screen, screen_alone
from tradectl.screener.verdicts import InstrumentVerdict, ScreenRequest, ScreenResult
from tradectl.strategy import exits, score
from tradectl.strategy.reentry import level_at_entry
from tradectl.subprocess_call import call_in_subprocess
from tradectl.task import Outcome
from tradectl.tasks.analyze.results import Scan, counts, counts_of, decision, is_own, known, one_signal_each
from tradectl.tasks.analyze.strategies_of_day import ScanningStrategy, refused, scanned_lists, strategies_of_day

if TYPE_CHECKING:
    from tradectl.execution.own_strategies import OwnStrategy
    from tradectl.screener.own_screen import OwnScreen

SURVEILLANCE_HELP = (
    "a stock under GSM, ESM or long-term ASM may be bought: `tradectl data fetch --source surveillance`, or import REG1_IND of "
    "NSE's daily reports"
)


def run(context: Context) -> Outcome:
    """Run one scan. Raises DataError (exit 8) without enough bars of today, or of the sessions before it."""
    world, session, parameters = context.world, context.session, context.world.parameters
    renewed = world.market.verify()
    if renewed:
        context.log("panel_renewed", renewed, level="warning")
    refuse_old_actions(context)
    following = world.sessions.next_run_session(session).date
    strategies = strategies_of_day(context)
    universe = tuple(dict.fromkeys(name for item in strategies for name in item.universe))
    bars = provisional_bars(
        universe, session, broker=world.broker, market=world.market, clock=world.clock, sessions=world.sessions
    )
    # a simulation of the past accepts gaps; `data check` lists them
    request = ScreenRequest(universe, session, following, bars, parameters, whole=world.attended)
    scans = [_scan(context, item, request) for item in strategies]
    verdicts = [verdict for scan in scans for verdict in scan.verdicts]
    stale = any(scan.stale for scan in scans)
    if universe and not any(item.reading for item in verdicts):
        hint = "" if parameters.allow_stale else "; --allow-stale takes the last stored bars instead"
        names = scanned_lists(strategies, parameters.universe)
        raise DataError(f"no bar of {session} for any of the {len(universe)} instruments of {names}{hint}")
    state = "final" if stale or is_final(session, context.now) else "provisional"
    scans = one_signal_each(scans)
    if not context.dry_run:
        _store_results(context, scans, following, state)
    doubt = world.market.surveillance(session).doubt()
    if doubt and world.attended:
        context.log("surveillance_lists", f"{doubt}: {SURVEILLANCE_HELP}", level="warning")
    if stale:
        context.log("stale_data", f"there are no bars of {session}: the last stored bars were analysed", level="warning")
    notes = {"panel_renewed": renewed} if renewed else {}
    older = older_gaps(world.market.panel(), world.sessions, session, parameters.backtest_years)
    if older:
        notes["older_gaps"] = (
            f"{len(older)} sessions without bars are left out of the past trades of the scores: {name_days(older)}"
        )
    own = {"strategies": {scan.strategy.name: counts_of(scan) for scan in scans}} if is_own(scans) else {}
    result = counts([item for scan in scans for item in scan.verdicts]) | own | notes
    result |= {"for_session": following.isoformat(), "data": "stale" if stale else state}
    return Outcome(result | {"surveillance": doubt or "lists are recent"})


def refuse_old_actions(context: Context) -> None:
    """Raise DataError where the list of corporate actions is older than the setting `actions_max_age`, or missing.

    On a virtual clock nothing is checked: the stored list is then as complete as it will ever be.
    """
    world, most = context.world, context.world.parameters.actions_max_age
    if world.clock.virtual:
        return
    known = world.freshness().get(ACTIONS)
    age = sessions_since(world.sessions, known.as_of, context.session) if known is not None else 0
    if known is not None and age <= most:
        return
    what = f"is of {known.as_of}, {age} sessions old, and {most} are allowed" if known is not None else "is not stored"
    raise DataError(
        f"the list of corporate actions {what}: a split that is not known looks like a fall and would be bought, so nothing was "
        "analysed. `tradectl prices --force` fetches the list; `tradectl data import FILE` takes one saved from NSE's page"
    )


def _scan(context: Context, strategy: ScanningStrategy, request: ScreenRequest) -> Scan:
    """Return the verdicts of one strategy on its universe. Raises DataError if a session is missing."""
    if strategy.trouble:
        return Scan(strategy)
    if strategy.universe != request.universe:
        bars = request.bars
        if bars is not None:
            bars = {name: bars[name] for name in strategy.universe if name in bars}
        request = replace(request, universe=strategy.universe, bars=bars)
    if strategy.own is None:
        close = _screened(context, request)
        ranked = sorted((item for item in close.verdicts if item.verdict in {"STRONG_BUY", "BUY"}), key=_rank)
    else:
        try:
            found = own_scan(context, strategy.own, request)
        except TradectlError as error:
            if type(error) not in {TradectlError, ConfigurationError, UsageError}:
                raise
            return Scan(refused(context, strategy.name, str(error)))
        close, by_id = found.close, {item.instrument_id: item for item in found.close.verdicts}
        ranked = [by_id[name] for name in found.ranked]
    if close.missing is not None:
        raise DataError(close.missing.text)
    return Scan(strategy, close.verdicts, ranked, close.stale)


def own_scan(context: Context, own: OwnStrategy, request: ScreenRequest) -> OwnScreen:
    """Return the verdicts of an own strategy, computed here or in a separate process."""
    from tradectl.screener.own_screen import own_screen, own_screen_alone

    world, parameters, strategy = context.world, context.world.parameters, own.strategy
    if parameters.isolated:
        text = StrategyText(strategy.name, strategy.form, strategy.text, strategy.file)
        what, limit = f"the scan of {strategy.name}", parameters.scan_limit
        return call_in_subprocess(what, own_screen_alone, world.market, world.sessions, request, text, limit=limit)
    return own_screen(world.market, world.sessions, world.readings, request, rule=own.rule, tell=context.progress)


def _screened(context: Context, request: ScreenRequest) -> ScreenResult:
    """Return the verdicts of the shipped rule, computed here or in a separate process."""
    world, parameters = context.world, context.world.parameters
    if parameters.isolated:
        limit = parameters.scan_limit
        return call_in_subprocess("the scan", screen_alone, world.market, world.sessions, request, limit=limit)
    return screen(world.market, world.sessions, world.readings, request, context.progress)


def _store_results(context: Context, scans: Sequence[Scan], following: date, state: str) -> None:
    """Store signals and decisions in one transaction. The signals of the first strategy have the first ranks."""
    ledger = context.world.ledger
    ranked = [(scan, item) for scan in scans for item in scan.ranked]
    signals = [
        _signal(context, scan.strategy, item, rank=rank, following=following, state=state)
        for rank, (scan, item) in enumerate(ranked, 1)
    ]
    decisions = [decision(scan.strategy, item) for scan in scans for item in scan.verdicts]
    with ledger.database.note():
        ledger.signals.replace(context.session, signals, context.now)
        ledger.decisions.replace_run("analyze", context.session, context.slot, decisions, context.now)


def _rank(item: InstrumentVerdict) -> tuple[int, float, str]:
    return score.rank(score.Verdict(item.verdict), item.combined, item.symbol)


def _signal(
    context: Context, strategy: ScanningStrategy, item: InstrumentVerdict, *, rank: int, following: date, state: str
) -> Signal:
    reading, parameters = item.reading, context.world.parameters
    assert reading is not None
    tick = context.world.market.instrument(item.instrument_id, following).tick_size
    return Signal(
        instrument_id=item.instrument_id,
        symbol=item.symbol,
        analysed=context.session,
        for_session=following,
        verdict=item.verdict,
        rank=rank,
        close=reading.close,
        limit_price=exits.entry_limit(reading.close, tick, parameters),
        rsi=known(reading.rsi),
        ema9=known(reading.ema_fast),
        level=level_at_entry(reading.rsi, parameters) if strategy.own is None else 1,
        strength=item.strength,
        backtest=item.backtest,
        combined=item.combined,
        trades=item.trades,
        bars=reading.bars,
        average_turnover=reading.average_turnover,
        data_state=state,
        data_date=reading.session,
        status="expired" if ist_date(context.now) > following else "active",
        strategy=strategy.name,
        strategy_hash=strategy.hash,
    )
