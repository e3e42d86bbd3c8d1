"""Check the classes of values: a struct gets its defaults and functions from msgspec, a dataclass from dataclasses."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "tradectl"


def test_no_struct_has_a_field_of_dataclasses() -> None:
    structs = 0
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        foreign = {
            name.asname or name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
            for name in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and "frozen" in {word.arg for word in node.keywords}:
                structs += 1
                values = [item.value for item in node.body if isinstance(item, ast.AnnAssign)]
                makers = {ast.unparse(value.func) for value in values if isinstance(value, ast.Call)}
                assert not foreign & makers, f"{file}: {node.name}"
    assert structs > 300


DATACLASSES = {
    "backtest/candidates.py": "BacktestContext",
    "bootstrap/tariffs.py": "Parameters",
    "exchange/sessions.py": "Session",
    "marketdata/reference_data.py": "ReferenceData",
    "model/history.py": "History",
    "model/panel.py": "Panel",
    "research/closed_trades.py": "ClosedTrades",
    "research/grid.py": "Parameters",
    "research/line_engine/first_session.py": "FirstSessions",
    "research/rule_books.py": "BacktestContext",
    "research/strategy_check/guarded.py": "Strategy",
    "research/strategy_check/runs.py": "BacktestRequest",
    "research/strategy_check/simulation.py": "BacktestRequest",
    "research/sweep.py": "ClosedTrades",
    "research/vectorized/closed_form.py": "PlanArrays",
    "research/vectorized/engine.py": "ClosedTrades and Parameters",
    "research/vectorized/fills.py": "TradeColumns",
    "strategy/features.py": "Features",
    "strategy/parameters.py": "Parameters",
    "strategy/sizing.py": "Parameters",
    "tasks/premarket_retry/step.py": "TradingSession",
}
"""The modules that use a function of `dataclasses`, with the classes of its argument. The type checker accepts a struct there."""


def test_the_functions_of_dataclasses_are_used_for_dataclasses() -> None:
    functions = {"replace", "asdict", "astuple", "fields"}
    found = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "dataclasses":
                named = {name.name for name in node.names}
                found |= {file.relative_to(SOURCE).as_posix()} if named & functions else set()
            assert not (isinstance(node, ast.Import) and "dataclasses" in {name.name for name in node.names}), file
    assert found == set(DATACLASSES)
