"""Generate the manual page tradectl(1) from the declarations of the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from tradectl import __version__
from tradectl.cli.app import app
from tradectl.cli.group import PANEL


def man_page() -> str:
    """Return the page in the macros of man(7)."""
    root: Any = typer.main.get_command(app)
    context: Any = typer.Context(root, info_name="tradectl")
    lines = [
        '.\\" Written by `make reference`; a test compares it with the program.',
        f'.TH TRADECTL 1 "" "tradectl {__version__}" "User Commands"',
        ".SH NAME",
        "tradectl \\- an automated swing\\-trading day on India's NSE",
        ".SH SYNOPSIS",
        ".B tradectl",
        "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION",
        *_text(root.help),
        ".SH GLOBAL OPTIONS",
        "Accepted before and after every command.",
        *_options(root),
    ]
    panel = ""
    for words, command in walk(root, context):
        if command.rich_help_panel and command.rich_help_panel != panel:
            panel = command.rich_help_panel
            lines.append(f".SH {_plain(panel).upper()}")
        lines += _command(words, command)
    lines += [".SH SEE ALSO", "\\fBtradectl help\\fR lists the pages of the manual; \\fBtradectl help \\fITOPIC\\fR shows one."]
    return "\n".join(lines) + "\n"


def walk(group: Any, context: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command below a group, and each group before its commands."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command.hidden:
            continue
        yield (*before, name), command
        if hasattr(command, "list_commands"):
            yield from walk(command, context, (*before, name))


def _command(words: tuple[str, ...], command: Any) -> list[str]:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    named = " ".join(f"\\fI{_plain(item.metavar or item.name.upper())}\\fR" for item in arguments)
    lines = [".SS", f"\\fBtradectl {_plain(' '.join(words))}\\fR {named}".rstrip(), *_text(command.help or "")]
    for item in arguments:
        lines += [".TP", f"\\fI{_plain(item.metavar or item.name.upper())}\\fR", _plain(item.help or "")]
    return lines + _options(command)


def _options(command: Any) -> list[str]:
    lines = []
    for item in command.params:
        if item.param_type_name != "option" or item.hidden or item.name == "help" or item.rich_help_panel == PANEL:
            continue
        names = ", ".join(f"\\fB{_plain(name)}\\fR" for name in (*item.opts, *item.secondary_opts))
        value = "" if item.is_flag else f" \\fI{_plain(item.metavar or item.type.name.upper())}\\fR"
        lines += [".TP", names + value, _plain(item.help or "")]
    return lines


def _text(help_text: str) -> list[str]:
    """Return paragraphs; the first is not preceded by a break."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", help_text.strip())]
    return [line for number, part in enumerate(paragraphs) for line in ([".PP"] if number else []) + [_plain(part)]]


def _plain(text: str) -> str:
    """Escape what man(7) would read as a request or a special character."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
