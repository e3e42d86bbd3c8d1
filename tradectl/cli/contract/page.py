"""Generate the reference page of the JSON contract, and the file with the schema of every command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tradectl.cli.contract.commands import RESULTS, envelope_schema

INTRODUCTION = """# The JSON contract

With `--json` every command prints exactly one object on one line of stdout, also after an error, and also for `--help`:

    $ tradectl config set max_positions 3 --json
    {"command": "config set", "user": "me", "mode": "paper", "session": null, "outcome": "completed", "exit_code": 0,
     "result": {"key": "max_positions", "value": "3"}, "error": null}

[schemas.json](schemas.json) has the JSON Schema (draft 2020-12) of each command's object, by the command's name:

    $ jq '."orders list"' schemas.json > orders-list.schema.json

The tests compare what the commands print with these schemas, key by key. Keys are added within a major version, never removed.

- `command` is the full name: `orders list` also after `tradectl orders`.
- `outcome` is completed, already_completed, not_a_session, disabled, outside_window, missed, busy, blocked or failed.
- `exit_code` is that of the process: see [exit-codes.md](exit-codes.md). An unknown value of an option or an argument is 2.
- `error` is the line that a person reads on stderr, or null. `result.reason` repeats it, so that `result` alone can be stored. A
  task that had no reason to run has a `reason` and no error.
- An amount of money is a text in rupees with two decimals: `"-1234.50"`. It is exact; do not read it as a binary number.
- A ratio or an average is a number, rounded to four decimals: 0.0123 is 1.23 %. Indicators such as `rsi` and `ema9` are numbers.
- The value of a setting is a text, as `config set` accepts it: `"0.004"`, `"on"`.
- A moment is ISO 8601 in Indian time (`2023-07-21T09:15:00+05:30`), a date is `2023-07-21`.
- With `--dry-run` the result of a task has `"dry_run": true`, and `would_send` lists the commands that were not sent.
- `--help` has the text in `result.help`, `--version` the version in `result.version`.
"""


def schemas() -> str:
    """Return the file with the schemas of all commands, one a line.

    The empty name is that of `--version` and of an unknown command."""
    lines = (f"{json.dumps(command)}: {json.dumps(envelope_schema(command))}" for command in (*RESULTS, ""))
    return "{" + ",\n".join(lines) + "}\n"


def page() -> str:
    """Return the page, without the first line, which marks generated pages."""
    head = "| command | result | keys |\n|---|---|---|\n"
    return f"{INTRODUCTION}\n## Results\n\n{head}" + "".join(f"| {' | '.join(row)} |\n" for row in _rows())


def _rows() -> Iterator[tuple[str, str, str]]:
    for command in RESULTS:
        schema = envelope_schema(command)
        shape = schema["properties"]["result"]["anyOf"][0]
        listed = shape.get("type") == "array"
        target = _definition(shape["items"] if listed else shape, schema)
        keys = ", ".join(f"`{key}`" for key in target.get("properties", {}))
        text = target.get("description", "a text").rstrip(".")
        yield f"`{command}`", f"a list: {text}" if listed else text, keys


def _definition(shape: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][shape["$ref"].rsplit("/", 1)[1]] if "$ref" in shape else shape
    return found
