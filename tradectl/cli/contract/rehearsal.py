"""The results of the commands that rehearse: `simulate`, `replay`, `demo`, `drill`, `sandbox`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from tradectl.cli.contract.backtest import ChargesOf, Trade
from tradectl.cli.contract.values import Clock, Count, Day, Detail, Open, Ratio, Rupees, Seconds, Setting, Shares, Side


class SimulatedPosition(TypedDict):
    """A position that is open at the end."""

    symbol: str
    quantity: Shares
    cost: Rupees
    opened: Day


class Trouble(TypedDict):
    """A task of the simulation that did not complete."""

    session: Day
    task: str
    outcome: str
    error: str


class SimulatedUse(TypedDict):
    """A strategy of a simulation: its text, its share of the capital, its trades."""

    hash: str
    share: str
    trades: Count
    winners: Count
    net: Rupees
    open: Count


class SimulateResult(TypedDict):
    """The account at the end of a simulation."""

    sessions: Count
    first: Day
    last: Day
    capital: Rupees
    orders: dict[str, Count]
    fills: Count
    trades: list[Trade]
    open_positions: list[SimulatedPosition]
    cash: Rupees
    equity: Rupees
    realised_pnl: Rupees
    unrealised_pnl: Rupees
    charges: Rupees
    dividends: Rupees
    cash_in_lieu: Rupees
    spun_off: Rupees
    max_drawdown: Ratio
    charges_of: ChargesOf
    reconciled: bool
    differences: list[str]
    troubles: list[Trouble]
    strategies: NotRequired[Annotated[dict[str, SimulatedUse], Detail({"description": "absent if only the shipped rule ran"})]]
    sessions_per_second: float | None
    reason: NotRequired[str]


class ReplayedRun(TypedDict):
    """A run of a task that was recorded, and that a replay runs again."""

    task: str
    slot: str


class ReplayDifference(TypedDict):
    """A row that differs: the columns that differ, or all compared columns of a row that only one side has (null: the other).

    In `commands`: an order, a change or a cancel that only one side sent, or with other terms.
    """

    table: Literal["commands", "decisions", "signals", "orders", "fills", "outbox"]
    key: Open
    recorded: Open | None
    replayed: Open | None


class ReplayResult(TypedDict):
    """A session that was run again, or its bundle (`bundle` with its size; then nothing was run). Amounts are in paise."""

    version: Annotated[str, Detail({"description": "the version that recorded the session"})]
    same_code: bool
    set: dict[str, Setting]
    runs: list[ReplayedRun]
    not_replayed: Annotated[list[str], Detail({"description": "tasks without a recorded run"})]
    gaps: Annotated[list[str], Detail({"description": "what the recording of live prices and replies lacks"})]
    unknown: Annotated[
        dict[str, str], Detail({"description": "by symbol: since when the broker's answers to the replay are not known"})
    ]
    compared: Annotated[dict[str, Count], Detail({"description": "the recorded rows that were compared, by table"})]
    differences: list[ReplayDifference]
    bundle: str | None
    bytes: Count | None
    reason: NotRequired[str]


class TimelineEntry(TypedDict):
    """A task of the shown day."""

    at: Clock
    task: str
    outcome: str
    result: Open


class ShownLine(TypedDict):
    """A line of the log of the shown day."""

    at: Clock
    message: str


class ShownDay(TypedDict):
    """The busiest day of the demo."""

    session: Day
    timeline: list[TimelineEntry]
    log: list[ShownLine]


class DrillResult(TypedDict):
    """The counts of a drill."""

    runs: Count
    kills: Count
    real_kills: Count
    stops: Count
    faults: dict[str, Count]
    duplicates: Count
    lost: Count
    failed: Count
    silent: Count
    unknown: Count
    seeds: Count
    findings: list[str]
    unknown_orders: dict[str, Count]
    seconds: Seconds
    reason: NotRequired[str]


class HandMadeTrade(TypedDict):
    """An order placed by hand at the paper exchange."""

    broker_order_id: str
    symbol: str
    side: Side
    quantity: Shares
    price: Rupees


class AcceptedExchange(TypedDict):
    """The file that is the ledger's paper exchange now."""

    exchange: str
    set_aside: str | None
    new: bool
    orders_ended: NotRequired[Any]
    positions: NotRequired[Any]
    cash: NotRequired[Rupees]


class Served(TypedDict):
    """A sandbox that has ended."""

    url: str
    requests: Count
