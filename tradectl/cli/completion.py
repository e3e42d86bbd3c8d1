"""Complete symbols, order ids and tasks in a shell (settings: `config`); `tradectl --install-completion` turns it on.

A completion reads and never writes. Where nothing can be read it completes nothing: a shell has no place for an error.
"""

from __future__ import annotations

from typing import Any

import typer

from tradectl.errors import TradectlError

MOST = 200
"""How many values one completion offers."""


def symbols(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the symbols of the market data that begin so, in capital letters."""
    from tradectl import bootstrap

    try:
        listed = bootstrap.open_store(_settings(ctx)).universe("all")
    except (TradectlError, OSError):
        return []
    return [name for name in sorted(listed) if name.startswith(incomplete)][:MOST]


def strategy_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the home's strategies that begin so."""
    from tradectl.bootstrap.strategies import StrategyFolder

    try:
        found = StrategyFolder(_settings(ctx).home).names()
    except (TradectlError, OSError):
        return []
    return [name for name in found if name.startswith(incomplete)][:MOST]


def example_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the shipped examples and the home's strategies that begin so."""
    from tradectl.bootstrap.strategies import example_files

    return [*(name for name in example_files() if name.startswith(incomplete)), *strategy_names(ctx, incomplete)][:MOST]


def orders(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of the newest orders that begin so, with what they are."""
    from tradectl.bootstrap.home_readings import home_ledger
    from tradectl.report.orders import listing

    try:
        ledger = home_ledger(_settings(ctx), upgrade=False)
        found = listing(ledger.database, ledger.user, limit=MOST) if ledger is not None else []
    except TradectlError:
        return []
    said = ((str(row["id"]), f"{row['side']} {row['quantity']} {row['symbol']} {row['status']}") for row in found)
    return [(number, text) for number, text in said if number.startswith(incomplete)]


def tasks(incomplete: str) -> list[tuple[str, str]]:
    """Return the tasks that begin so, with their summary."""
    from tradectl.runtime.registry import all_tasks

    return [(task.name, task.summary) for task in all_tasks() if task.name.startswith(incomplete)]


def _settings(ctx: typer.Context) -> Any:
    from tradectl.settings import load

    said = ctx.find_root().params
    return load(user=said.get("user"), database=said.get("db"), home=said.get("home"), at=said.get("at"))
