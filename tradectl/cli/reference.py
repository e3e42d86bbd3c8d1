"""Generate the reference: commands, exit codes, settings, replies, expressions, and the example crontab.

`python -m tradectl.cli.reference FOLDER` writes the files into a source tree; a test compares them with its output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import typer

from tradectl import errors
from tradectl.cli.app import app
from tradectl.cli.config import CREDENTIALS
from tradectl.cli.contract import page as contract
from tradectl.cli.expression_page import expressions
from tradectl.cli.group import PANEL
from tradectl.cli.man_page import man_page, walk
from tradectl.cli.reply_tables import replies
from tradectl.host.crontab_install import PlannedBlock
from tradectl.ledger.delivery import SETTINGS
from tradectl.ledger.schedules import declared
from tradectl.runtime.registry import all_tasks
from tradectl.settings import KEYS
from tradectl.strategy.parameters import Parameters, bounds, setting_fields, show

WRITTEN = "<!-- Written by `make reference`; a test compares it with the program. -->\n"
EXAMPLE_DAY = date(2026, 11, 23)
"""Any date: India has no summer time."""
EXAMPLE_NAME = "--home /home/anna/.tradectl --user anna"
EXAMPLE_PROGRAM = f"/home/anna/tradectl/.venv/bin/tradectl {EXAMPLE_NAME}"
"""The command line in the example crontab."""


def files() -> Mapping[str, str]:
    """Return every generated file by its path in the source tree."""
    return {
        "docs/reference/cli.md": commands(),
        "docs/reference/exit-codes.md": exit_codes(),
        "docs/reference/settings.md": settings(),
        "docs/reference/json.md": f"{WRITTEN}\n{contract.page()}",
        "docs/reference/schemas.json": contract.schemas(),
        "docs/reference/replies.md": f"{WRITTEN}\n{replies()}",
        "docs/reference/expressions.md": f"{WRITTEN}\n{expressions()}",
        "docs/reference/tradectl.1": man_page(),
        "crontab.example": PlannedBlock(
            EXAMPLE_NAME, EXAMPLE_PROGRAM, tuple(declared("", task) for task in all_tasks()), EXAMPLE_DAY, "Asia/Kolkata"
        ).text(),
    }


def commands() -> str:
    """Return the page of all commands with arguments and options, in the order of `tradectl --help`."""
    root: Any = typer.main.get_command(app)
    context: Any = typer.Context(root, info_name="tradectl")
    parts = [WRITTEN, "# Commands\n", f"{root.help}\n", "## Global options\n\nAccepted before and after every command.\n"]
    parts.append(_options(item for item in root.params if item.name != "help"))
    panel = ""
    for path, command in walk(root, context):
        if command.rich_help_panel and command.rich_help_panel != panel:
            panel = command.rich_help_panel
            parts.append(f"## {panel}\n")
        parts.append(_command(path, command))
    return "\n".join(part for part in parts if part)


def _command(path: tuple[str, ...], command: Any) -> str:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    words = " ".join(("tradectl", *path, *(item.metavar or item.name.upper() for item in arguments)))
    parts = [f"### `{words}`\n", "\n".join(line.strip() for line in (command.help or "").splitlines()) + "\n"]
    if arguments:
        parts.append("\n".join(f"- `{item.metavar or item.name.upper()}`: {item.help}" for item in arguments) + "\n")
    shown = (item for item in command.params if item.param_type_name == "option" and not item.hidden)
    parts.append(_options(item for item in shown if item.name != "help" and item.rich_help_panel != PANEL))
    return "\n".join(part for part in parts if part)


def _options(options: Iterator[Any]) -> str:
    lines = []
    for item in options:
        names = ", ".join(f"`{name}`" for name in (*item.opts, *item.secondary_opts))
        lines.append(f"- {names}{'' if item.is_flag else f' `{item.metavar or item.type.name.upper()}`'}: {item.help}")
    return "\n".join(lines) + "\n" if lines else ""


def exit_codes() -> str:
    """Return the page of exit codes, from the classes of errors."""
    found: dict[str, list[str]] = {
        "0": ["completed, already completed; or no reason to run: not a run session, disabled, too early, busy elsewhere"],
        "3": ["such a skip, with `--strict`"],
    }
    for kind in _below(errors.TradectlError):
        if kind is errors.Interrupted:
            found["128+N"] = ["a signal ended the process; N is its number"]
        else:
            found.setdefault(str(kind.exit_code), []).append(" ".join((kind.__doc__ or "").split()))
    found["1"] = ["a bug; the traceback is in the log"]
    found["11"] = [
        "finished, but some orders were refused, an open position has no live sell order, or a row of the broker that cannot be "
        "read stops a symbol of ours"
    ]
    order = sorted(found, key=lambda code: int(code.split("+")[0]))
    rows = "\n".join(f"| {code} | {' '.join(found[code])} |" for code in order)
    text = (
        "The key `outcome` of `--json` has the outcome. `run-due` and `daemon` exit with the most severe code of their tasks.\n"
    )
    return f"{WRITTEN}\n# Exit codes\n\n{text}\n| code | when |\n|---|---|\n{rows}\n"


def _below(kind: type[errors.TradectlError]) -> Iterator[type[errors.TradectlError]]:
    """Yield an error class and all its subclasses in `tradectl.errors`."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _below(child)


def settings() -> str:
    """Return the page of the settings of `tradectl config` and of `tradectl.toml`."""
    rows, usual = [], Parameters()
    for item in setting_fields():
        meta = item.metadata
        unit = meta["unit"].replace("|", " / ")
        rows.append(f"| `{item.name}` | {show(getattr(usual, item.name))} | {unit} | {bounds(item)} | {meta['meaning']} |")
    rows += [f"| `{item.key}` | {show(item.default)} | {item.unit} | | {item.meaning} |" for item in SETTINGS.values()]
    rows += [f"| `{key}` | | secret | | {meaning} |" for key, meaning in CREDENTIALS.items()]
    head = "# Settings\n\n`tradectl config list` shows them with what was changed.\n"
    table = "| setting | default | unit | bounds | meaning |\n|---|---|---|---|---|\n" + "\n".join(rows)
    file = "| key | meaning |\n|---|---|\n" + "\n".join(f"| `{key}` | {meaning} |" for key, meaning in KEYS.items())
    return f"{WRITTEN}\n{head}\n{table}\n\n## tradectl.toml\n\nText in quotes, in the home folder.\n\n{file}\n"


def write(folder: Path) -> None:
    """Write all generated files into a source tree."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
