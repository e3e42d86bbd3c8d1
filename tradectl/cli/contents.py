"""List every command with its module, in the order of the help.

A module is imported when one of its commands is used: `status` imports `status` and no other, `--help` imports all. A module
whose `app` has a name is a group of that name. Other modules have top-level commands.
"""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

import typer

from tradectl.runtime.registry import all_tasks

MODULES = (
    ("tasks", *(task.name for task in all_tasks())),
    ("status", "status"),
    ("automation", "run-due", "daemon"),
    ("serve", "serve"),
    ("halt", "halt", "resume"),
    ("telegram", "telegram"),
    ("login", "login"),
    ("reconcile", "reconcile"),
    ("doctor", "doctor"),
    ("backup", "backup"),
    ("help", "help"),
    ("orders", "orders"),
    ("queries", "positions", "signals", "executions", "why"),
    ("trades", "trades", "note", "notes"),
    ("pnl", "pnl"),
    ("export", "export"),
    ("report", "report"),
    ("logs", "logs"),
    ("audit", "audit"),
    ("tax", "tax"),
    ("init", "init"),
    ("importing", "import"),
    ("schedule", "schedule"),
    ("config", "config"),
    ("broker", "broker"),
    ("user", "user"),
    ("crontab", "crontab"),
    ("systemd", "systemd"),
    ("data", "data"),
    ("backtest", "backtest"),
    ("simulate", "simulate"),
    ("replay", "replay"),
    ("sweep", "sweep"),
    ("strategy", "strategy"),
    ("demo", "demo"),
    ("drill", "drill"),
    ("sandbox", "sandbox"),
)


class Contents(UserDict[str, Any]):
    """The commands by name; a command that is not used yet is represented by the name of its module."""

    def __init__(self) -> None:
        super().__init__({name: module for module, *names in MODULES for name in names})

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, str):
            found = self.data[name] = _load(found, name)
        return found


def _load(module: str, name: str) -> Any:
    """Return a command as Typer builds it."""
    app: typer.Typer = import_module(f"tradectl.cli.{module}").app
    parent = typer.Typer()
    parent.add_typer(app, rich_help_panel=app.rich_help_panel)
    return typer.main.get_group(parent).commands[name]
