"""The results of the commands about market data and research."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from tradectl.cli.contract.values import Clock, Count, Day, Detail, Open, Percent, Ratio, Rupees, Seconds, Setting, Shares


class ImportedFile(TypedDict):
    """A file and what it changed."""

    file: str
    kind: str
    rows: Count
    new: Count
    same: Count
    replaced: Count
    removed: Count
    kept: Count
    skipped: dict[str, Count]


class RefusedFile(TypedDict):
    """A file that was not imported."""

    file: str
    reason: str


class ImportResult(TypedDict):
    """The files of an import."""

    files: list[ImportedFile]
    changed: bool
    generation: int
    refused: list[RefusedFile]
    ignored: list[str]
    reason: NotRequired[str]


class MissingFile(TypedDict):
    """A file that could not be fetched."""

    name: str
    reason: str
    pending: bool


class FetchResult(TypedDict):
    """The files that a source returned."""

    source: str
    sessions: list[Day]
    files: list[ImportedFile]
    missing: list[MissingFile]
    reason: NotRequired[str]


class StoredList(TypedDict):
    """A dated list that is stored."""

    source: str
    dated: str
    instruments: Count


class StoredSurveillance(TypedDict):
    """The newest surveillance list of a measure."""

    measure: str
    dated: Day
    securities: Count
    lists: Count
    age: Annotated[int, Detail({"description": "days"})]


class PanelSummary(TypedDict):
    """The panel that is derived from the stored bars."""

    sessions: Count
    instruments: Count
    free_columns: Count
    bars: Count
    bytes: Count
    current: bool


class InventoryResult(TypedDict):
    """The stored market data."""

    bars: Count
    provisional_bars: Count
    symbols: Count
    first_session: Day | None
    last_session: Day | None
    sessions: Count
    derived_sessions: Count
    lists: dict[str, Count]
    securities: Count
    actions: Count
    renames: Count
    minute_symbols: Count
    minute_days: Count
    dumps: list[StoredList]
    underlyings: list[StoredList]
    surveillance: list[StoredSurveillance]
    files: Count
    generation: int
    panel: PanelSummary | None


class DataFinding(TypedDict):
    """The result of one check of the market data."""

    kind: str
    severity: Literal["error", "warning", "note"]
    count: Count
    examples: list[str]


class CalendarDay(TypedDict):
    """A date of your own calendar."""

    date: Day
    kind: str
    runs: bool
    name: str
    open: Clock | None
    close: Clock | None


class CoveredYear(TypedDict):
    """A year whose list of holidays is stored."""

    year: int
    source: str


class Phase(TypedDict):
    """A phase of the trading day."""

    since: Day
    stocks: str
    phase: str
    open: Clock | None
    close: Clock | None
    may_end_from: Clock | None
    source: str
    source_seen: bool
    own: bool
    in_force_since: NotRequired[Day]


class CalendarResult(TypedDict):
    """Your own changes of the calendar."""

    days: list[CalendarDay]
    years: list[CoveredYear]
    phases: list[Phase]


class PhasesResult(TypedDict):
    """Phases of the trading day."""

    phases: list[Phase]


class AddedDay(TypedDict):
    """A date or a year that was added."""

    kind: str
    date: NotRequired[Day]
    runs: NotRequired[bool]
    year: NotRequired[int]


class RemovedDay(TypedDict):
    """A date or a year that has the shipped values again."""

    date: str


class HolidayResult(TypedDict):
    """A list of holidays that was added."""

    year: int
    new_year: bool
    added: dict[str, str]
    muhurat: Annotated[dict[str, str], Detail({"description": "Muhurat sessions whose hours are not known yet, by date"})]
    kept: list[Day]
    extra: list[Day]
    past: Annotated[list[Day], Detail({"description": "past dates that the list has closed and the calendar has as sessions"})]
    listed_through: Day
    reason: NotRequired[str]


class OpenQuestion(TypedDict):
    """A corporate action or a jump that needs a decision."""

    instrument_id: str
    symbol: str
    ex_date: Day
    rule: str
    text: str


class DecidedAction(TypedDict):
    """A decision about a corporate action."""

    symbol: str
    ex_date: Day
    verdict: str
    ratio: str
    note: str
    decided_at: str


class AnnouncedAction(TypedDict):
    """A corporate action as announced."""

    ex_date: Day
    kind: str
    ratio: str
    dividend: Rupees
    subject: str


class ActionsResult(TypedDict):
    """Corporate actions: open questions, decisions, announcements."""

    open: list[OpenQuestion]
    decisions: list[DecidedAction]
    announced: list[AnnouncedAction]


class ActionDecision(TypedDict):
    """The decision about a corporate action, and how many questions about the symbol are left."""

    symbol: str
    ex_date: Day
    verdict: str
    ratio: str
    note: str
    open: Count


class UndoneDecision(TypedDict):
    """A decision that was removed."""

    symbol: str
    ex_date: Day


class Trade(TypedDict):
    """A completed trade."""

    symbol: str
    entry_session: Day
    exit_session: Day
    quantity: Shares
    entry_quantity: Shares
    entry_price: Rupees
    exit_price: Rupees
    gross: Rupees
    charges: Rupees
    net: Rupees


class TradeFigures(TypedDict):
    """The figures of several trades."""

    trades: Count
    wins: Count
    gross: Rupees
    charges: Rupees
    net: Rupees
    win_rate: Percent | None
    profit_factor: Ratio | None
    average_percent: Percent | None
    best_percent: NotRequired[Percent | None]
    worst_percent: NotRequired[Percent | None]
    average_days: float | None


class SymbolFigures(TradeFigures):
    """The figures of one symbol."""

    symbol: str
    open: Count


class OpenLot(TypedDict):
    """Shares that are still held at the end."""

    symbol: str
    quantity: Shares
    entry_session: Day
    entry_quantity: Shares
    entry_price: Rupees
    last_price: Rupees
    last_session: Day
    unrealised: Rupees
    charges: Rupees
    sale_charges: Rupees
    unrealised_after_charges: Rupees


class OpenTotal(TypedDict):
    """All shares that are still held at the end."""

    lots: Count
    unrealised: Rupees
    unrealised_after_charges: Rupees


class Curve(TypedDict):
    """The figures of an equity curve."""

    growth: Ratio | None
    cagr: Ratio | None
    drawdown: Ratio | None
    drawdown_from: Day | None
    drawdown_to: Day | None
    sharpe: Ratio | None


class AccountFigures(Curve):
    """The figures of one account."""

    exposure: Ratio | None
    turnover: Ratio | None
    cost_share: Ratio | None
    trades: Count
    wins: Count
    average_days: float | None


class Benchmark(Curve):
    """What the money would have earned without trading."""

    name: str
    symbols: Count
    later: Count
    equity: Rupees


class Benchmarks(TypedDict):
    """The benchmarks of an account."""

    hold: Benchmark | None
    index: Benchmark | None


class RandomOrder(TypedDict):
    """The equity with the candidates in random orders."""

    orders: Count
    worse: Ratio
    equal: Ratio
    lowest: Rupees
    median: Rupees
    highest: Rupees


class TunedSettings(TypedDict):
    """How many settings could be fitted to the past, and which were changed."""

    tunable: Count
    changed: dict[str, Setting]


class LookAhead(TypedDict):
    """The comparison of decisions with and without later bars."""

    compared: Count
    sessions: Count
    engine: str
    parts: list[str]
    differences: list[str]


class ChargesOf(TypedDict):
    """The table of charges."""

    table: str
    title: str


class BacktestRule(TypedDict):
    """The rule of a backtest: `ema9-reversion`, or `one-line` with its texts.

    `ambiguous` counts the sessions in which a bar reached the stop and the target. `without_stop` counts those whose stop was
    unknown.
    """

    name: str
    entry: str | None
    exit: str | None
    target: str | None
    stop: str | None
    ambiguous: Count
    without_stop: Count


class BacktestResult(TypedDict("_Span", {"from": Day, "to": Day})):
    """What the rules would have traded."""

    universe: NotRequired[str]
    symbol: NotRequired[str]
    trades: list[Trade]
    symbols: NotRequired[list[SymbolFigures]]
    total: TradeFigures
    open_lots: list[OpenLot]
    open_total: OpenTotal
    rule: BacktestRule
    notes: list[str]
    capital: NotRequired[Rupees]
    cash: NotRequired[Rupees]
    equity: NotRequired[Rupees]
    figures: NotRequired[AccountFigures]
    benchmarks: NotRequired[Benchmarks]
    random_order: NotRequired[RandomOrder | None]
    curve: NotRequired[list[list[str]]]
    settings: TunedSettings
    look_ahead: LookAhead
    charges_of: ChargesOf
    surveillance_since: Day | None
    net: NotRequired[Rupees]
    charges: NotRequired[Rupees]
    winners: NotRequired[Count]
    open: NotRequired[Count]
    report: NotRequired[str]
    reason: NotRequired[str]


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
    sessions_per_second: float | None
    reason: NotRequired[str]


class TriedSettings(TypedDict):
    """One combination of settings."""

    rank: int | None
    changes: dict[str, Setting]
    trades: Count
    wins: Count
    net: Rupees
    gross: Rupees
    charges: Rupees
    win_rate: Percent | None
    profit_factor: Ratio | None
    average_percent: Percent | None
    average_days: float | None
    fall: Rupees
    sharpe: Ratio | None


class Luck(TypedDict):
    """How often the best of as many worthless settings looks as good."""

    p: Ratio
    method: str


class SweepResult(TypedDict("_Span", {"from": Day, "to": Day})):
    """The results of a sweep over settings, best first."""

    instruments: Count
    scored: bool
    by: Literal["net", "sharpe"]
    draws: Count
    seed: int
    combinations: Count
    tried: Count
    settings: list[TriedSettings]
    own: TriedSettings
    luck: Luck
    monte_carlo: Open
    random_entries: Open | None
    walk_forward: Annotated[Any, Detail({"description": "the figures of each split and of all; null without one"})]
    notes: list[str]
    report: NotRequired[str]


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


class ReplayedRun(TypedDict):
    """A run of a task that was recorded, and that a replay runs again."""

    task: str
    slot: str


class ReplayDifference(TypedDict):
    """A row that differs: the columns that differ, or all compared columns of a row that only one side has (null: the other)."""

    table: Literal["decisions", "signals", "orders", "fills"]
    key: Open
    recorded: Open | None
    replayed: Open | None


class ReplayResult(TypedDict):
    """A session that was run again, or its bundle (`bundle` with its size; then nothing was run). Amounts are in paise."""

    version: Annotated[str, Detail({"description": "the version that recorded the session"})]
    same_code: bool
    set: dict[str, Setting]
    runs: list[ReplayedRun]
    not_replayed: Annotated[
        list[str], Detail({"description": "tasks without a recorded run, or whose live quotes are not recorded"})
    ]
    compared: Annotated[dict[str, Count], Detail({"description": "the recorded rows that were compared, by table"})]
    differences: list[ReplayDifference]
    bundle: str | None
    bytes: Count | None
    reason: NotRequired[str]
