"""Divide the verdicts of an analysis among the strategies: decisions, counts, and one signal for each symbol."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from tradectl.ledger.rows import Decision
from tradectl.screener.verdicts import InstrumentVerdict
from tradectl.tasks.analyze.strategies_of_day import ScanningStrategy

OTHER_STRATEGY = "other_strategy"
"""The rule of a verdict on a symbol that an earlier strategy buys."""
LONGEST_RULE = 48
"""The longest name of a rule that a decision stores, in characters."""
HASH_DIGITS = 12
"""How many digits of a strategy's hash people see."""


class Scan(Struct, frozen=True):
    """The verdicts of one strategy. `ranked`: its buys, best first. `stale`: of the last stored bars."""

    strategy: ScanningStrategy
    verdicts: Sequence[InstrumentVerdict] = ()
    ranked: Sequence[InstrumentVerdict] = ()
    stale: bool = False


def is_own(scans: Sequence[Scan]) -> bool:
    """Return whether another strategy than the shipped rule is used."""
    return len(scans) != 1 or scans[0].strategy.own is not None or bool(scans[0].strategy.trouble)


def one_signal_each(scans: Sequence[Scan]) -> list[Scan]:
    """Return the scans, in which the first strategy that buys a symbol has its signal: one position a symbol."""
    if len(scans) == 1:
        return list(scans)
    first: dict[str, str] = {}
    found = []
    for scan in scans:
        taken = {item.instrument_id for item in scan.ranked if item.instrument_id in first}
        verdicts = [_left_to(first, item) if item.instrument_id in taken else item for item in scan.verdicts]
        found.append(replace(scan, verdicts=verdicts, ranked=[item for item in scan.ranked if item.instrument_id not in taken]))
        first |= {item.instrument_id: scan.strategy.name for item in found[-1].ranked}
    return found


def _left_to(first: dict[str, str], item: InstrumentVerdict) -> InstrumentVerdict:
    reason = f"{item.reason}; {first[item.instrument_id]} buys it: a symbol has one position"
    return replace(item, verdict="AVOID", rule=OTHER_STRATEGY, reason=reason)


def rule_of(strategy: ScanningStrategy, rule: str) -> str:
    """Return the rule of a decision: with the name of the strategy, if it is not the shipped rule."""
    return rule if strategy.own is None else f"{strategy.name}:{rule}"[:LONGEST_RULE]


def decision(strategy: ScanningStrategy, item: InstrumentVerdict) -> Decision:
    """Return the decision that stores a verdict."""
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
    if strategy.own is not None:
        inputs |= {"strategy": strategy.name, "strategy_hash": strategy.hash[:HASH_DIGITS]}
        if item.verdict == "BUY":
            inputs |= {"score": round(item.combined, 6)}
    return Decision(item.instrument_id, item.symbol, item.verdict, rule_of(strategy, item.rule), item.reason, inputs)


def known(value: float) -> float:
    """Return a value for a column that holds numbers only; 0 for one that is not known."""
    return value if math.isfinite(value) else 0.0


def counts_of(scan: Scan) -> dict[str, object]:
    """Return the counts of one strategy, and why it buys nothing."""
    strategy = scan.strategy
    return counts(scan.verdicts) | {"hash": strategy.hash[:HASH_DIGITS], "trouble": strategy.trouble}


def counts(verdicts: Sequence[InstrumentVerdict]) -> dict[str, object]:
    """Return how many verdicts there are of each kind, and by rule those that exclude a symbol or avoid it."""
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
