"""Replace the broker's numbers of orders and trades in a recording, because they may contain the name of an account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tradectl.brokers.recording.encoding import Plain

_LEAST = 6
"""The length of the shortest number that is also replaced in texts: a shorter one may be an amount."""


class Numbers:
    """New numbers for the broker's: those of the ledger's rows, and counted ones for the rest."""

    def __init__(self, orders: Mapping[str, str], trades: Mapping[str, str]) -> None:
        self._orders, self._trades, self._keys = dict(orders), dict(trades), dict[str, str]()

    def order(self, number: str) -> str:
        """Return the new number of an order."""
        return self._orders.setdefault(number, f"other-order-{len(self._orders)}")

    def trade(self, number: str) -> str:
        """Return the new number of a trade."""
        return self._trades.setdefault(number, f"other-trade-{len(self._trades)}")

    def key(self, key: str) -> str:
        """Return the new key of a row."""
        return self._keys.setdefault(key, f"row-{len(self._keys)}")

    def text(self, text: str) -> str:
        """Return a text without the numbers that are known so far."""
        known = {**self._trades, **self._orders}
        found = [number for number in re.findall(r"[\w./:-]+", text) if len(number) >= _LEAST]
        for number in found:
            if number in known:
                text = text.replace(number, known[number])
        return text


def without_numbers(lines: Iterable[str | None], numbers: Numbers) -> Iterator[str]:
    """Yield the lines of a recording with new numbers. A damaged line is left out."""
    for line in lines:
        if line is None:
            continue
        content = json.loads(line)
        for call in content.get("calls", ()):
            _renumber(call, numbers)
        yield json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _renumber(call: Plain, numbers: Numbers) -> None:
    kind = call["c"]
    if kind in {"modify", "cancel"} and "a" in call:
        call["a"]["id"] = numbers.order(call["a"]["id"])
    if kind == "place" and "r" in call:
        call["r"]["v"] = numbers.order(call["r"]["v"])
    if kind in {"orders", "trades"} and "r" in call:
        _renumber_rows(call["r"], numbers)
    if "e" in call:
        call["e"][1] = numbers.text(call["e"][1])


def _renumber_rows(change: Plain, numbers: Numbers) -> None:
    rows: dict[str, Any] = change.get("r", {})
    for row in (*rows.values(), *change.get("o", ())):
        if "broker_order_id" in row:
            row["broker_order_id"] = numbers.order(row["broker_order_id"])
        if "trade_id" in row:
            row["trade_id"] = numbers.trade(row["trade_id"])
        if row.get("reason"):
            row["reason"] = numbers.text(row["reason"])
    if "r" in change:
        change["r"] = {numbers.key(key): row for key, row in rows.items()}
    if "k" in change:
        change["k"] = [numbers.key(key) for key in change["k"]]
