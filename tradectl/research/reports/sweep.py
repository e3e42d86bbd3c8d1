"""Build the JSON result of a sweep, its notes and its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tradectl.backtest.metrics import Statistics
from tradectl.model.money import show_rupees, to_paise, to_rupees
from tradectl.model.rule_names import REVERSION
from tradectl.research.grid import Changes
from tradectl.research.resampling import Outcomes, quantile
from tradectl.research.study import Study
from tradectl.research.sweep_results import Findings, SettingResult, TimingTest, WalkForward

FIGURES = ("trades", "net", "charges", "win_rate", "profit_factor", "average_percent", "average_days", "fall", "sharpe")
"""Figures of a setting by which the table may be sorted."""
SHARES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}
LUCKY = 0.05
"""p-value above which a result is reported as chance."""
Row = dict[str, Any]


def result(study: Study, found: Findings, *, by: str, draws: int, seed: int, combinations: int) -> Row:
    """Return the JSON result of a sweep, with the settings best first."""
    return {
        "from": study.first.isoformat(),
        "to": study.last.isoformat(),
        "instruments": len(study.instruments),
        "scored": study.scored,
        "strategy": study.strategy.name if study.strategy is not None else REVERSION,
        "by": by,
        "draws": draws,
        "seed": seed,
        "combinations": combinations,
        "tried": len(found.tried),
        "settings": [row(rank, one) for rank, one in enumerate(found.tried, 1)],
        "own": row(None, found.own),
        "luck": {"p": found.luck, "method": "White's reality check, stationary bootstrap"},
        "monte_carlo": {"order": _spread(found.order), "sample": _spread(found.sample)},
        "random_entries": None if found.timing is None else _timing(found.timing),
        "walk_forward": None if found.walk_forward is None else _walk_forward(found.walk_forward),
        "notes": notes(study, found, by),
    }


def row(rank: int | None, one: SettingResult) -> Row:
    """Return the JSON row of one setting."""
    return {"rank": rank, "changes": one.changes, **figures(one.figures), "fall": to_rupees(one.fall), "sharpe": one.sharpe}


def figures(known: Statistics) -> Row:
    """Return figures as JSON values, amounts in rupees as text."""
    return {
        "trades": known.trades,
        "wins": known.wins,
        "net": to_rupees(known.net),
        "gross": to_rupees(known.gross),
        "charges": to_rupees(known.charges),
        "win_rate": known.win_rate,
        "profit_factor": known.profit_factor,
        "average_percent": known.average_percent,
        "average_days": known.average_days,
    }


def sorted_rows(rows: Sequence[Row], column: str) -> list[Row]:
    """Return settings sorted by one figure, largest first. Falls and charges are sorted smallest first, None always last."""

    def key(one: Row) -> tuple[bool, float]:
        value = one[column]
        number = 0.0 if value is None else float(value)
        return value is None, number if column in {"fall", "charges"} else -number

    return sorted(rows, key=key)


def words(changes: Changes) -> str:
    """Return the changes of a setting in the form of `config set`."""
    return " ".join(f"{name}={value}" for name, value in changes.items()) or "the user's own settings"


def _spread(outcomes: Outcomes) -> Row:
    found = {name: outcomes.at(share) for name, share in SHARES.items()}
    return {
        "net": {name: to_rupees(final) for name, (final, _) in found.items()},
        "fall": {name: to_rupees(fall) for name, (_, fall) in found.items()},
    }


def _timing(timing: TimingTest) -> Row:
    drawn = {name: to_rupees(quantile(timing.drawn, share)) for name, share in SHARES.items()}
    return {
        "positions": timing.positions,
        "possible": timing.possible,
        "net": to_rupees(timing.real),
        "drawn": drawn,
        "p": timing.p,
    }


def _walk_forward(forward: WalkForward) -> Row:
    splits = [
        {
            "train": [one.split.train.first.isoformat(), one.split.train.last.isoformat()],
            "test": [one.split.test.first.isoformat(), one.split.test.last.isoformat()],
            "changes": one.changes,
            "trained": figures(one.train),
            "tested": figures(one.test),
        }
        for one in forward.judged
    ]
    joined = figures(forward.joined.figures) | {"fall": to_rupees(forward.joined.fall), "sharpe": forward.joined.sharpe}
    return {"splits": splits, "joined": joined, "own": figures(forward.own), "monte_carlo": _spread(forward.paths)}


def notes(study: Study, found: Findings, by: str) -> list[str]:
    """Return the notes on the limits of the result, the most serious first."""
    lines = [_luck(found, by)]
    if found.timing is not None:
        lines.append(_timing_note(found.timing))
    if found.walk_forward is not None:
        lines.append(_forward_note(found.walk_forward))
    lines += [_order_note(found.order), _sample_note(found.sample)]
    if study.strategy is not None:
        lines.append(f"The entries of {study.strategy.name} are not compared with random ones, as those of ema9-reversion are.")
    lines.append("Every buy had the full capital per trade, without portfolio limits. An account with less money buys less.")
    lines.append(
        f"The {len(study.instruments)} instruments are those of today's list. Companies that left it are missing, so the result "
        "looks better than it was."
    )
    return lines


def _luck(found: Findings, by: str) -> str:
    count = len(found.tried)
    measure = "net result" if by == "net" else "Sharpe ratio"
    share = percent(found.luck)
    if count == 1:
        return f"One setting was tried. A setting without any edge would show as good a {measure} in {share} of cases."
    verdict = " Treat it as chance." if found.luck > LUCKY else ""
    return (
        f"{count} settings were tried. The best of {count} settings without any edge would show as good a {measure} in "
        f"{share} of cases.{verdict}"
    )


def _timing_note(timing: TimingTest) -> str:
    if not timing.positions:
        return "The best setting closed no position, so it is not compared with random entries."
    verdict = " The timing of the entries cannot be distinguished from chance." if timing.p > LUCKY else ""
    return (
        f"{timing.positions} entries on random sessions, with the same exits, earned at least as much as the best setting in "
        f"{percent(timing.p)} of cases. Half of the cases earned Rs {show_rupees(quantile(timing.drawn, 0.5))} or less; the "
        f"setting earned Rs {show_rupees(timing.real)}.{verdict}"
    )


def _forward_note(forward: WalkForward) -> str:
    known, own = forward.joined.figures, forward.own
    chosen = len({tuple(one.changes.items()) for one in forward.judged})
    return (
        f"Out of sample: {known.trades} trades earned Rs {show_rupees(known.net)} net. Your own settings "
        f"earned Rs {show_rupees(own.net)} on the same spans. {len(forward.judged)} choices gave {chosen} different settings."
    )


def _order_note(order: Outcomes) -> str:
    fall = show_rupees(order.at(0.95)[1])
    return f"With the trades in random order, the drawdown is Rs {fall} or more in one case of 20."


def _sample_note(sample: Outcomes) -> str:
    low, high = (show_rupees(sample.at(share)[0]) for share in (0.05, 0.95))
    return f"Random samples of these trades earned between Rs {low} and Rs {high} in nine cases of ten."


def percent(share: float) -> str:
    """Return a share as a percentage such as `35 %`, with one decimal below 10 %."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


COLUMNS = (">rank", "values", ">trades", ">wins %", ">net", ">per trade %", ">profit factor", ">max drawdown", ">sharpe")
DROPPED_FIRST = ("profit factor", "max drawdown", "wins %", "per trade %", "sharpe", "rank", "trained net", "trades", "train")
"""The figures that a narrow terminal drops before the values of a setting."""
SPLIT_COLUMNS = ("train", "test", "values", ">trades", ">trained net", ">trades ", ">tested net")
Table = Callable[..., str]


def text(found: Mapping[str, Any], table: Table, *, top: int, sort: str) -> str:
    """Return the report as text. `table` formats columns and rows."""
    rows = sorted_rows(found["settings"], sort) if sort else list(found["settings"])
    title = (
        f"{found['tried']} settings, {found['instruments']} instruments, {found['from']} to {found['to']}, best by {found['by']}"
    )
    shown = [cells(one) for one in rows[:top]]
    parts = [table(COLUMNS, [*shown, cells(found["own"] | {"rank": "own"})], title=title, first=DROPPED_FIRST)]
    if len(rows) > top:
        parts.append(f"… and {len(rows) - top} more: --top NUMBER shows more, --csv FILE writes all")
    if found["walk_forward"]:
        parts += [
            "",
            table(
                SPLIT_COLUMNS,
                [split_cells(one) for one in found["walk_forward"]["splits"]],
                title="Walk-forward",
                first=DROPPED_FIRST,
            ),
        ]
    return "\n".join([*parts, "", *(f"- {note}" for note in found["notes"])])


def cells(one: Row) -> tuple[Any, ...]:
    """Return a setting as the cells of `COLUMNS`."""
    figures = (
        one["win_rate"],
        rupees(one["net"]),
        one["average_percent"],
        one["profit_factor"],
        rupees(one["fall"]),
        one["sharpe"],
    )
    return one["rank"], words(one["changes"]), one["trades"], *figures


def split_cells(one: Row) -> tuple[Any, ...]:
    """Return a split as the cells of `SPLIT_COLUMNS`."""
    trained, tested = one["trained"], one["tested"]
    spans = (" to ".join(one["train"]), " to ".join(one["test"]))
    return (*spans, words(one["changes"]), trained["trades"], rupees(trained["net"]), tested["trades"], rupees(tested["net"]))


def rupees(amount: str) -> str:
    """Return a JSON amount in rupees as text for a table."""
    return show_rupees(to_paise(amount))
