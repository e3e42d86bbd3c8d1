"""An account with which anything may happen: processes that die, a person who trades by hand, and a watch on the exchange.

Everything is real: the ledger on SQLite, the paper exchange behind its faults, the tasks through the runner. What is wrong is
found in the exchange's own book (`FaultyBroker.truth`) and in the commands on their way to it, never in what we say of
ourselves; each finding is a line in `wrong`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from msgspec.structs import replace
from sqlalchemy import text

from tradectl.context import Context
from tradectl.errors import OrderRefused, TradectlError
from tradectl.exchange.corporate_actions import BEFORE_THE_DAY
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.ticks import round_down
from tradectl.execution import manual_resolution
from tradectl.execution.trading_session import TradingSession
from tradectl.lab.drill.crash_point import CrashPoint, Killed
from tradectl.lab.drill.days import LAST, DrillDay, DrillStep
from tradectl.lab.drill.ledger_check import check_ledger
from tradectl.lab.drill.process import TASKS, USER, Conditions, DrillProcess, play_step
from tradectl.lab.drill.seeds import DrillWorker
from tradectl.lab.faults import Fault, FaultyBroker, Promise, Truth
from tradectl.ledger.executions import Claim
from tradectl.ledger.rows import Intent, Order
from tradectl.ledger.store import Ledger
from tradectl.model.moment import at_ist, ist_date, to_ist
from tradectl.model.order import (
    ALIVE,
    MOVES,
    TERMINAL,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Purpose,
    ReasonCode,
    Side,
    Variety,
)
from tradectl.model.position import shares_after
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner

BUG = 1
DAYS = timedelta(days=8)
"""How long a story may last: the paper exchange tells of the last ten days."""
BELATED = timedelta(minutes=5)
"""Longer than a book lags behind, or a request is on its way."""
ON_ITS_WAY = timedelta(seconds=20)
"""The longest way of a request."""
RESTARTED = timedelta(seconds=60)
"""How long after a death the next process begins."""
READS = frozenset({"orders", "trades", "holdings", "funds", "quotes", "preopen_prices"})
MOVED = """
    CREATE TRIGGER moved AFTER UPDATE OF status ON orders WHEN old.status <> new.status
    BEGIN INSERT INTO moves VALUES (old.id, old.status, new.status); END
"""


class Wire(CrashPoint):
    """The wire of the process that works now. It may also let somebody else do something at its n-th read (`between`)."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self.hear = hear
        self.between: Callable[[], None] | None = None
        self.reads = 0
        self.busy = False

    def arm(self, at: int, *, between: Callable[[], None] | None = None, read: int = 0) -> None:
        self.names.clear()
        self.at, self.between, self.reads = at, between, read

    def __call__(self, name: str) -> None:
        if self.busy:  # with what somebody else does
            return
        self.hear(name)
        super().__call__(name)
        if self.between is None or name not in READS:
            return
        self.reads -= 1
        if self.reads == 0:
            action, self.between, self.busy = self.between, None, True
            try:
                action()
            finally:
                self.busy = False


class Listener:
    """The broker as our processes have it; a command is heard before it is in the network."""

    def __init__(self, broker: FaultyBroker, account: Account) -> None:
        self._broker = broker
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def place(self, request: OrderRequest) -> str:
        self._account.hear_command(f"place {request.tag}", request.side, request.symbol, request.quantity, besides=request.tag)
        return self._broker.place(request)

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        row = next(row for row in self._broker.truth().orders if row.broker_order_id == broker_order_id)
        asked = quantity - row.filled_quantity
        self._account.hear_command(f"modify {broker_order_id}", row.side, row.symbol, asked, besides=broker_order_id)
        self._broker.modify(broker_order_id, quantity=quantity, price=price)


class Account:
    """The account of a stage as it is before `day`, and the process that works on it. `always`: faults that never end."""

    def __init__(
        self,
        stage: DrillWorker,
        day: DrillDay,
        promise: Promise,
        seed: int,
        faults: Collection[Fault] = (),
        always: Collection[Fault] = (),
    ) -> None:
        self.stage, self.promise, self.seed = stage, promise, seed
        self.wrong: list[str] = []
        self.ever: set[Fault] = set()
        self.always = frozenset(always)
        self.begins = day.begins
        self._sold_by_hand: dict[str, list[datetime]] = defaultdict(list)
        self._oversold = 0
        self._drawn = 0
        self.ends = min(at_ist(LAST, _LATE), at_ist(ist_date(self.begins) + DAYS, _LATE))
        steps = [step for item in stage.days[day.number :] for step in _timetable(item)]
        self._steps = [step for step in steps if step.at < self.ends]
        stage.workspace.restore(f"day-{day.number}")
        with stage.workspace.ledger.write() as connection:
            connection.execute(text("CREATE TABLE moves (order_id INTEGER, old TEXT, new TEXT)"))
            connection.execute(text(MOVED))
        self._set_faults(faults, self.begins)
        self._held_before = {item.symbol: item.quantity for item in self.ledger.book.snapshot().positions}

    # -- processes -------------------------------------------------------------------------------------------------------

    def change_faults(self, faults: Collection[Fault]) -> None:
        """A while later, with what was on its way, the world behaves like this, and the next process begins."""
        self._move_to(self.now + BELATED)
        at = self.now
        self.process.end()
        self._set_faults(faults, at)

    def _set_faults(self, faults: Collection[Fault], at: datetime) -> None:
        self.faults = frozenset(faults) | self.always
        self.ever |= self.faults
        self._begin(at)

    def _begin(self, at: datetime) -> None:
        self.wire = Wire(self._hear)
        conditions = Conditions(self.faults, self.promise, self.seed)
        self.process = DrillProcess(self.stage.workspace, self.stage.exchange, conditions, at, crash_point=self.wire)
        self.process.clock.sleep = self._sleep  # type: ignore[method-assign]
        self.process.world = replace(self.process.world, broker=Listener(self.process.broker, self))
        self.process.runner = Runner(self.process.world, all_tasks(), trigger="simulate", owner=self.process.runner.owner)

    def end(self) -> None:
        self.process.end()

    @property
    def ledger(self) -> Ledger:
        return self.process.ledger

    @property
    def broker(self) -> FaultyBroker:
        return self.process.broker

    @property
    def now(self) -> datetime:
        return self.process.clock.now()

    @property
    def today(self) -> date:
        return ist_date(self.now)

    def truth(self) -> Truth:
        return self.broker.truth()

    def _live(self, work: Callable[[], object], at: int = 0, *, between: Callable[[], None] | None = None, read: int = 0) -> None:
        """Do this in the process that works now; it dies at its operation `at`."""
        self.wire.arm(at, between=between, read=read)
        try:
            work()
        except Killed:
            self._restart(RESTARTED)
        else:
            self.wire.arm(0)

    def _restart(self, after: timedelta) -> None:
        self._move_to(self.now + after)
        at = self.now
        self.process.end()
        self._begin(at)

    # -- what may happen -------------------------------------------------------------------------------------------------

    def go_on(self, dies_at: int = 0, *, between: Callable[[], None] | None = None, read: int = 0) -> None:
        """The next step of the timetable, at its time."""
        while self._steps and self._steps[0].closes <= self.now:
            self._steps.pop(0)
        if self._steps:
            step = self._steps.pop(0)
            self._live(lambda: self._play(step), dies_at, between=between, read=read)

    def _play(self, step: DrillStep) -> None:
        self._move_to(max(step.at, self.now))
        report = play_step(self.process, step)
        if report.exit_code == BUG:
            self.wrong.append(f"{step.name} failed: {report.error}")

    def work(self, task: str, dies_at: int = 0, *, force: bool = False, minutes: int = 0) -> None:
        """Run a task now, whatever the time is; a monitor for some minutes."""

        def run() -> None:
            monitor = task == "sell-monitor" and minutes > 0
            until = self.now + timedelta(minutes=minutes) if monitor else None
            report = self.process.runner.run(TASKS[task], force=force, until=until, once=not monitor)
            if report.exit_code == BUG:
                self.wrong.append(f"{task} failed: {report.error}")

        self._live(run, dies_at)

    def wait(self, time: timedelta) -> None:
        self._move_to(max(self.now, min(self.now + time, self.ends)))

    def _sleep(self, seconds: float) -> None:
        self._move_to(self.now + timedelta(seconds=max(0.0, seconds)))

    def _move_to(self, moment: datetime) -> None:
        """What is in the network arrives in its time, though nobody asks for anything meanwhile."""
        if self.broker.in_the_network and moment > self.now + ON_ITS_WAY:
            self.process.clock.move_to(self.now + ON_ITS_WAY)
            self.broker.deliver_all()
        self.process.clock.move_to(max(moment, self.now))

    def sleep_until(self, at: time) -> bool:
        """Until a time of the next session that is run; False where the story ends before."""
        moment = at_ist(self.stage.exchange.sessions.next_run_session(self.today).date, at)
        if moment < self.ends:
            self._move_to(moment)
        return moment < self.ends

    def trade(self, side: Side, symbol: str, quantity: int) -> bool:
        """The owner trades by hand, at the last price; whether the exchange took it."""
        exchange: Any = self.broker.exchange
        quote = exchange.quotes([symbol]).get(symbol)
        if quote is None or not self.trades_now(symbol):
            return False
        price = round_down(quote.last, self._instrument(symbol).tick_size)
        if side is Side.SELL:
            self._sold_by_hand[symbol].append(self.now)
        try:
            exchange.manual_trade(symbol, side, quantity, price)
        except OrderRefused:
            return False
        return True

    def set_state(self, state: str) -> None:
        """`halt`, `halt --reducing` or `resume`, by somebody else."""
        self._person().users.set_trading_state(USER, state, "" if state == "ACTIVE" else "by hand")

    def _person(self) -> Ledger:
        return Ledger(self.stage.workspace.ledger, USER)

    def trading(self) -> TradingSession:
        """Return the trading session of a person, beside the process that works."""
        world = replace(self.process.world, ledger=self._person())
        return Context(world, self.today, "", Claim.none(USER, "person", self.today, "")).trading()

    def reconcile(self) -> None:
        """`reconcile`, by somebody else."""
        with suppress(TradectlError):
            trading_session = self.trading()
            trading_session.reconcile(trading_session.open_of)

    def cancel(self, which: int) -> None:
        """`orders cancel` of one of ours that is not finished."""
        trading_session = self.trading()
        orders = trading_session.snapshot.orders
        if orders:
            with suppress(TradectlError):
                manual_resolution.cancel(trading_session, [orders[which % len(orders)]])

    def resolve(self, which: int) -> None:
        """`orders resolve` by a person who knows the truth, and waits until nothing can be on its way any more."""
        trading_session = self.trading()
        doubts = [order for order in trading_session.snapshot.orders if order.status is OrderStatus.UNKNOWN]
        if not doubts or self.broker.in_the_network:
            return
        with suppress(TradectlError):
            doubt = manual_resolution.check_unresolved(trading_session, doubts[which % len(doubts)].tag)
            if isinstance(doubt, manual_resolution.UnresolvedOrder):
                self._decide(trading_session, doubt)

    def _decide(self, trading_session: TradingSession, doubt: manual_resolution.UnresolvedOrder) -> None:
        truth, order = self.truth(), doubt.order
        row = next((row for row in truth.orders if row.tag == order.tag), None)
        if row is None or (row.status in TERMINAL and not row.filled_quantity):
            manual_resolution.resolve_never_placed(trading_session, doubt)
        elif order.session >= self.today:
            manual_resolution.resolve_joined(trading_session, doubt, row.broker_order_id)
        elif row.status in TERMINAL:
            missing = [trade for trade in truth.trades if trade.broker_order_id == row.broker_order_id]
            if len(missing) == 1 and not order.filled_quantity:  # of several a person could tell the mean price only
                manual_resolution.resolve_filled(trading_session, doubt, row.filled_quantity, missing[0].price)

    def place(self, symbol: str, quantity: int, percent: float, leg: int, dies_at: int = 0) -> None:
        """A buy straight through the order path, some percent from the last price; it takes the duties of `buy` upon itself:
        nothing of its leg has traded, no sell of ours is in its way, and it is not released into a session that is not run."""
        session, variety = self._target()
        intent = self._intent(symbol, quantity, percent, leg, session, variety)
        if intent is None or not self._free(intent):
            return

        def send() -> None:
            claim = self._claim()
            path = Context(self.process.world, self.today, claim.slot, claim).trading().path
            with suppress(TradectlError):
                path.place(intent)
            self.ledger.executions.finish(claim, "completed", {}, now=self.now, steps=1)

        self._live(send, dies_at)

    def _target(self) -> tuple[date, Variety]:
        """The session of an order of now, and how it is sent."""
        session = self.stage.exchange.sessions.session(self.today)
        if session is not None and session.runs:
            phases = session.phases(closing_auction=True)
            if self.now < phases[0].start:
                return self.today, Variety.AMO
            if self.now < phases[-1].end:
                return self.today, Variety.REGULAR
        return self.stage.exchange.sessions.next_run_session(self.today).date, Variety.AMO

    def _intent(self, symbol: str, quantity: int, percent: float, leg: int, session: date, variety: Variety) -> Intent | None:
        quote = self.broker.exchange.quotes([symbol]).get(symbol)
        if quote is None:
            return None
        price = round_down(int(quote.last * (1 + percent / 100)), self._instrument(symbol).tick_size)
        decided = self.stage.exchange.sessions.previous_session(session).date
        key = self._instrument(symbol).instrument_id
        return Intent(
            instrument_id=key,
            symbol=symbol,
            side=Side.BUY,
            purpose=Purpose.ENTRY,
            quantity=quantity,
            price=price,
            session=session,
            decided=decided,
            leg=f"drawn:{leg}",
            variety=variety,
            level=30,
        )

    def _free(self, intent: Intent) -> bool:
        chain = self.ledger.book.intents.chain(intent)
        if any(order.filled_quantity for order in chain):
            return False
        if intent.variety is Variety.AMO:  # at once released into the next session, whether that is run or not
            sessions = self.stage.exchange.sessions
            return intent.session in {self.today, sessions.next_session(self.today).date}
        known = self.ledger.book.snapshot().alive(intent.instrument_id, Side.SELL)
        there = any(row.side is Side.SELL and row.status in ALIVE and row.symbol == intent.symbol for row in self.truth().orders)
        return not (known or there or self.broker.in_the_network)

    def _claim(self) -> Claim:
        self._drawn += 1
        clock = self.process.clock
        claim = self.ledger.executions.claim(
            "drawn",
            self.today,
            str(self._drawn),
            owner=self.process.runner.owner,
            trigger="manual",
            machine_now=clock.machine_now(),
            now=clock.now(),
        )
        assert isinstance(claim, Claim)
        return claim

    # -- the market ------------------------------------------------------------------------------------------------------

    @property
    def symbols(self) -> list[str]:
        market = self.stage.exchange.market
        return [market.instrument(item, self.today).symbol for item in market.universe("demo")]

    def _instrument(self, symbol: str) -> Any:
        market = self.stage.exchange.market
        return market.instrument(market.find(symbol, self.today), self.today)

    def trades_now(self, symbol: str) -> bool:
        """Whether its trading is continuous now."""
        session = self.stage.exchange.sessions.session(self.today)
        phase = session.phase_at(self.now, self._instrument(symbol).closing_auction) if session is not None else None
        return phase is not None and phase.kind is PhaseKind.CONTINUOUS

    @property
    def open(self) -> bool:
        """Whether anything can be traded at once."""
        return self.trades_now(self.symbols[0])

    @property
    def unknown(self) -> int:
        """How many orders the ledger does not know the outcome of."""
        return len(self.ledger.book.snapshot().unknown)

    def held(self) -> dict[str, int]:
        """Shares of the account, whoever bought them."""
        return _held(self.truth())

    def shares(self, truth: Truth) -> dict[str, tuple[int, int]]:
        """Of each symbol the shares that are ours and those that the owner bought by hand, folded from the exchange's trades: a
        sale by hand takes the owner's first, a sale of ours takes ours first."""
        found = {symbol: (quantity, 0) for symbol, quantity in self._held_before.items()}
        tagged = {row.broker_order_id for row in truth.orders if row.tag}
        events: list[tuple[datetime, int, str, Any]] = []
        for number, trade in enumerate(truth.trades):
            if trade.at >= self.begins:
                events.append((trade.at, number, trade.symbol, trade))
        market = self.stage.exchange.market
        for symbol in self.symbols:
            for action in market.actions(market.find(symbol, self.today), ist_date(self.begins), self.today):
                events.append((at_ist(action.ex_date, BEFORE_THE_DAY), -1, symbol, action.ratio))
        for _, number, symbol, item in sorted(events, key=lambda event: event[:2]):
            ours, outside = found.get(symbol, (0, 0))
            if number < 0:
                found[symbol] = shares_after(ours, item), shares_after(outside, item)
            elif item.side is Side.BUY:
                mine = item.broker_order_id in tagged
                found[symbol] = (ours + item.quantity, outside) if mine else (ours, outside + item.quantity)
            elif item.broker_order_id in tagged:
                first = min(ours, item.quantity)
                found[symbol] = ours - first, outside - (item.quantity - first)
            else:
                first = min(outside, item.quantity)
                found[symbol] = ours - (item.quantity - first), outside - first
        return found

    # -- what must never happen ------------------------------------------------------------------------------------------

    def _hear(self, name: str) -> None:
        if name != "commit" and self.stage.workspace.ledger.thread().mode:
            self.wrong.append(f"a transaction was open while the broker was asked: {name}")

    def hear_command(self, name: str, side: Side, symbol: str, quantity: int, besides: str = "") -> None:
        """A command is about to be sent."""
        state = self._person().users.get(USER).trading_state
        if state == "HALTED" or (state == "REDUCING" and side is Side.BUY):
            self.wrong.append(f"{self._moment()} {name}, {side} {quantity} {symbol}, is sent while {state}")
        if side is Side.SELL and not self._sold_lately(symbol, self.now):
            truth = self.truth()
            resting = sum(
                row.quantity - row.filled_quantity
                for row in truth.orders
                if row.side is Side.SELL
                and row.status in ALIVE
                and row.symbol == symbol
                and row.broker_order_id != besides
                and not (row.tag == besides and self.promise.refuses_repeated_tag)
            )
            ours = self.shares(truth).get(symbol, (0, 0))[0]
            if resting + quantity > ours:
                what = f"SELL {quantity} {symbol} is asked, {resting} wait, and {ours} of the account's are ours"
                self.wrong.append(f"{self._moment()} {name}: {what}")

    def _sold_lately(self, symbol: str, moment: datetime) -> bool:
        """A sale by hand that we cannot have heard of yet may cross a sale of ours."""
        return any(at - BELATED <= moment <= at + BELATED for at in self._sold_by_hand[symbol])

    def _moment(self) -> str:
        return f"{to_ist(self.now):%d %b %H:%M:%S}"

    def watch(self) -> None:
        """Look at the exchange after whatever happened."""
        truth = self.truth()
        by_tag = {order.tag: order for order in self.ledger.book.orders()}
        self.wrong += _twice(truth.orders)
        self.wrong += _bought_twice(truth.orders, by_tag)
        self.wrong += _crossing(truth.orders)
        self.wrong += self._bad_moves()
        for line in self.broker.oversold[self._oversold :]:
            moment = at_ist(date.fromisoformat(line[:10]), time.fromisoformat(line[11:19]))
            if not any(f" {symbol} while" in line and self._sold_lately(symbol, moment) for symbol in self._sold_by_hand):
                self.wrong.append(f"more on sale than there is: {line}")
        self._oversold = len(self.broker.oversold)
        exchange: Any = self.broker.exchange
        if exchange.statement().difference:
            self.wrong.append("the exchange's own account does not add up")

    def _bad_moves(self) -> list[str]:
        with self.stage.workspace.ledger.read() as connection:
            moves = connection.execute(text("SELECT DISTINCT order_id, old, new FROM moves")).all()
        return [
            f"order {order_id} went from {old} to {new}"
            for order_id, old, new in moves
            if OrderStatus(new) not in MOVES[OrderStatus(old)]
        ]

    # -- what must be known once everything has calmed down --------------------------------------------------------------

    def settle(self) -> None:
        """The faults end, whatever is on its way arrives, somebody reconciles twice; then compare everything."""
        faults = self.faults
        self.change_faults(())
        for _ in range(2):
            trading_session = self.trading()
            trading_session.reconcile(trading_session.open_of)
            self.wait(timedelta(minutes=1))
        trading_session = self.trading()
        trading_session.reconcile(trading_session.open_of)
        self.compare()
        self.change_faults(faults)

    def compare(self) -> None:
        """The whole account, ours against the exchange's, where nothing lies."""
        truth = self.truth()
        orders = self.ledger.book.orders()
        told = {order.tag for order in orders if order.reason_code is ReasonCode.FILLS_ENTERED}
        told_ids = {row.broker_order_id for row in truth.orders if row.tag in told}
        ours = {symbol: mine for symbol, (mine, _) in self.shares(truth).items()}
        holdings = tuple(
            replace(item, quantity=ours.get(item.symbol, 0), t1_quantity=0) for item in truth.holdings if ours.get(item.symbol, 0)
        )
        trades = tuple(trade for trade in truth.trades if trade.broker_order_id not in told_ids)
        verdict = check_ledger(replace(truth, holdings=holdings, trades=trades), self.ledger)
        by_tag = {order.tag: order for order in orders}
        forgotten = self._forgotten(truth, by_tag)
        self.wrong += verdict.duplicates
        self.wrong += [line for line in verdict.lost if not any(tag in line for tag in forgotten)]
        self.wrong += self._fates(truth, {tag: order for tag, order in by_tag.items() if tag not in forgotten})
        self.wrong += self._trades(replace(truth, trades=trades), by_tag)
        if not verdict.unknown:
            self.wrong += self._money()

    def _forgotten(self, truth: Truth, by_tag: dict[str, Order]) -> set[str]:
        """Tags of orders that ended on an earlier day and had not traded, where the book of today no longer tells: nobody can
        know while their own session lasts, and after it they are UNKNOWN."""
        shown = {row.broker_order_id for row in self.broker.orders()}
        gone = [row for row in truth.orders if row.broker_order_id not in shown and not row.filled_quantity]
        found = {row.tag for row in gone if row.tag in by_tag and row.status in TERMINAL}
        return {tag for tag in found if tag and not by_tag[tag].filled_quantity and by_tag[tag].session >= self.today}

    def _fates(self, truth: Truth, by_tag: dict[str, Order]) -> Iterable[str]:
        shown = {row.broker_order_id for row in self.broker.orders()}
        for row in truth.orders:
            order = by_tag.get(row.tag or "")
            if order is None or (order.status is OrderStatus.UNKNOWN and row.broker_order_id not in shown):
                continue  # `check_ledger` reports the one; what became of the other is nowhere to be read
            if _is_decided(order) and row.broker_order_id not in shown and row.status in TERMINAL and not row.filled_quantity:
                continue  # a person ended an order that the book no longer shows, and that ended without a share
            where = f"order {order.id}, {order.side} {order.symbol} {order.tag}"
            if order.status is OrderStatus.UNKNOWN:
                yield f"{where} is UNKNOWN ({order.reason}), and the broker's book shows it {row.status}"
            elif order.status not in self._same(row):
                yield f"{where} is {order.status} ({order.reason}) in the ledger and {row.status} at the exchange"
            elif row.status in ALIVE and (order.quantity, order.price) != (row.quantity, row.price):
                yield f"{where} is {order.quantity} at {order.price} in the ledger, {row.quantity} at {row.price} at the exchange"
        if self.promise is Promise.LAG:
            tags = {row.tag for row in truth.orders}
            for order in by_tag.values():
                if order.status is OrderStatus.UNKNOWN and order.tag not in tags and order.session >= self.today:
                    yield f"order {order.id} is UNKNOWN ({order.reason}), though its absence is proof by now"

    def _same(self, row: OrderReport) -> set[OrderStatus]:
        """What the ledger may call what the exchange calls so."""
        same = {row.status}
        if row.status is OrderStatus.PENDING:
            same.add(OrderStatus.ONGOING)  # seen as live once; the book never goes back
        if row.status is OrderStatus.CANCELLED and Fault.REJECTED_LATER in self.ever:
            same |= {OrderStatus.REJECTED, OrderStatus.RETRY_PENDING}  # of a buy, for want of funds
        return same

    def _trades(self, truth: Truth, by_tag: dict[str, Order]) -> Iterable[str]:
        """Every trade is in the ledger as it happened, under its order, or as an external one."""
        booked = {row.trade_id: row for row in self.ledger.book.fills()}
        tags = {row.broker_order_id: row.tag for row in truth.orders}
        for trade in truth.trades:
            row, order = booked.get(trade.trade_id), by_tag.get(tags.get(trade.broker_order_id) or "")
            if row is None:
                continue  # `check_ledger` tells, or its order is UNKNOWN
            same = (row.symbol, row.side, row.quantity, row.price, row.at) == (
                trade.symbol, trade.side, trade.quantity, trade.price, trade.at,
            )  # fmt: skip
            if not same:
                yield f"trade {trade.trade_id} is in the ledger as {row.side} {row.quantity} {row.symbol} at {row.price}"
            external = trade.broker_order_id in tags and not tags[trade.broker_order_id]
            if external and not (row.external and row.order_id is None):
                yield f"trade {trade.trade_id}, by hand, counts as one of ours"
            if order is not None and row.order_id != order.id:
                yield f"trade {trade.trade_id} of order {order.id} is booked under {row.order_id}"

    def _money(self) -> Iterable[str]:
        """Charges and P&L, to the paisa; cash was compared."""
        exchange: Any = self.broker.exchange
        statement, book = exchange.statement(), self.ledger.book
        fills = book.fills()
        charges: Counter[date] = Counter()
        for row in fills:
            charges[row.session_date] += row.charges
        theirs: Counter[date] = Counter()
        for (session, _), paise in statement.charges.items():
            theirs[session] += paise
        if charges != theirs:
            yield f"charges: {dict(charges - theirs)} too much, {dict(theirs - charges)} too little in the ledger"
        sign = {Side.BUY: -1, Side.SELL: 1}
        outside = sum(
            sign[Side(row.side)] * (row.quantity - row.booked) * row.price
            - row.charges
            + row.charges * row.booked // row.quantity
            for row in fills
        )
        result = sum(item.realised + item.dividends - item.charges - item.cost for item in book.positions())
        expected = statement.deposits + result + outside
        if expected != statement.cash:
            yield f"P&L: positions and trades by hand make {expected} paise of cash, the exchange has {statement.cash}"


_LATE = time(23, 30)
_HOURS = (time(9, 15), time(10, 15), time(11, 15), time(12, 15), time(13, 15), time(14, 15))


def _timetable(day: DrillDay) -> list[DrillStep]:
    """The steps of a day, with the sell monitor by the hour, so that something may happen in between."""
    others = [step for step in (*day.evening(), *day.morning()) if step.task != "sell-monitor"]
    starts = [at_ist(day.traded, hour) for hour in _HOURS]
    end = at_ist(day.traded, time(15, 30))
    hours = [DrillStep("sell-monitor", day.traded, at, end, until) for at, until in pairwise(starts)]
    hours.append(DrillStep("sell-monitor", day.traded, starts[-1], end))
    return sorted((*others, *hours), key=lambda step: step.at)


def _is_decided(order: Order) -> bool:
    """Return whether a person decided that an order was never placed."""
    ended = order.status is OrderStatus.CANCELLED and not order.filled_quantity
    return ended and order.reason_code is ReasonCode.DECIDED


def _held(truth: Truth) -> dict[str, int]:
    return {item.symbol: item.quantity + item.t1_quantity for item in truth.holdings}


def _twice(reports: Iterable[OrderReport]) -> list[str]:
    counted = Counter(row.tag for row in reports if row.tag)
    return [f"the exchange accepted tag {tag} {times} times" for tag, times in counted.items() if times > 1]


def _bought_twice(reports: Iterable[OrderReport], by_tag: dict[str, Order]) -> list[str]:
    chains: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for row in reports:
        order = by_tag.get(row.tag or "")
        if order is not None and order.side is Side.BUY and (row.status in ALIVE or row.filled_quantity):
            chains[order.session, order.purpose, order.instrument_id, order.leg].add(order.tag)
    return [f"{chain} was bought under {sorted(tags)}" for chain, tags in chains.items() if len(tags) > 1]


def _crossing(reports: Iterable[OrderReport]) -> list[str]:
    """Live orders of ours in one symbol that would trade with each other."""
    buys: dict[str, int] = {}
    sells: dict[str, int] = {}
    for row in reports:
        if row.tag and row.status in ALIVE and row.price:
            if row.side is Side.BUY:
                buys[row.symbol] = max(buys.get(row.symbol, 0), row.price)
            else:
                sells[row.symbol] = min(sells.get(row.symbol, row.price), row.price)
    return [
        f"{symbol}: our buy at {buys[symbol]} and our sell at {sells[symbol]} are both live"
        for symbol in sorted(buys.keys() & sells.keys())
        if buys[symbol] >= sells[symbol]
    ]
