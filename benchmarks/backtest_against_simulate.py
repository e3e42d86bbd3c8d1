"""Compare the trades of `backtest SYMBOL` and `simulate`, which must agree to the paisa.

`backtest` jumps from one relevant bar to the next and computes each session by closed forms. `simulate` runs every minute of
every task, through the order path and the paper exchange. Both run as commands, and every difference is printed. The exit code is
0 without differences, 1 with differences.

    python benchmarks/backtest_against_simulate.py RELIANCE,INFY,TCS --from 2018-01-01 --to 2024-12-31
    python benchmarks/backtest_against_simulate.py ind_nifty50list.csv --from 2023-01-01 --to 2023-12-31 --home ~/research
    python benchmarks/backtest_against_simulate.py nifty50 --portfolio 300000 --from 2023-01-01 --to 2023-12-31 --home ~/research

With `--portfolio RUPEES` all symbols share one account with its limits, and cash and equity at the end are compared too.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradectl.streams import secure, wait_for_reader

CAPITAL_PER_SYMBOL = 1_000_000
"""Capital in rupees for each symbol: more than one symbol can use, so that funds are never a limit."""

Trade = tuple[str, ...]
Holding = tuple[str, int]


@dataclass(frozen=True)
class SideResult:
    """The result of one side: every field of every trade, the shares held at the end, and cash and equity then."""

    trades: frozenset[Trade]
    open: frozenset[Holding]
    count: int
    money: str = ""

    @classmethod
    def of(cls, trades: Sequence[dict[str, Any]], held: Sequence[Holding], money: str = "") -> SideResult:
        return cls(frozenset(_fields(trade) for trade in trades), frozenset(held), len(trades), money)


def _fields(trade: dict[str, Any]) -> Trade:
    return tuple(f"{name} {value}" if name != "symbol" else str(value) for name, value in trade.items())


def symbols_of(text: str) -> list[str]:
    """Return the symbols of a comma-separated text or of a CSV file, each once."""
    if not Path(text).is_file():
        return list(dict.fromkeys(text.upper().split(",")))
    with Path(text).open(encoding="utf-8-sig", newline="") as file:
        return list(dict.fromkeys(row["Symbol"] for row in csv.DictReader(file)))


def tradectl(words: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run a command and return its `result`. Exit with the command's error if it fails."""
    command = [sys.executable, "-m", "tradectl", *words, "--json"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    if done.returncode:
        sys.exit(f"tradectl {' '.join(words)}: {answer.get('error') or f'exit {done.returncode}'}")
    result: dict[str, Any] = answer["result"]
    return result


def backtested(symbols: Sequence[str], span: Sequence[str], environment: dict[str, str]) -> SideResult:
    """Return the result of one `backtest` for each symbol."""
    trades, held = [], []
    for number, symbol in enumerate(symbols, 1):
        print(f"backtest {symbol} ({number} of {len(symbols)})", file=sys.stderr)
        found = tradectl(["backtest", symbol, *span, "--look-ahead", "0"], environment)
        trades += found["trades"]
        if found["open"]:
            held.append((found["symbol"], found["open"]))
    return SideResult.of(trades, held)


def simulated(symbols: Sequence[str], span: Sequence[str], environment: dict[str, str]) -> SideResult:
    """Return the result of one `simulate` of all symbols without portfolio limits."""
    print(f"simulate {len(symbols)} symbols {' '.join(span)}", file=sys.stderr)
    capital = str(CAPITAL_PER_SYMBOL * len(symbols))
    words = ["simulate", *span, "--universe", ",".join(symbols), "--no-limits", "--capital", capital]
    found = tradectl(words, environment)
    print(f"{found['sessions']} sessions, {found['sessions_per_second']} a second", file=sys.stderr)
    return SideResult.of(found["trades"], [(item["symbol"], item["quantity"]) for item in found["open_positions"]])


def in_one_account(
    universe: str, capital: str, span: Sequence[str], environment: dict[str, str]
) -> tuple[SideResult, SideResult]:
    """Return the results of both sides for one account with the limits of the portfolio."""
    words = ["backtest", universe, "--portfolio", "--capital", capital, *span, "--look-ahead", "0"]
    print(" ".join(words), file=sys.stderr)
    found = tradectl(words, environment)
    held = [(item["symbol"], item["open"]) for item in found["symbols"] if item["open"]]
    one = SideResult.of(found["trades"], held, f"cash {found['cash']}, equity {found['equity']}")
    words = ["simulate", *span, "--universe", universe, "--capital", capital]
    print(" ".join(words), file=sys.stderr)
    found = tradectl(words, environment)
    held = [(item["symbol"], item["quantity"]) for item in found["open_positions"]]
    return one, SideResult.of(found["trades"], held, f"cash {found['cash']}, equity {found['equity']}")


def differences(one: SideResult, other: SideResult) -> list[str]:
    """Return a line for each trade or holding that only one side has, and for different counts, cash or equity."""
    pairs = (("backtest", one, other), ("simulate", other, one))
    lines = []
    for name, mine, theirs in pairs:
        lines += [f"only {name}: {', '.join(trade)}" for trade in sorted(mine.trades - theirs.trades)]
        lines += [f"only {name} holds: {shares} {symbol}" for symbol, shares in sorted(mine.open - theirs.open)]
    if one.count != other.count:
        lines.append(f"backtest has {one.count} trades, simulate {other.count}")
    if one.money != other.money:
        lines.append(f"backtest has {one.money}; simulate has {other.money}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("symbols", help="symbols joined by commas, or a CSV file with a column Symbol, as NSE's index lists have")
    parser.add_argument("--from", dest="first", required=True, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", required=True, metavar="YYYY-MM-DD")
    parser.add_argument(
        "--set", dest="changes", action="append", default=[], metavar="NAME=VALUE", help="a setting for both sides"
    )
    parser.add_argument(
        "--portfolio", metavar="RUPEES", help="use one account with its limits; the symbols may then be the name of a list"
    )
    parser.add_argument("--home", help="the home with the market data; default: TRADECTL_HOME")
    arguments = parser.parse_args()
    environment = {**os.environ, **({"TRADECTL_HOME": arguments.home} if arguments.home else {})}
    span = [
        "--from",
        arguments.first,
        "--to",
        arguments.last,
        *(word for change in arguments.changes for word in ("--set", change)),
    ]
    if arguments.portfolio:
        one, other = in_one_account(arguments.symbols, arguments.portfolio, span, environment)
        of = arguments.symbols
    else:
        symbols = symbols_of(arguments.symbols)
        one, other = backtested(symbols, span, environment), simulated(symbols, span, environment)
        of = f"{len(symbols)} symbols"
    lines = differences(one, other)
    for line in lines:
        print(line)
    verdict = f"{len(lines)} differences" if lines else "the same to the paisa"
    print(f"{one.count} trades of {of}: {verdict}")
    return 1 if lines else 0


if __name__ == "__main__":
    secure()
    wait_for_reader()
    sys.exit(main())
