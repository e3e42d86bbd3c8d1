"""Make the checks of a strategy, one after the other, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tradectl.backtest.look_ahead import LookAheadReport, evenings, look_ahead
from tradectl.clock import stopwatch
from tradectl.errors import TradectlError, UsageError
from tradectl.model.money import show_rupees, to_rupees
from tradectl.ports import Tell
from tradectl.report.result_sentences import counted
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.strategy_check import luck
from tradectl.research.strategy_check.columns import ColumnsEngine, TolerantEngine
from tradectl.research.strategy_check.guard import Guard, calls_of_now
from tradectl.research.strategy_check.guarded import load
from tradectl.research.strategy_check.runs import Runs, first_difference, rows_of, steps_of
from tradectl.research.strategy_check.simulation import SIMULATES_STRATEGIES, both_accounts, busiest_span
from tradectl.research.strategy_check.work import CheckOutcome, CheckResult, CheckWork, Name, Status
from tradectl.strategy.column_rules import Rule
from tradectl.strategy.parameters import show
from tradectl.strategy.strategy import PYTHON, StrategyParameter

EVENINGS, COLUMN_EVENINGS = 10, 5
"""How many evenings are run again, and how many are calculated again for the columns."""
BOUNDS_SYMBOLS = 10
"""How many symbols the rule runs over at the bounds of each parameter."""
FEW, SLOW, UNSURE = 30, 20.0, 0.05
"""Below so many trades, above this multiple of the shipped rule's time, and above this p-value the check warns."""
MOST_LINES, TIMES = 5, 3


def check(work: CheckWork, tell: Tell, guard: Guard) -> CheckOutcome:
    """Return the outcome of all checks. `guard`: that of this process.

    Raises UsageError or DataError for a wrong file, list or span.
    """
    try:
        runs = Runs.of(work, load(work.text, guard))
    except TradectlError:
        if guard.refused:
            return CheckOutcome(_after_failure(_isolation(work, guard)))
        raise
    about = {
        "universe": runs.request.name,
        "from": runs.request.span.first.isoformat(),
        "to": runs.request.span.last.isoformat(),
        "symbols": len(runs.request.instruments),
        "sample": len(runs.sample),
    }
    tell("trades", 0, 1)
    try:
        rows = tuple(rows_of(list(runs.default.values())))
    except TradectlError as error:
        isolation = _isolation(work, guard)
        failed = isolation if guard.refused else CheckResult(Name.BOUNDS, Status.FAILED, f"The rule does not run: {error}.")
        return CheckOutcome(_after_failure(failed), about=about)
    if work.trades_only:
        return CheckOutcome((), rows)
    checks = _Checks(work, runs, tell)
    made = [checks.made(name, make) for name, make in checks.order]
    return CheckOutcome((_isolation(work, guard), *made), rows, about)


def _isolation(work: CheckWork, guard: Guard) -> CheckResult:
    """Return whether the code read a clock, drew a number, or opened a file or a connection."""
    if work.text.form != PYTHON:
        return CheckResult(Name.ISOLATION, Status.PASSED, "A rule of expressions can only calculate.")
    refused = list(dict.fromkeys(guard.refused))
    seen = {line.rpartition(", line ")[2] for line in refused}
    found = (*refused, *(line for line in calls_of_now(work.text.text) if line.rpartition(", line ")[2] not in seen))
    if not found:
        sentence = "The code read no clock, no random number and no file, and opened no connection."
        return CheckResult(Name.ISOLATION, Status.PASSED, sentence)
    sentence = "The rule may calculate only with its bars. Its code did something else:"
    return CheckResult(Name.ISOLATION, Status.FAILED, sentence, found[:MOST_LINES])


def _after_failure(failed: CheckResult) -> tuple[CheckResult, ...]:
    """Return the failed check, and the others as not made."""
    sentence = f"Not made, because this check failed: {failed.name}."
    return tuple(failed if name is failed.name else CheckResult(name, Status.NOT_MADE, sentence) for name in Name)


@dataclass(frozen=True)
class _Checks:
    """The checks of a strategy that runs."""

    work: CheckWork
    runs: Runs
    tell: Tell

    @property
    def order(self) -> Sequence[tuple[Name, Callable[[], CheckResult]]]:
        """Return the checks in the order in which they are made. That of two processes is made elsewhere."""
        return (
            (Name.FUTURE, self.future),
            (Name.ENGINES, self.engines),
            (Name.SIMULATION, self.simulation),
            (Name.BOUNDS, self.bounds),
            (Name.SPEED, self.speed),
            (Name.TRADES, self.trades),
            (Name.SENSITIVITY, self.sensitivity),
            (Name.LUCK, self.luck),
        )

    def made(self, name: Name, make: Callable[[], CheckResult]) -> CheckResult:
        """Return the outcome of one check. It failed if the rule raised an error in it."""
        self.tell(name, 0, 1)
        try:
            return make()
        except TradectlError as error:
            return CheckResult(name, Status.FAILED, f"The rule does not run: {error}.")

    # --- what must not fail

    def future(self) -> CheckResult:
        """Run the rule again on bars that end earlier."""
        symbols = TolerantEngine(self.runs.request)
        days, span = symbols.days(), self.runs.request.evenings
        columns = ColumnsEngine(self.runs.request, self.runs.sample, days)
        found = [
            look_ahead(engine, evenings(days, span, count, seed), self.tell)
            for engine, count, seed in ((columns, COLUMN_EVENINGS, 2), (symbols, EVENINGS, 1))
        ]
        lines = tuple(line for report in found for line in report.differences)
        made = " and ".join(_compared(report) for report in found)
        if not lines:
            return CheckResult(Name.FUTURE, Status.PASSED, f"Without later bars nothing changes: {made}.")
        sentence = f"The rule uses later bars: without them {counted(len(lines), 'comparison')} differ, of {made}."
        return CheckResult(Name.FUTURE, Status.FAILED, sentence, lines[:MOST_LINES])

    def engines(self) -> CheckResult:
        """Compare the engine of `backtest` with the one that goes session by session."""
        sample = {number: self.runs.default[number] for number in self._places if number in self.runs.default}
        names = [self.runs.request.instruments[number] for number in sample]
        whole = self.runs.request.rule is not None and self.runs.request.rule.across
        one = rows_of(list(self.runs.default.values() if whole else sample.values()))
        lines = first_difference(one, self.runs.by_backtest(names), ("session by session", "`backtest`"))
        if lines:
            return CheckResult(Name.ENGINES, Status.FAILED, "Two engines make different trades:", lines)
        return CheckResult(Name.ENGINES, Status.PASSED, f"`backtest` makes the same {counted(len(one), 'trade')}, to the paisa.")

    def simulation(self) -> CheckResult:
        """Compare one account with the tasks of the day."""
        if not SIMULATES_STRATEGIES:
            return CheckResult(Name.SIMULATION, Status.NOT_MADE, "`simulate` of this version runs the shipped rule only.")
        if not any(self.runs.default.values()):
            return CheckResult(Name.SIMULATION, Status.NOT_MADE, "There is no trade to compare.")
        own = self.runs.strategy.universe
        if own and own != self.runs.request.name:
            sentence = f"`simulate` scans {own}, the strategy's own list; check it without --universe."
            return CheckResult(Name.SIMULATION, Status.NOT_MADE, sentence)
        span = busiest_span(self.runs, self.runs.default)
        both = both_accounts(self.work, self.runs, span, self.tell)
        lines = first_difference(both.backtest, both.simulation, ("`backtest`", "`simulate`"))
        if not lines and both.equity[0] != both.equity[1]:
            lines = (f"the equity at the end is {both.equity[0]} in `backtest` and {both.equity[1]} in `simulate`",)
        when = f"from {span.first} to {span.last}"
        if lines or both.troubles:
            sentence = f"One account {when} is not the same in `backtest` and in `simulate`:"
            return CheckResult(Name.SIMULATION, Status.FAILED, sentence, (*lines, *both.troubles)[:MOST_LINES])
        sentence = f"One account {when} has the same {counted(len(both.backtest), 'trade')} and the same equity, to the paisa."
        return CheckResult(Name.SIMULATION, Status.PASSED, sentence)

    def bounds(self) -> CheckResult:
        """Run the rule at the lowest and the highest value of each parameter."""
        parameters, names = self.runs.strategy.parameters, self._few
        wrong = []
        for number, item in enumerate(parameters):
            self.tell(Name.BOUNDS, number, len(parameters))
            for end, value in (("low", item.low), ("high", item.high)):
                try:
                    self.runs.trades(self.runs.with_value(item, value), names)
                except UsageError as error:
                    wrong.append(f"{item.name} = {show(float(value))} ({end}): {error}")
        if wrong:
            sentence = "The rule does not run at each bound; change the bounds, or the rule:"
            return CheckResult(Name.BOUNDS, Status.FAILED, sentence, tuple(wrong[:MOST_LINES]))
        if not parameters:
            return CheckResult(Name.BOUNDS, Status.PASSED, "The rule has no parameters.")
        sentence = f"The rule runs at low, default and high of {counted(len(parameters), 'parameter')}."
        return CheckResult(Name.BOUNDS, Status.PASSED, sentence)

    # --- what a person must judge

    def speed(self) -> CheckResult:
        """Compare the time of the rule with that of the shipped rule over the same symbols."""
        names = self._few
        ratio = self._seconds(self.runs.request.rule, names) / self._seconds(None, names)
        figures = {"ratio": ratio}
        sentence = f"It needs {ratio:.1f} times the time of the shipped rule over {counted(len(names), 'symbol')}."
        if ratio > SLOW:
            return CheckResult(Name.SPEED, Status.WARNING, f"{sentence} The evening will take long.", figures=figures)
        return CheckResult(Name.SPEED, Status.PASSED, sentence, figures=figures)

    def _seconds(self, rule: Rule | None, names: Sequence[str]) -> float:
        """Return the least of a few measured times of a rule over some symbols."""
        found = []
        for _ in range(TIMES):
            begun = stopwatch()
            self.runs.trades(rule, names)
            found.append(stopwatch() - begun)
        return max(min(found), 1e-6)

    def trades(self) -> CheckResult:
        """Count the trades."""
        total = self.runs.columns(self.runs.default).statistics()
        figures = {"trades": total.trades, "wins": total.wins, "net": to_rupees(total.net), "charges": to_rupees(total.charges)}
        sentence = (
            f"{counted(total.trades, 'trade')}, {total.wins} with a gain, charges {show_rupees(total.charges)}, "
            f"net {show_rupees(total.net)}."
        )
        if total.trades < FEW:
            sentence += f" With fewer than {FEW} trades the result says little; take more symbols or a longer span."
            return CheckResult(Name.TRADES, Status.WARNING, sentence, figures=figures)
        return CheckResult(Name.TRADES, Status.PASSED, sentence, figures=figures)

    def sensitivity(self) -> CheckResult:
        """Report the result with each parameter one step lower and higher."""
        if not self.runs.strategy.parameters:
            return CheckResult(Name.SENSITIVITY, Status.PASSED, "The rule has no parameters.", figures={"steps": []})
        own = self._own.statistics().net
        rows, lines, turned = [], [], 0
        for item, value, closed in self._near:
            found = closed.statistics()
            turned += (found.net > 0) != (own > 0)
            rows.append({"parameter": item.name, "value": show(value), "trades": found.trades, "net": to_rupees(found.net)})
            lines.append(f"{item.name} {show(value)}: {counted(found.trades, 'trade')}, net {show_rupees(found.net)}")
        sentence = f"As it is, {counted(len(self._own), 'trade')} of {self._sampled}, net {show_rupees(own)}."
        if turned:
            sentence += f" {counted(turned, 'step')} turn{'s' if turned == 1 else ''} a gain into a loss, or a loss into a gain."
        status = Status.WARNING if turned else Status.PASSED
        return CheckResult(Name.SENSITIVITY, status, sentence, tuple(lines), {"steps": rows})

    def luck(self) -> CheckResult:
        """Compare the result with chance."""
        if not len(self._own):
            return CheckResult(Name.LUCK, Status.NOT_MADE, "There is no trade.")
        near = [({item.name: show(value)}, closed) for item, value, closed in self._near]
        chance = luck.chance_of(self.runs, self._own, near)
        found, timing = chance.findings, chance.findings.timing
        lines = [
            f"The best of {counted(chance.tried, 'setting')} without value looks as good in {100 * found.luck:.1f} % of "
            f"{luck.DRAWS} draws.",
        ]
        figures: dict[str, Any] = {"p": found.luck, "tried": chance.tried, "draws": luck.DRAWS, "random_entries": None}
        if timing is not None and timing.possible:
            lines.append(
                f"As many entries on random days, with the same exits, earn as much in {100 * timing.p:.1f} % of "
                f"{luck.DRAWS} draws."
            )
            figures["random_entries"] = timing.p
        low, fall = found.sample.at(0.05)[0], found.sample.at(0.95)[1]
        lines.append(
            f"In one of 20 samples of these trades the net result is below {show_rupees(low)}, and in one of 20 the largest fall "
            f"is above {show_rupees(fall)}."
        )
        figures |= {"low": to_rupees(low), "fall": to_rupees(fall)}
        unsure = found.luck > UNSURE or (timing is not None and timing.possible and timing.p > UNSURE)
        sentence = "The result may be luck." if unsure else "The result is better than most of chance; it is still the past."
        return CheckResult(Name.LUCK, Status.WARNING if unsure else Status.PASSED, sentence, tuple(lines), figures)

    # --- shared

    @cached_property
    def _places(self) -> tuple[int, ...]:
        wanted = set(self.runs.sample)
        return tuple(number for number, name in enumerate(self.runs.request.instruments) if name in wanted)

    @property
    def _few(self) -> tuple[str, ...]:
        """Return the symbols of the runs at the bounds."""
        return self.runs.sample[:BOUNDS_SYMBOLS]

    @property
    def _sampled(self) -> str:
        chosen, every = len(self.runs.sample), len(self.runs.request.instruments)
        return f"{chosen} of the {every} symbols" if chosen < every else counted(every, "symbol")

    @cached_property
    def _own(self) -> ClosedTrades:
        """Return the trades of the sample with the default parameters."""
        return self.runs.columns({number: self.runs.default[number] for number in self._places if number in self.runs.default})

    @cached_property
    def _near(self) -> list[tuple[StrategyParameter, float, ClosedTrades]]:
        """Return the trades of the sample with each parameter one step lower and higher."""
        wanted = [(item, value) for item in self.runs.strategy.parameters for value in steps_of(item)]
        found = []
        for number, (item, value) in enumerate(wanted):
            self.tell(Name.SENSITIVITY, number, len(wanted))
            trades = self.runs.trades(self.runs.with_value(item, value), self.runs.sample)
            found.append((item, value, self.runs.columns(trades)))
        return found


def _compared(report: LookAheadReport) -> str:
    return f"{report.engine} on {counted(report.sessions, 'evening')} ({counted(report.compared, 'comparison')})"
