"""Anything may happen in any order: tasks, deaths, faults, clock, orders, halts, and a person; and no promise is broken.

`TRADECTL_STATEFUL=2000 python -m pytest tests/lab/drill/test_stateful.py -n 0` looks for as many new stories as it says, each
twice as long; without it the same few are told again each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import time, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.lab.drill.account import Account
from tradectl.lab.drill.process import TASKS
from tradectl.lab.drill.seeds import DrillWorker
from tradectl.lab.faults import ENDED_BY_BROKER, HIDDEN_FROM_THE_BOOK, Fault, Promise
from tradectl.model.order import Side

SOME, MANY, STEPS = 15, 100, 24
SOUGHT = int(os.environ.get("TRADECTL_STATEFUL", "0"))
USED = range(5, 14)
"""Days on which something is held or bought, with some left after them."""

deaths = st.one_of(st.just(0), st.integers(1, 60))
FAULTS = [fault for fault in Fault if fault not in {Fault.NONE, Fault.BOOK_EMPTIED, *ENDED_BY_BROKER}]
sets_of_faults = st.one_of(st.frozensets(st.sampled_from(FAULTS), min_size=1, max_size=3), st.just(frozenset()))
numbers = st.integers(0, 9)
HIDES = frozenset({Fault.BOOK_EMPTIED})
"""Under it nobody trades by hand here: a trade by hand is known to nobody once the book of its own day is gone unread."""


def kept(faults: frozenset[Fault], promise: Promise) -> frozenset[Fault]:
    """A broker that promises a lag keeps to it. A refusal that is a lie is not played where the book hides the order."""
    if faults & HIDDEN_FROM_THE_BOOK:
        faults -= {Fault.DOCUMENTED_REFUSAL}
    return faults - {Fault.SLOWER_BOOK} if promise is Promise.LAG else faults


class AnyStory(RuleBasedStateMachine):
    """An account, and whatever may happen to it."""

    def __init__(self, stage: DrillWorker) -> None:
        super().__init__()
        self.stage = stage
        self.account: Account | None = None

    @initialize(
        day=st.sampled_from(USED),
        promise=st.sampled_from(Promise),
        seed=st.integers(0, 999),
        faults=sets_of_faults,
        steps=st.integers(0, 8),
        forgets=st.booleans(),
    )
    def begin(self, day: int, promise: Promise, seed: int, faults: frozenset[Fault], steps: int, forgets: bool) -> None:
        always = {Fault.BOOK_EMPTIED} if forgets else set()
        self.account = Account(self.stage, self.stage.days[day], promise, seed, kept(faults, promise), always)
        for _ in range(steps):
            self.account.go_on()

    def teardown(self) -> None:
        if self.account is not None:
            if not self.account.wrong:  # the story is not over before everything has calmed down
                self.account.settle()
            self.account.end()
            assert not self.account.wrong, "\n".join(self.account.wrong)

    @rule(dies_at=deaths)
    def the_day_goes_on(self, dies_at: int) -> None:
        self.account.go_on(dies_at)

    @precondition(lambda self: self.account.unknown)
    @rule(which=numbers)
    def a_person_decides(self, which: int) -> None:
        self.account.resolve(which)

    @rule()
    def an_undisturbed_step(self) -> None:
        self.account.go_on()

    @rule(read=st.integers(1, 12), what=st.sampled_from(["halt", "reduce", "reconcile", "cancel", "sell"]), which=numbers)
    def somebody_comes_in_between(self, read: int, what: str, which: int) -> None:
        account = self.account
        actions: dict[str, Callable[[], object]] = {
            "halt": partial(account.set_state, "HALTED"),
            "reduce": partial(account.set_state, "REDUCING"),
            "reconcile": account.reconcile,
            "cancel": partial(account.cancel, which),
            "sell": partial(self._sell, which, 0.5),
        }
        account.go_on(between=actions[what], read=read)

    @rule(task=st.sampled_from(sorted(TASKS)), dies_at=deaths, force=st.booleans(), minutes=st.sampled_from([0, 45, 120]))
    def a_task_at_any_time(self, task: str, dies_at: int, force: bool, minutes: int) -> None:
        self.account.work(task, dies_at, force=force, minutes=minutes)

    @rule(seconds=st.sampled_from([1, 20, 300, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.account.wait(timedelta(seconds=seconds))

    @rule(at=st.sampled_from([time(8, 0), time(9, 4), time(9, 30), time(12, 0)]))
    def the_night_passes(self, at: time) -> None:
        self.account.sleep_until(at)

    @precondition(lambda self: self.account.open and not self.account.faults & HIDES)
    @rule(which=numbers, quantity=st.sampled_from([1, 7, 40]))
    def the_owner_buys_by_hand(self, which: int, quantity: int) -> None:
        held = sorted(self.account.held())
        symbols = [*held, *self.account.symbols]
        self.account.trade(Side.BUY, symbols[which % len(symbols)], quantity)

    @precondition(lambda self: self.account.open and not self.account.faults & HIDES)
    @rule(which=numbers, part=st.sampled_from([0.1, 0.5, 1.0]))
    def the_owner_sells_by_hand(self, which: int, part: float) -> None:
        self._sell(which, part)

    def _sell(self, which: int, part: float) -> None:
        held = sorted(self.account.held().items())
        if held and not self.account.faults & HIDES:
            symbol, quantity = held[which % len(held)]
            self.account.trade(Side.SELL, symbol, max(1, int(quantity * part)))

    @rule(state=st.sampled_from(["ACTIVE", "ACTIVE", "REDUCING", "HALTED"]))
    def the_trading_state_is_set(self, state: str) -> None:
        self.account.set_state(state)

    @rule(faults=sets_of_faults)
    def the_faults_change(self, faults: frozenset[Fault]) -> None:
        self.account.change_faults(kept(faults, self.account.promise))

    @rule(
        which=numbers,
        quantity=st.sampled_from([1, 20, 60, 300]),
        percent=st.sampled_from([-15.0, -3.0, -0.5, 0.0, 0.5, 3.0]),
        leg=st.integers(1, 2),
        dies_at=st.integers(0, 9),
    )
    def an_order_is_placed(self, which: int, quantity: int, percent: float, leg: int, dies_at: int) -> None:
        symbols = [*sorted(self.account.held()), *self.account.symbols]
        self.account.place(symbols[which % len(symbols)], quantity, percent, leg, dies_at)

    @rule(which=numbers)
    def a_person_cancels(self, which: int) -> None:
        self.account.cancel(which)

    @rule()
    def a_person_reconciles(self) -> None:
        self.account.reconcile()

    @rule()
    def everything_calms_down(self) -> None:
        self.account.settle()

    @precondition(lambda self: self.account is not None)
    @invariant()
    def no_promise_is_broken(self) -> None:
        self.account.watch()
        assert not self.account.wrong, "\n".join(self.account.wrong)


@pytest.mark.parametrize("stories", [SOME, pytest.param(MANY, marks=pytest.mark.slow)])
def test_no_story_breaks_a_promise(stage: DrillWorker, stories: int) -> None:
    run_state_machine_as_test(
        partial(AnyStory, stage),
        settings=settings(
            max_examples=SOUGHT or stories,
            stateful_step_count=2 * STEPS if SOUGHT else STEPS,
            derandomize=not SOUGHT,
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
