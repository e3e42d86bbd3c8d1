"""Build the rows of `strategy list` and `strategy show` from the files and the ledger, and write them as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradectl.cli import output
from tradectl.errors import TradectlError
from tradectl.model.rule_names import REVERSION

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.strategies import UsedStrategy
    from tradectl.strategy.strategy import Strategy, StrategyParameter

SHIPPED, PASSED, FAILED, NOT_CHECKED, CHANGED = "shipped", "passed", "failed", "not checked", "changed since"
"""The states of a check: of the shipped rule, of this very text (passed, failed), of no text, and of another text."""
DIPS = "Buy a dip by RSI 10, sell at the EMA 9; settings: `tradectl config list`"
SHORT_HASH = 12
"""The number of digits of a hash that a person reads."""
LABEL = 12


def strategy_row(name: str, found: Strategy | TradectlError, ledger: Ledger) -> dict[str, Any]:
    """Return the row of a file. `found`: its strategy, or why it cannot be read."""
    used = {item.name: item for item in ledger.strategies.used()}.get(name)
    if isinstance(found, TradectlError):
        return _row(name, used) | {"error": str(found)}
    return _row(name, used) | {
        "form": found.form,
        "file": found.file,
        "description": found.description,
        "source": found.source,
        "universe": found.universe,
        "parameters": [parameter_row(item) for item in found.parameters],
        "hash": found.hash,
        **check_state(name, found.hash, ledger),
    }


def shipped_row(ledger: Ledger) -> dict[str, Any]:
    """Return the row of the shipped rule."""
    used = {item.name: item for item in ledger.strategies.used()}.get(REVERSION)
    return _row(REVERSION, used) | {"description": DIPS, "check": SHIPPED}


def _row(name: str, used: UsedStrategy | None) -> dict[str, Any]:
    return {
        "name": name,
        "form": None,
        "file": None,
        "description": "",
        "source": "",
        "universe": "",
        "parameters": [],
        "hash": None,
        "check": NOT_CHECKED,
        "checked_at": None,
        "share": f"{used.share.normalize():f}" if used is not None else None,
        "used_hash": (used.hash or None) if used is not None else None,
        "error": None,
    }


def check_state(name: str, hash_: str, ledger: Ledger) -> dict[str, Any]:
    """Return the state of the check of a text, and when it was made."""
    from tradectl.report.values import value

    checked = ledger.strategies.check_of(hash_)
    if checked is not None:
        return {"check": PASSED if checked.passed else FAILED, "checked_at": value(checked.checked_at)}
    earlier = ledger.strategies.last_check(name)
    return {"check": CHANGED, "checked_at": value(earlier.checked_at)} if earlier is not None else {"check": NOT_CHECKED}


def parameter_row(item: StrategyParameter) -> dict[str, Any]:
    """Return a parameter as JSON values; numbers are text, as `--set` takes them."""
    from tradectl.strategy.parameters import show

    numbers = {name: show(float(getattr(item, name))) for name in ("default", "low", "high", "step")}
    return {"name": item.name, **numbers, "unit": item.unit, "meaning": item.meaning}


def used_text(row: dict[str, Any]) -> str:
    """Return the share with which a strategy is used, and whether its file is another one now; empty if it is not used."""
    if row["share"] is None:
        return ""
    changed = row["used_hash"] is not None and row["used_hash"] != row["hash"]
    return f"{row['share']} (file changed)" if changed else str(row["share"])


def list_text(rows: list[dict[str, Any]]) -> str:
    """Return `strategy list` as text; below the table, one line for each file that cannot be read."""
    cells = [
        (row["name"], row["description"] or row["error"], _defaults(row), "wrong file" if row["error"] else row["check"],
         used_text(row))
        for row in rows
    ]  # fmt: skip
    return output.table(("name", "description", "parameters", "check", "share"), cells)


def _defaults(row: dict[str, Any]) -> str:
    return ", ".join(f"{item['name']} {item['default']}" for item in row["parameters"])


def show_text(found: dict[str, Any]) -> str:
    """Return `strategy show` as text."""
    lines = [f"{found['name']}: {found['description'] or 'no description'}"]
    about = {"source": found["source"], "universe": found["universe"], "file": found["path"]}
    lines += _labelled({name: text for name, text in about.items() if text})
    lines += ["", *_labelled({name: text for name, text in found["parts"].items() if text})]
    if found["parameters"]:
        names = ("default", "low", "high", "step", "unit", "meaning")
        rows = [(item["name"], *(item[name] for name in names)) for item in found["parameters"]]
        lines += ["", output.table(("parameter", ">default", ">low", ">high", ">step", "unit", "meaning"), rows)]
    return "\n".join([*lines, "", *_labelled(_state(found)), *_positions(found)])


def _state(found: dict[str, Any]) -> dict[str, str]:
    at = f" on {output.moment(found['checked_at'])}" if found["checked_at"] else ""
    check = f"an earlier text was checked{at}, this one was not" if found["check"] == CHANGED else f"{found['check']}{at}"
    used = used_text(found)
    state = {"hash": (found["hash"] or "")[:SHORT_HASH], "check": check, "used": f"share {used}" if used else "no"}
    return {name: text for name, text in state.items() if text}


def _labelled(texts: dict[str, str]) -> list[str]:
    return [f"{name:<{LABEL}}{text}" for name, text in texts.items()]


def _positions(found: dict[str, Any]) -> list[str]:
    if not found["positions"]:
        return [f"{'positions':<{LABEL}}none"]
    rows = [
        (item["symbol"], item["quantity"], item["opened"], "yes" if item["hash"] == (found["hash"] or "") else "another")
        for item in found["positions"]
    ]
    return ["", output.table(("symbol", ">quantity", "opened", "this text"), rows, title="Positions of it")]
