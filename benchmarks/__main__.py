"""Run benchmarks and show the figures of tradectl beside those of the other side.

    python -m benchmarks [--json] [NAME...]

    python -m benchmarks --list
    python -m benchmarks indicators backtest
    python -m benchmarks --quick --json

The exit code is 0 if all benchmarks ran, whatever the figures; 1 if two sides that must agree differ; 2 for an unknown name.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

from benchmarks.form import Disagreement, Result
from benchmarks.registry import NAMES, find
from tradectl.streams import secure, wait_for_reader


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare the speed of tradectl with that of other programs."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"the benchmarks to run: {', '.join(NAMES)}; default: all")
    parser.add_argument("--list", action="store_true", dest="listing", help="list what each benchmark measures")
    parser.add_argument("--quick", action="store_true", help="small panels and few repeats, only to check that it runs")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")
    arguments = parser.parse_args(words)
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    names = list(dict.fromkeys(arguments.names)) or list(NAMES)
    if arguments.listing:
        return _list(names, as_json=arguments.as_json)
    results: dict[str, Result] = {}
    for number, name in enumerate(names, 1):
        print(f"{name} ({number} of {len(names)})", file=sys.stderr)
        try:
            found = find(name).measure(arguments.quick)
        except Disagreement as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        results[name] = found.unjudged() if arguments.quick else found
    _print(results, quick=arguments.quick, as_json=arguments.as_json)
    return 0


def _list(names: list[str], *, as_json: bool) -> int:
    found = {name: find(name).summary for name in names}
    if as_json:
        print(json.dumps({"benchmarks": found}))
    else:
        print("\n".join(f"{name:12}{summary}" for name, summary in found.items()))
    return 0


def _print(results: dict[str, Result], *, quick: bool, as_json: bool) -> None:
    if as_json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
        found = {name: result.as_json() for name, result in results.items()}
        print(json.dumps({"quick": quick, "machine": machine, "benchmarks": found}))
        return
    from rich.console import Console

    from benchmarks.show import show

    show(results, Console(width=None if sys.stdout.isatty() else 150))


if __name__ == "__main__":
    secure()
    wait_for_reader()
    sys.exit(main())
