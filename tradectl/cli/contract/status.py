"""The result of `status`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from tradectl.cli.contract.operation import ExecutionRow
from tradectl.cli.contract.orders import OrderRow
from tradectl.cli.contract.tasks import Exposed
from tradectl.cli.contract.values import Count, Day, Detail, Mode, Moment, Open, Rupees, Shares, TradingState
from tradectl.ledger import schema


class Marker(TypedDict):
    """The halt marker of the home."""

    state: TradingState | None
    reason: str
    since: str


class StoppedWriter(TypedDict):
    """The stopped process that holds the ledger's lock."""

    pid: int
    command: str
    told: str


class SessionState(TypedDict):
    """Today at the exchange."""

    date: Day
    kind: str | None
    runs: bool
    why_closed: str
    next_run: Day | None
    provisional: str
    year_missing: str
    year_urgent: Annotated[bool, Detail({"description": "whether the missing year is one for an error"})]


class SlotState(TypedDict):
    """A slot of today."""

    task: str
    slot: str
    opens: Moment
    closes: Moment
    state: Literal["completed", "failed", "missed", "running", "due", "later", "earlier", "disabled", "blocked"]
    steps: Count
    result: Open
    error: str


class Service(TypedDict):
    """A service that starts tasks."""

    service: str
    running: bool
    beat_at: Moment
    owner: str


class OddRows(TypedDict):
    """The broker's unreadable rows of a symbol."""

    symbol: str | None
    stops: bool
    text: str
    rows: Any


class HeldPosition(TypedDict):
    """An open position at its last known price."""

    symbol: str
    strategy: str
    quantity: Shares
    average: Rupees
    last: Rupees | None
    last_at: Annotated[Moment | None, Detail({"description": "the time of the price: a monitor saw it, or it is a stored close"})]
    target: Annotated[Rupees | None, Detail({"description": "the limit of the live sell order"})]
    distance: Annotated[float | None, Detail({"description": "from the last price to the target; 0.0123 is 1.23 %"})]
    pnl: Annotated[Rupees | None, Detail({"description": "if sold at the last price, after charges"})]
    stop: Annotated[Rupees | None, Detail({"description": "the stop of an own strategy today, watched by sell-monitor"})]
    stop_note: Annotated[str, Detail({"description": "what the stop means now"})]
    protected: bool
    why_not: str


class TodaysDecision(TypedDict):
    """A decision of today."""

    at: Moment
    task: str
    slot: str
    symbol: str
    verdict: str
    reason: str


class TodaysDecisions(TypedDict):
    """The newest decisions of today that changed or proposed something, and counts of the others by verdict."""

    listed: list[TodaysDecision]
    counted: dict[str, Count]


class NextSlot(TypedDict):
    """A slot that opens next."""

    task: str
    slot: str
    at: Moment


class DataAge(TypedDict):
    """The age of one kind of market data, in sessions."""

    kind: str
    as_of: Day | None
    age: Count | None
    fetched_at: Moment | None
    source: str | None


class Disk(TypedDict):
    """The free space at the home."""

    home: str
    free_bytes: Count


class LastBackup(TypedDict):
    """The last backup of the ledger."""

    at: Moment
    days: Count


class WaitingApproval(TypedDict):
    """A list of buys that waits for the operator's answer by phone."""

    list: str
    for_session: Day
    buys: Count
    amount: Rupees
    until: Moment
    without_answer: Literal["off", "send", "skip"]
    text: str


class StatusResult(TypedDict):
    """The state of the account and the day. Without a readable ledger only `trading_state` and `markers` are there."""

    trading_state: TradingState | None
    markers: NotRequired[dict[str, Marker]]
    reason: NotRequired[str]
    unprotected: NotRequired[list[Exposed]]
    mode: NotRequired[Mode]
    broker: NotRequired[str | None]
    armed_since: NotRequired[Moment | None]
    logged_in_until: NotRequired[Moment | None]
    clock: NotRequired[Literal["system", "virtual"]]
    now: NotRequired[Moment]
    state_reason: NotRequired[str]
    state_until: NotRequired[Day | None]
    marker: NotRequired[Marker]
    ledger_state: NotRequired[TradingState]
    stopped_writer: NotRequired[StoppedWriter | None]
    session: NotRequired[SessionState]
    agenda: NotRequired[list[SlotState]]
    services: NotRequired[list[Service]]
    undelivered: NotRequired[Count]
    clock_jump: NotRequired[str]
    odd_rows: NotRequired[list[OddRows]]
    open_positions: NotRequired[Count]
    live_orders: NotRequired[Count]
    waiting_orders: NotRequired[Count]
    unknown_orders: NotRequired[list[Annotated[OrderRow, schema.orders]]]
    missed: NotRequired[list[str]]
    last_analysis: NotRequired[Annotated[ExecutionRow, schema.task_executions] | None]
    statistics: NotRequired[Annotated[StatisticsRow, schema.daily_stats] | None]
    login_needed_for: NotRequired[str]
    positions: NotRequired[list[HeldPosition]]
    decisions: NotRequired[TodaysDecisions]
    next_slots: NotRequired[list[NextSlot]]
    data: NotRequired[list[DataAge]]
    approval: NotRequired[WaitingApproval | None]
    problems: NotRequired[list[str]]
    disk: NotRequired[Disk]
    last_backup: NotRequired[LastBackup | None]


class StatisticsRow(TypedDict):
    """The account at the end of a session."""
