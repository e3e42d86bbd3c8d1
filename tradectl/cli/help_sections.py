"""Write the help of a command as plain text, in sections by panel.

Typer would draw it by rich, whose imports take two thirds of the time of `--help`. Plain text also fits a narrow terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

WHOLE = 300
"""The most characters of a command's summary in the help of its group; a summary ends with its first sentence."""


VALUES = {"int": "N", "int range": "N", "float": "NUMBER", "float range": "NUMBER", "str": "TEXT", "path": "PATH"}
"""How help names the value of an option that does not name it itself, by Typer's name of its type."""


class PlainHelp:
    """Mixed into a command before Typer's class: its help does not use rich."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"rich_markup_mode": None})
        command: Any = self
        for item in command.params:
            if item.metavar is None and not (item.param_type_name == "option" and item.is_flag):
                item.metavar = VALUES.get(item.type.name)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options by panel, then the commands of a group."""
        command: Any = self
        _write(formatter, ((_panel(item), item.get_help_record(ctx)) for item in command.get_params(ctx)))
        if hasattr(command, "commands"):
            named = ((name, command.get_command(ctx, name)) for name in command.list_commands(ctx))
            shown = ((found.rich_help_panel or "Commands", (name, found.get_short_help_str(WHOLE))) for name, found in named)
            _write(formatter, shown)


def _panel(item: Any) -> str:
    """Return the title of the section of an argument or option."""
    return str(item.rich_help_panel or f"{item.param_type_name.title()}s")


def _write(formatter: Any, rows: Iterable[tuple[str, Sequence[str] | None]]) -> None:
    """Write a section for each title, in the order of the first row of each; a hidden item has no row."""
    sections: dict[str, list[Sequence[str]]] = {}
    for title, row in rows:
        if row is not None:
            sections.setdefault(title, []).append(row)
    for title, found in sections.items():
        with formatter.section(title):
            formatter.write_dl(found)
