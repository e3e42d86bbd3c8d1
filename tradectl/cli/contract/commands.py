"""The type of each command's result, and the JSON Schema of the object that the command prints with `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from tradectl.cli.contract import accounts, installation, reports, research, taxes, trading
from tradectl.cli.contract.json_schema import DIALECT, Schema, schema_of
from tradectl.cli.contract.values import Day, Mode
from tradectl.ledger import schema
from tradectl.runtime.outcomes import OUTCOMES

_ORDER = Annotated[trading.OrderRow, schema.orders]
_SCHEDULE = list[trading.ScheduleEntry]


class DemoResult(TypedDict):
    """A simulation in a synthetic market, one of its days, the status at its end, and the path of its report."""

    universe: str
    seed: int
    simulation: research.SimulateResult
    day: research.ShownDay
    status: trading.StatusResult
    report: str


RESULTS: Mapping[str, Any] = {
    "prices": trading.PricesResult,
    "premarket-retry": trading.RetryResult,
    "amo-adjust": trading.AdjustResult,
    "sell-monitor": trading.SellResult,
    "position-monitor": trading.MonitorResult,
    "analyze": trading.AnalyzeResult,
    "buy": trading.BuyResult,
    "eod": trading.EodResult,
    "status": trading.StatusResult,
    "run-due": trading.DueResult,
    "daemon": trading.Stopped,
    "serve": trading.ServedPage,
    "halt": trading.HaltResult,
    "resume": trading.HaltResult,
    "login": trading.LoginResult,
    "reconcile broker": trading.ReconcileResult,
    "reconcile papers": taxes.PapersResult,
    "doctor": list[trading.DoctorFinding],
    "backup": trading.BackupResult,
    "orders list": list[_ORDER],
    "orders show": Annotated[trading.OrderWithFills, schema.orders],
    "orders cancel": trading.CancelResult,
    "orders adopt": trading.ResolveResult,
    "orders resolve": trading.ResolveResult,
    "positions": list[Annotated[trading.PositionExtra, schema.positions]],
    "signals": list[Annotated[trading.SignalExtra, schema.signals]],
    "executions": list[Annotated[trading.ExecutionRow, schema.task_executions]],
    "trades": list[accounts.TradeRow],
    "note": accounts.NoteRow,
    "notes": list[accounts.NoteRow],
    "pnl": accounts.PnlResult,
    "export": accounts.ExportResult,
    "logs": list[Annotated[trading.LogRow, schema.user_logs]] | list[Annotated[trading.ExecutionRow, schema.task_executions]],
    "audit list": list[trading.JournalEntry],
    "audit verify": trading.JournalCheck,
    "audit export": trading.JournalCheck,
    "why": list[Annotated[trading.DecisionExtra, schema.decisions]],
    "tax lots": taxes.LotsResult,
    "tax year": taxes.YearResult,
    "report": reports.ReportResult,
    "init": installation.InitResult,
    "import tradebook": taxes.ImportedTradebook,
    "import trade": taxes.EnteredTrade,
    "import fair-values": taxes.ImportedList,
    "import tax-actions": taxes.ImportedList,
    "schedule list": _SCHEDULE,
    "schedule set": _SCHEDULE,
    "schedule enable": _SCHEDULE,
    "schedule disable": _SCHEDULE,
    "config list": list[trading.SettingEntry],
    "config get": trading.SettingEntry,
    "config set": trading.SetResult,
    "config unset": trading.UnsetResult,
    "broker list": list[trading.BrokerEntry],
    "broker set": trading.StoredCredentials,
    "broker status": trading.BrokerStatus,
    "broker arm": trading.BrokerStatus,
    "broker disarm": trading.BrokerStatus,
    "broker charges": list[trading.ChargeComparison],
    "broker tables": list[trading.ChargeTable],
    "user list": list[trading.UserEntry],
    "user add": trading.NewUser,
    "crontab show": installation.CrontabLines,
    "crontab install": installation.InstalledCrontab,
    "crontab remove": installation.RemovedCrontab,
    "crontab check": installation.CheckedCrontab,
    "systemd show": installation.UnitFiles,
    "systemd install": installation.InstalledUnits,
    "systemd remove": installation.RemovedUnits,
    "telegram status": installation.TelegramStatus,
    "telegram pair": installation.PairedPhone,
    "telegram run": installation.PolledPhones,
    "telegram forget": installation.ForgottenPhones,
    "help": list[installation.ManualTopic] | installation.ManualPage,
    "data import": research.ImportResult,
    "data fetch": research.FetchResult,
    "data list": research.InventoryResult,
    "data check": list[research.DataFinding],
    "data sessions list": research.CalendarResult,
    "data sessions phases": research.PhasesResult,
    "data sessions phase": research.PhasesResult,
    "data sessions add": research.AddedDay,
    "data sessions remove": research.RemovedDay,
    "data sessions fetch": research.HolidayResult,
    "data sessions import": research.HolidayResult,
    "data actions list": research.ActionsResult,
    "data actions set": research.ActionDecision,
    "data actions ignore": research.ActionDecision,
    "data actions undo": research.UndoneDecision,
    "backtest": research.BacktestResult,
    "simulate": research.SimulateResult,
    "replay": research.ReplayResult,
    "sweep": research.SweepResult,
    "demo": DemoResult,
    "drill": research.DrillResult,
    "sandbox trade": trading.HandMadeTrade,
    "sandbox accept": trading.AcceptedExchange,
    "sandbox kite": trading.Served,
    "sandbox kotak_neo": trading.Served,
    "sandbox openalgo": trading.Served,
    "sandbox dhan": trading.Served,
}
"""The type of the result of each command. A new command needs an entry; a test compares this with the program."""


class Failure(TypedDict):
    """The result of a command that did not do its work: the text of `error`."""

    reason: str


class Help(TypedDict):
    """The result of `--help`."""

    help: str


class Version(TypedDict):
    """The result of `--version`."""

    version: str


def envelope_schema(command: str) -> Schema:
    """Return the JSON Schema of the object that a command prints with `--json`."""
    result = schema_of(RESULTS[command] | Failure | Help if command else Failure | Help | Version)
    definitions = result.pop("$defs", {})
    nullable = {"type": ["string", "null"]}
    return {
        "$schema": DIALECT,
        "title": f"tradectl {command} --json".replace("  ", " "),
        "type": "object",
        "properties": {
            "command": {"const": command} if command else {"type": "string"},
            "user": nullable,
            "mode": schema_of(Mode | None),
            "session": schema_of(Day | None),
            "outcome": {"enum": list(OUTCOMES)},
            "exit_code": {"type": "integer", "minimum": 0, "maximum": 255},
            "result": result,
            "error": nullable,
        },
        "required": ["command", "user", "mode", "session", "outcome", "exit_code", "result", "error"],
        "additionalProperties": False,
        **({"$defs": definitions} if definitions else {}),
    }
