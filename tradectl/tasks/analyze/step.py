"""Scan the universe on today's close, backtest, score and store BUY and STRONG_BUY signals for the next run session.

Without today's bar, or with a gap in the sessions before it, nothing is analysed: an older bar is never used silently. The data
are compared with their checksums first. Every verdict is stored with its inputs, also a refusal; `tradectl why SYMBOL` shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from tradectl.errors import DataError
from tradectl.exchange.data_age import sessions_since
from tradectl.execution.session_close import is_final, provisional_bars
from tradectl.ledger.rows import Decision, Signal
from tradectl.model.freshness import ACTIONS
from tradectl.model.moment import ist_date
from tradectl.screener.coverage import name_days, older_gaps
from tradectl.screener.screen import screen, screen_alone
from tradectl.screener.verdicts import InstrumentVerdict, ScreenRequest, ScreenResult
from tradectl.strategy import exits, score
from tradectl.strategy.reentry import level_at_entry
from tradectl.subprocess_call import call_in_subprocess
from tradectl.task import Context, Outcome

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
    universe = world.market.universe(parameters.universe)
    bars = provisional_bars(
        universe, session, broker=world.broker, market=world.market, clock=world.clock, sessions=world.sessions
    )
    # a simulation of the past accepts gaps; `data check` lists them
    close = _screened(context, ScreenRequest(universe, session, following, bars, parameters, whole=world.mode != "simulated"))
    if close.missing is not None:
        raise DataError(close.missing.text)
    if not any(item.reading for item in close.verdicts):
        hint = "" if parameters.allow_stale else "; --allow-stale takes the last stored bars instead"
        raise DataError(f"no bar of {session} for any of the {len(universe)} instruments of {parameters.universe}{hint}")
    state = "final" if close.stale or is_final(session, context.now) else "provisional"
    if not context.dry_run:
        _store_results(context, close, following, state)
    doubt = world.market.surveillance(session).doubt()
    if doubt and world.mode != "simulated":
        context.log("surveillance_lists", f"{doubt}: {SURVEILLANCE_HELP}", level="warning")
    if close.stale:
        context.log("stale_data", f"there are no bars of {session}: the last stored bars were analysed", level="warning")
    notes = {"panel_renewed": renewed} if renewed else {}
    older = older_gaps(world.market.panel(), world.sessions, session, parameters.backtest_years)
    if older:
        notes["older_gaps"] = (
            f"{len(older)} sessions without bars are left out of the past trades of the scores: {name_days(older)}"
        )
    result = _counts(close.verdicts) | notes | {"for_session": following.isoformat(), "data": "stale" if close.stale else state}
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


def _screened(context: Context, request: ScreenRequest) -> ScreenResult:
    """Return the verdicts, computed here or in a separate process."""
    world, parameters = context.world, context.world.parameters
    if parameters.isolated:
        limit = parameters.scan_limit
        return call_in_subprocess("the scan", screen_alone, world.market, world.sessions, request, limit=limit)
    return screen(world.market, world.sessions, world.readings, request, context.progress)


def _store_results(context: Context, close: ScreenResult, following: date, state: str) -> None:
    """Store signals and decisions in one transaction."""
    ledger = context.world.ledger
    ranked = sorted((item for item in close.verdicts if item.verdict in {"STRONG_BUY", "BUY"}), key=_rank)
    signals = [_signal(context, item, rank, following, state) for rank, item in enumerate(ranked, 1)]
    decisions = [_decision(item) for item in close.verdicts]
    with ledger.database.note():
        ledger.signals.replace(context.session, signals, context.now)
        ledger.decisions.replace_run("analyze", context.session, context.slot, decisions, context.now)


def _rank(item: InstrumentVerdict) -> tuple[int, float, str]:
    return score.rank(score.Verdict(item.verdict), item.combined, item.symbol)


def _signal(context: Context, item: InstrumentVerdict, rank: int, following: date, state: str) -> Signal:
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
        rsi=reading.rsi,
        ema9=reading.ema_fast,
        level=level_at_entry(reading.rsi, parameters),
        strength=item.strength,
        backtest=item.backtest,
        combined=item.combined,
        trades=item.trades,
        bars=reading.bars,
        average_turnover=reading.average_turnover,
        data_state=state,
        data_date=reading.session,
        status="expired" if ist_date(context.now) > following else "active",
    )


def _decision(item: InstrumentVerdict) -> Decision:
    inputs = {} if item.reading is None else item.reading.inputs()
    if item.surveillance:
        inputs |= {"surveillance": item.surveillance}
    if item.rule == "score":
        inputs |= {
            "strength": round(item.strength, 4),
            "backtest": round(item.backtest, 4),
            "combined": round(item.combined, 4),
            "trades": item.trades,
        }
    return Decision(item.instrument_id, item.symbol, item.verdict, item.rule, item.reason, inputs)


def _counts(verdicts: Sequence[InstrumentVerdict]) -> dict[str, object]:
    count = Counter(item.verdict for item in verdicts)
    rules = {
        kind: dict(sorted(Counter(item.rule for item in verdicts if item.verdict == kind.upper()).items()))
        for kind in ("excluded", "avoid")
    }
    return {
        "scanned": len(verdicts),
        "excluded": count["EXCLUDED"],
        "avoid": count["AVOID"],
        "watch": count["WATCH"],
        "buy": count["BUY"],
        "strong_buy": count["STRONG_BUY"],
        "by_rule": rules,
    }
