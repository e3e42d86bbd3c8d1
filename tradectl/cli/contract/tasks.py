"""The results of the tasks of the day, of `run-due` and of the daemon."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from tradectl.cli.contract.values import Count, Day, Detail, Moment, Open, Ratio, Rupees, Seconds, Shares, Side
from tradectl.execution.unprotected_positions import Cause


class UnsentCommand(TypedDict):
    """A command to the broker that a dry run did not send."""

    command: Literal["place", "keep for the morning", "modify", "cancel"]
    side: Side
    symbol: str
    purpose: str
    quantity: Shares
    price: Rupees


class Exposed(TypedDict):
    """A position without a live sell order, with its cause."""

    symbol: str
    shares: Shares
    quantity: Shares
    cause: Cause
    detail: str
    grave: Annotated[bool, Detail({"description": "whether a person must act"})]
    since: Moment
    as_of: NotRequired[Moment]
    age: NotRequired[Seconds]
    text: NotRequired[str]


class TaskResult(TypedDict):
    """The keys that the result of every task may have."""

    reason: NotRequired[Annotated[str, Detail({"description": "why the task did nothing or failed; absent if it completed"})]]
    dry_run: NotRequired[Annotated[bool, Detail({"description": "true: nothing was sent or written"})]]
    would_send: NotRequired[list[UnsentCommand]]
    odd_rows: NotRequired[Any]
    unprotected: NotRequired[list[Exposed]]


class FetchedKind(TypedDict):
    """What `prices` did for one kind of market data."""

    as_of: Annotated[Day | None, Detail({"description": "the date of what is stored; null if nothing is"})]
    new: Count
    note: str


class PricesResult(TaskResult):
    """The kinds of market data that prices fetched."""

    through: NotRequired[Annotated[Day, Detail({"description": "the last session that has ended"})]]
    kinds: NotRequired[dict[str, FetchedKind]]
    due: NotRequired[Annotated[list[str], Detail({"description": "with --dry-run: the kinds that would be fetched"})]]


class RetryResult(TaskResult):
    """The counts of premarket-retry."""

    retried: NotRequired[Count]
    placed: NotRequired[Count]
    failed: NotRequired[Count]
    skipped: NotRequired[Count]
    cancelled: NotRequired[Count]


class AdjustResult(TaskResult):
    """The counts of amo-adjust."""

    total: NotRequired[Count]
    adjusted: NotRequired[Count]
    unchanged: NotRequired[Count]
    price_unavailable: NotRequired[Count]
    modification_failed: NotRequired[Count]
    cancelled: NotRequired[Count]
    placed: NotRequired[Count]
    skipped: NotRequired[Count]
    failed: NotRequired[Count]


class FirstStep(TypedDict):
    """The first step of the sell monitor in a session."""

    reconciled: Count
    placed: Count
    subscribed: Count
    warmed: Count
    stale: Count
    stops: NotRequired[Annotated[Count, Detail({"description": "positions with a stop, which protects only while it runs"})]]
    stream: Any


class SellResult(TaskResult):
    """The counts of sell-monitor, over all its steps."""

    first_step: NotRequired[FirstStep]
    placed: NotRequired[Count]
    checked: NotRequired[Count]
    updated: NotRequired[Count]
    executed: NotRequired[Count]
    rejected: NotRequired[Count]
    cancelled: NotRequired[Count]
    closed: NotRequired[Count]


class MonitoredPosition(TypedDict):
    """A position, as position-monitor saw it."""

    symbol: str
    quantity: Shares
    cost: Rupees
    last: Rupees
    rsi10: float
    ema9: Annotated[float, Detail({"description": "an indicator, in rupees"})]
    distance_to_target: Ratio | None
    unrealised_pnl: Rupees
    recommendation: Literal["HOLD", "REENTER", "EXIT"]
    reason: str


class MonitorResult(TaskResult):
    """The result of position-monitor."""

    positions: NotRequired[list[MonitoredPosition]]
    hold: NotRequired[Count]
    reenter: NotRequired[Count]
    exit: NotRequired[Count]
    price_unavailable: NotRequired[Count]


class StrategyAnalysis(TypedDict):
    """The counts of one strategy. `trouble`: why it buys nothing; empty if it scanned."""

    scanned: Count
    excluded: Count
    avoid: Count
    watch: Count
    buy: Count
    strong_buy: Count
    by_rule: dict[str, dict[str, Count]]
    hash: Annotated[str, Detail({"description": "the first 12 digits of the hash of its file; empty for ema9-reversion"})]
    trouble: str


class AnalyzeResult(TaskResult):
    """The counts of analyze."""

    scanned: NotRequired[Count]
    excluded: NotRequired[Count]
    avoid: NotRequired[Count]
    watch: NotRequired[Count]
    buy: NotRequired[Count]
    strong_buy: NotRequired[Count]
    by_rule: NotRequired[dict[str, dict[str, Count]]]
    strategies: NotRequired[
        Annotated[dict[str, StrategyAnalysis], Detail({"description": "absent if only ema9-reversion is used"})]
    ]
    for_session: NotRequired[Day]
    data: NotRequired[Literal["final", "provisional", "stale"]]
    surveillance: NotRequired[str]
    panel_renewed: NotRequired[Any]
    older_gaps: NotRequired[Annotated[str, Detail({"description": "older sessions without bars, which the scores leave out"})]]


class BuyResult(TaskResult):
    """The counts of buy."""

    for_session: NotRequired[Day]
    placed: NotRequired[Count]
    skipped_duplicate: NotRequired[Count]
    skipped_limit: NotRequired[Count]
    skipped_data: NotRequired[Count]
    skipped_quantity: NotRequired[Count]
    skipped_funds: NotRequired[Count]
    skipped_approval: NotRequired[Count]
    skipped_surveillance: NotRequired[Count]
    waiting: NotRequired[Annotated[Count, Detail({"description": "buys that wait for the morning"})]]
    waits_for_approval: NotRequired[Annotated[Count, Detail({"description": "buys in the list that waits for a paired phone"})]]
    list: NotRequired[Annotated[str, Detail({"description": "the name of the list for /approve and /reject"})]]
    approval_until: NotRequired[Moment]
    refused: NotRequired[Count]
    unknown: NotRequired[Count]


class EodResult(TaskResult):
    """The result of eod."""

    mismatches: NotRequired[Count]
    external_trades: NotRequired[Count]
    realised_pnl: NotRequired[Rupees]
    charges: NotRequired[Rupees]
    closed: NotRequired[Count]
    trades: NotRequired[Count]
    unrealised_pnl: NotRequired[Rupees]
    cash: NotRequired[Rupees]
    equity: NotRequired[Rupees | None]
    open_positions: NotRequired[Count]
    signals_expired: NotRequired[Count]
    orders_ended: NotRequired[Count]
    unknown: NotRequired[Count]


class TaskReport(TypedDict):
    """The report of one task that run-due ran."""

    task: str
    session: Day | None
    slot: str
    outcome: str
    exit_code: int
    result: Open
    error: str
    message: str
    missed: list[str]
    refused: Count
    unprotected: list[str]
    warnings: list[str]


class DueResult(TypedDict):
    """The reports of the tasks that were due."""

    reports: list[TaskReport]
    reason: NotRequired[str]


class Stopped(TypedDict):
    """The signal that ended the daemon; null after a problem of the home, or if another daemon runs (`running`)."""

    signal: int | None
    running: NotRequired[Annotated[str, Detail({"description": "the daemon that runs already"})]]
    reason: NotRequired[str]
