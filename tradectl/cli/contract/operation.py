"""The results of the commands that operate a home, and of those that look into its ledger."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from tradectl.cli.contract.orders import CancelledOrder
from tradectl.cli.contract.tasks import Exposed
from tradectl.cli.contract.values import Count, Detail, Moment, Open, Rupees, Seconds, TradingState
from tradectl.doctor.finding import State
from tradectl.ledger import schema


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


class DoctorFinding(TypedDict):
    """The result of one check."""

    check: str
    state: State
    text: str
    exit_code: int


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


class ExecutionRow(TypedDict):
    """A run of a task."""


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


class ServedPage(TypedDict):
    """The page for a browser, which has ended. `signal`: the number of the signal that ended it."""

    url: str
    requests: Count
    signal: int | None
