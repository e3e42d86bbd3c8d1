"""Word the result of a task as a sentence: `3 placed, 1 skipped for funds, for 2023-07-24`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradectl.model.money import show_rupees, to_paise

MONEY = {"realised_pnl": "realised", "unrealised_pnl": "unrealised", "charges": "charges", "cash": "cash", "equity": "equity"}
"""The keys whose value is an amount in rupees, and how a sentence names them."""
HIDDEN = frozenset(
    {
        "total",
        "scanned",
        "trades",
        "by_rule",
        "dry_run",
        "would_send",
        "reason",
        "odd_rows",
        "first_step",
        "data",
        "waits_for_approval",
    }
)
"""Keys that a sentence leaves out: details, and sums of other keys."""
NOTHING = "nothing to do"


def sentence(result: Mapping[str, Any]) -> str:
    """Return the counts that are not zero, the amounts and the session of a task's result; empty for an empty result."""
    if not result:
        return ""
    parts = [f"{name} {show_rupees(to_paise(result[key]))}" for key, name in MONEY.items() if result.get(key) is not None]
    if scanned := result.get("scanned"):
        parts.append(f"{scanned} scanned")
    parts += [f"{count} {_words(key)}" for key, count in result.items() if _counts(key, count)]
    parts += _of_kinds(result["kinds"]) if isinstance(result.get("kinds"), Mapping) else []
    if waiting := result.get("waits_for_approval"):
        parts.append(f"{waiting} wait for /approve {result['list']} until {str(result['approval_until'])[11:16]}")
    if isinstance(result.get("positions"), list) and result["positions"]:
        parts.append(counted(len(result["positions"]), "position"))
    text = ", ".join(parts) or NOTHING
    if result.get("for_session"):
        text += f", for {result['for_session']}"
    return f"{text}; the data are {result['data']}" if result.get("data") not in {None, "final"} else text


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 trade`, `2 trades`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _counts(key: str, count: object) -> bool:
    return isinstance(count, int) and not isinstance(count, bool) and count != 0 and key not in HIDDEN


def _of_kinds(kinds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the kinds of market data of which something new came."""
    return [f"{item['new']} new {kind.replace('_', ' ')}" for kind, item in kinds.items() if item["new"]] or ["nothing new"]


def _words(key: str) -> str:
    if key.startswith("skipped_"):
        return f"skipped ({key.removeprefix('skipped_').replace('_', ' ')})"
    return key.replace("_", " ")
