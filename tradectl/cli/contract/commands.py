"""The type of each command's result, and the JSON Schema of the object that the command prints with `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from tradectl.cli.contract import (
    accounts,
    backtest,
    configuration,
    installation,
    market_data,
    operation,
    orders,
    rehearsal,
    reports,
    status,
    strategies,
    tasks,
    taxes,
)
from tradectl.cli.contract.json_schema import DIALECT, Schema, schema_of
from tradectl.cli.contract.values import Day, Mode
from tradectl.ledger import schema
from tradectl.runtime.outcomes import OUTCOMES

_ORDER = Annotated[orders.OrderRow, schema.orders]
_SCHEDULE = list[configuration.ScheduleEntry]


class DemoResult(TypedDict):
    """A simulation in a synthetic market, one of its days, the status at its end, and the path of its report."""

    universe: str
    seed: int
    simulation: rehearsal.SimulateResult
    day: rehearsal.ShownDay
    status: status.StatusResult
    report: str


RESULTS: Mapping[str, Any] = {
    "prices": tasks.PricesResult,
    "premarket-retry": tasks.RetryResult,
    "amo-adjust": tasks.AdjustResult,
    "sell-monitor": tasks.SellResult,
    "position-monitor": tasks.MonitorResult,
    "analyze": tasks.AnalyzeResult,
    "buy": tasks.BuyResult,
    "eod": tasks.EodResult,
    "status": status.StatusResult,
    "run-due": tasks.DueResult,
    "daemon": tasks.Stopped,
    "serve": operation.ServedPage,
    "halt": operation.HaltResult,
    "resume": operation.HaltResult,
    "login": operation.LoginResult,
    "reconcile broker": orders.ReconcileResult,
    "reconcile papers": taxes.PapersResult,
    "doctor": list[operation.DoctorFinding],
    "backup": operation.BackupResult,
    "orders list": list[_ORDER],
    "orders show": Annotated[orders.OrderWithFills, schema.orders],
    "orders cancel": orders.CancelResult,
    "orders adopt": orders.ResolveResult,
    "orders resolve": orders.ResolveResult,
    "positions": list[Annotated[operation.PositionExtra, schema.positions]],
    "signals": list[Annotated[operation.SignalExtra, schema.signals]],
    "executions": list[Annotated[operation.ExecutionRow, schema.task_executions]],
    "trades": list[accounts.TradeRow],
    "note": accounts.NoteRow,
    "notes": list[accounts.NoteRow],
    "pnl": accounts.PnlResult,
    "export": accounts.ExportResult,
    "logs": list[Annotated[operation.LogRow, schema.user_logs]] | list[Annotated[operation.ExecutionRow, schema.task_executions]],
    "audit list": list[operation.JournalEntry],
    "audit verify": operation.JournalCheck,
    "audit export": operation.JournalCheck,
    "why": list[Annotated[operation.DecisionExtra, schema.decisions]],
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
    "config list": list[configuration.SettingEntry],
    "config get": configuration.SettingEntry,
    "config set": configuration.SetResult,
    "config unset": configuration.UnsetResult,
    "broker list": list[configuration.BrokerEntry],
    "broker set": configuration.StoredCredentials,
    "broker status": configuration.BrokerStatus,
    "broker arm": configuration.BrokerStatus,
    "broker disarm": configuration.BrokerStatus,
    "broker charges": list[configuration.ChargeComparison],
    "broker tables": list[configuration.ChargeTable],
    "user list": list[configuration.UserEntry],
    "user add": configuration.NewUser,
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
    "data import": market_data.ImportResult,
    "data fetch": market_data.FetchResult,
    "data list": market_data.InventoryResult,
    "data check": list[market_data.DataFinding],
    "data sessions list": market_data.CalendarResult,
    "data sessions phases": market_data.PhasesResult,
    "data sessions phase": market_data.PhasesResult,
    "data sessions add": market_data.AddedDay,
    "data sessions remove": market_data.RemovedDay,
    "data sessions fetch": market_data.HolidayResult,
    "data sessions import": market_data.HolidayResult,
    "data actions list": market_data.ActionsResult,
    "data actions set": market_data.ActionDecision,
    "data actions ignore": market_data.ActionDecision,
    "data actions undo": market_data.UndoneDecision,
    "backtest": backtest.BacktestResult,
    "simulate": rehearsal.SimulateResult,
    "replay": rehearsal.ReplayResult,
    "sweep": backtest.SweepResult,
    "strategy new": strategies.WrittenStrategy,
    "strategy save": strategies.WrittenStrategy,
    "strategy list": list[strategies.StrategyEntry],
    "strategy show": strategies.ShownStrategy,
    "strategy check": strategies.CheckedStrategy,
    "strategy use": strategies.UseResult,
    "strategy drop": strategies.DropResult,
    "demo": DemoResult,
    "drill": rehearsal.DrillResult,
    "sandbox trade": rehearsal.HandMadeTrade,
    "sandbox accept": rehearsal.AcceptedExchange,
    "sandbox kite": rehearsal.Served,
    "sandbox kotak_neo": rehearsal.Served,
    "sandbox openalgo": rehearsal.Served,
    "sandbox dhan": rehearsal.Served,
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
