"""The results of the commands that trade, supervise and show the account."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from tradectl.cli.contract.accounts import NoteText
from tradectl.cli.contract.values import (
    Clock,
    Count,
    Day,
    Detail,
    Mode,
    Moment,
    Open,
    Ratio,
    Rupees,
    Seconds,
    Setting,
    Shares,
    Side,
    TradingState,
)
from tradectl.doctor.finding import State
from tradectl.execution.manual_resolution import CancelOutcome
from tradectl.execution.unprotected_positions import Cause
from tradectl.ledger import schema


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
    distance_to_target: Ratio
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


class AnalyzeResult(TaskResult):
    """The counts of analyze."""

    scanned: NotRequired[Count]
    excluded: NotRequired[Count]
    avoid: NotRequired[Count]
    watch: NotRequired[Count]
    buy: NotRequired[Count]
    strong_buy: NotRequired[Count]
    by_rule: NotRequired[dict[str, dict[str, Count]]]
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
    quantity: Shares
    average: Rupees
    last: Rupees | None
    last_at: Annotated[Moment | None, Detail({"description": "the time of the price; null before position-monitor ran"})]
    target: Annotated[Rupees | None, Detail({"description": "the limit of the live sell order"})]
    distance: Annotated[float | None, Detail({"description": "from the last price to the target; 0.0123 is 1.23 %"})]
    pnl: Annotated[Rupees | None, Detail({"description": "if sold at the last price, after charges"})]
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


class OrderRow(TypedDict):
    """An order of the ledger."""

    notes: NotRequired[Annotated[list[NoteText], Detail({"description": "the notes on it, in the lists of orders"})]]


class ExecutionRow(TypedDict):
    """A run of a task."""


class StatisticsRow(TypedDict):
    """The account at the end of a session."""


class FillRow(TypedDict):
    """A fill of an order."""


class OrderWithFills(TypedDict):
    """An order of the ledger with its fills."""

    fills: list[Annotated[FillRow, schema.fills]]
    notes: NotRequired[list[NoteText]]


class CancelledOrder(TypedDict):
    """An order and what became of its cancel."""

    fills: list[Annotated[FillRow, schema.fills]]
    notes: NotRequired[list[NoteText]]
    cancel: CancelOutcome
    cancel_reason: str


class CancelResult(TypedDict):
    """The orders that were to be cancelled."""

    orders: list[Annotated[CancelledOrder, schema.orders]]
    trading_state: TradingState
    reason: NotRequired[str]


class Candidate(TypedDict):
    """An order of the broker that may be ours."""

    broker_order_id: str
    quantity: Shares
    price: Rupees
    status: str
    filled_quantity: Shares
    placed_at: Moment | None


class KnownOfOrder(TypedDict):
    """What is known of an order of unknown outcome."""

    sending_at: Moment | None
    sender: str | None
    may_be_sending: bool
    sender_elsewhere: bool
    absent_since: Moment | None
    visibility_lag: float | None
    promise: str
    candidates: list[Candidate]


class ResolveResult(TypedDict):
    """An order, and what is known of it while its outcome is unknown."""

    order: Annotated[OrderWithFills, schema.orders]
    known: KnownOfOrder | None


class HaltResult(TypedDict):
    """The trading state that `halt` or `resume` set."""

    user: str
    home: str
    trading_state: TradingState
    state_reason: str
    before: TradingState
    changed: bool
    live_orders: Count | None
    waiting_orders: Count | None
    being_sent: Count | None
    marker: str
    marker_error: str
    ledger: TradingState | None
    ledger_error: str
    settings_error: NotRequired[str]
    cancelled: NotRequired[list[Annotated[CancelledOrder, schema.orders]] | None]
    reason: NotRequired[str]


class LoginResult(TypedDict):
    """The session at the broker."""

    broker: str
    logged_in_at: Moment
    expires_at: Moment
    seen_ip: str | None
    new: bool


class Changed(TypedDict):
    """How many rows of the ledger followed the broker."""

    trades: Count
    executed: Count
    rejected: Count
    postponed: Count
    cancelled: Count
    adopted: Count
    counted: Count
    external: Count
    adjusted: Count
    reopened: Count
    doubted: Count


class OurOrder(TypedDict):
    """An order by the ledger."""

    id: int
    tag: str
    broker_order_id: str | None
    side: Side
    quantity: Shares
    filled_quantity: Shares
    price: Rupees
    status: str
    reason: str
    session_date: Day


class UnknownOrder(OurOrder):
    """An order of unknown outcome."""

    symbol: str
    sending_at: Moment | None
    may_be_sending: bool


class BrokersOrder(TypedDict):
    """An order by the broker."""

    broker_order_id: str
    tag: str | None
    symbol: str
    side: Side
    quantity: Shares
    filled_quantity: Shares
    price: Rupees
    status: str
    reason: str
    placed_at: Moment | None


class DifferingOrder(TypedDict):
    """An order that differs between ledger and broker."""

    symbol: str
    why: str
    ours: OurOrder | None
    broker: BrokersOrder | None


class DifferingShares(TypedDict):
    """A symbol with another number of shares at the broker."""

    symbol: str
    book: Shares
    broker: Shares
    own: Shares
    beyond: Shares
    differs: bool
    why: str


class CashDifference(TypedDict):
    """The cash by the fills and by the broker."""

    book: Rupees
    broker: Rupees
    difference: Rupees


class OddRow(TypedDict):
    """A row of the broker that cannot be read."""

    symbol: str | None
    kind: str
    field: str
    value: Any
    broker_order_id: str | None
    stops: bool


class ReconcileResult(TypedDict):
    """The comparison of the ledger with the broker."""

    changed: Changed
    orders: list[DifferingOrder]
    shares: list[DifferingShares]
    cash: CashDifference
    unknown: list[UnknownOrder]
    external: list[BrokersOrder]
    odd_rows: list[OddRow]
    agrees: bool
    reason: NotRequired[str]


class JournalEntry(TypedDict):
    """An entry of the journal: who changed which row of which table, and the changed columns."""

    entry: Count
    at: Moment
    actor: Annotated[str, Detail({"description": "the operating system's user and the command"})]
    user: str
    record: Annotated[str, Detail({"description": "the table of the ledger"})]
    key: str
    change: Literal["insert", "update", "delete", "found"]
    values: Annotated[Open, Detail({"description": "the columns that changed; of a new or removed row all that are not empty"})]
    hash: str


class JournalFinding(TypedDict):
    """A difference that a check of the journal found. `entry`: null if it is about a row or a head."""

    entry: int | None
    text: str


class JournalCheck(TypedDict):
    """A check of the journal, and its head, which the daily message shows too."""

    entries: Count
    rows: Annotated[int, Detail({"minimum": 0, "description": "rows of the ledger that were compared"})]
    head: Annotated[str | None, Detail({"description": "number and first 32 digits of the hash of the last entry"})]
    findings: list[JournalFinding]
    intact: bool
    reason: NotRequired[str]


class CopiedFile(TypedDict("_From", {"from": str})):
    """A file of a backup."""

    name: str
    bytes: Count
    sha256: str


class LeftOut(TypedDict):
    """A folder that a backup leaves out."""

    path: str
    bytes: Count


class BackupResult(TypedDict):
    """A backup."""

    folder: str
    files: list[CopiedFile]
    left_out: dict[str, LeftOut]
    removed: list[str]
    seconds: Seconds


class LastDecision(TypedDict):
    """The last decision of position-monitor."""

    at: Moment
    slot: str
    verdict: str
    reason: str
    inputs: Open


class PositionExtra(TypedDict):
    """A position of the ledger; see docs/reference/glossary.md for the columns."""

    average: Rupees | None
    net: Rupees
    unprotected: Exposed | None
    monitor: LastDecision | None


class SignalExtra(TypedDict):
    """A signal of the strategy."""

    reason: str | None


class LogRow(TypedDict):
    """A line of the log."""


class DecisionExtra(TypedDict):
    """A decision with its rule and inputs."""

    user: str


class DoctorFinding(TypedDict):
    """The result of one check."""

    check: str
    state: State
    text: str
    exit_code: int


class ScheduleEntry(TypedDict):
    """The timetable of a task."""

    task: str
    times: list[Clock]
    until: str
    every: int | None
    enabled: bool


class SettingEntry(TypedDict):
    """A setting with its default, unit and bounds."""

    key: str
    value: Setting
    default: Setting
    changed: bool
    unit: str
    bounds: str
    meaning: str


class SetResult(TypedDict):
    """The new value of a setting."""

    key: str
    value: Setting


class UnsetResult(TypedDict):
    """A setting that has its default again."""

    key: str
    changed: bool


class UserEntry(TypedDict):
    """A user of the ledger."""

    user: str
    role: Literal["admin", "user"]
    trading_state: TradingState
    state_reason: str
    capital: Rupees
    created_at: Moment


class NewUser(TypedDict):
    """The user that was added."""

    user: str
    role: Literal["admin", "user"]


class BrokerEntry(TypedDict):
    """A broker and its capabilities."""

    broker: str
    amo: bool
    tag_length: int
    refuses_repeated_tag: bool
    tag_survives_modify: bool
    filled_in_book: bool
    max_modifications: int | None


class StoredCredentials(TypedDict):
    """The credentials of a broker: names, never values."""

    broker: str
    kept: list[str]
    missing: list[str]


class BrokerStatus(TypedDict):
    """The session at the broker, and whether live orders are armed."""

    broker: str
    missing: list[str]
    logged_in: bool
    expires_at: Moment | None
    seen_ip: str | None
    armed_since: Moment | None
    token: str | None


class ChargeComparison(TypedDict):
    """A line of charges by the broker and by our table."""

    broker_order_id: str
    symbol: str
    line: str
    broker: Rupees
    ours: Rupees
    equal: bool
    differs_by: Rupees


class ChargeTable(TypedDict):
    """A table of charges with today's own rates of the broker."""

    table: str
    title: str
    own: bool
    counts: bool
    delivery_percent: float | None
    delivery_least: Rupees | None
    intraday_percent: float | None
    dp: Rupees | None
    dp_percent: float | None


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


class ServedPage(TypedDict):
    """The page for a browser, which has ended. `signal`: the number of the signal that ended it."""

    url: str
    requests: Count
    signal: int | None


class Served(TypedDict):
    """A sandbox that has ended."""

    url: str
    requests: Count
