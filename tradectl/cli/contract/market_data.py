"""The results of the commands about market data."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from tradectl.cli.contract.values import Clock, Count, Day, Detail, Rupees


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
