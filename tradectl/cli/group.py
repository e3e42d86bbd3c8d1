"""Accept the global options before and after any command.

`tradectl --user asha status` and `tradectl status --user asha` are the same. Before parsing, the root command moves every global
option to the front. Every command shows the global options in its help.
"""

from __future__ import annotations

import contextlib
import io
import re
import signal
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from tradectl.cli.contents import Contents
from tradectl.cli.help_sections import PlainHelp
from tradectl.cli.invocation import Answer, Invocation, failure
from tradectl.errors import Interrupted, TradectlError, UsageError

WITH_VALUE = frozenset({"--user", "--db", "--home", "--at", "--columns"})
FLAGS = frozenset({"--json", "--quiet", "--verbose", "--version"})
NEGATIVE = re.compile(r"-\.?\d[\d.,]*")
"""Matches a negative number, which is a value and no option."""
SHORT = re.compile(r"-[qv]+")
OF_THE_ROOT = frozenset({"version", "install_completion", "show_completion"})
"""Options of the program itself; the help of a command leaves them out."""
PANEL = "Global options, accepted everywhere"


class MissingValue(ValueError):
    """Raised for a global option at the end of the line, without its value."""


def to_the_front(args: Sequence[str]) -> list[str]:
    """Return `args` with the global options first, in their order; arguments after `--` stay. Raises MissingValue."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word in WITH_VALUE:
            if not waiting:
                raise MissingValue(word)
            front += [word, waiting.pop(0)]
        elif word in FLAGS or SHORT.fullmatch(word) or word.split("=", 1)[0] in WITH_VALUE:
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def wants_help(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for help; one without any command does too."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--help" in before or not (named_words(before) or "--version" in before)


def named_words(arguments: Sequence[str]) -> list[str]:
    """Return the words before the first option of a command, without the global options."""
    try:
        moved = to_the_front(arguments)
    except MissingValue:
        moved = [word for word in arguments if word not in WITH_VALUE]
    while moved and moved[0].startswith("-") and moved[0] != "--":
        moved = moved[2:] if moved[0] in WITH_VALUE else moved[1:]
    return list(takewhile(lambda word: not word.startswith("-"), moved))


def global_options(ctx: Any) -> list[TyperOption]:
    """Return the root's options for the help of a command; the root alone parses them."""
    root: Any = ctx.find_root().command
    return [item for item in root.params if isinstance(item, TyperOption) and item.name not in OF_THE_ROOT]


def words(ctx: Any) -> str:
    """Return the name of a command without the program's: `orders list`."""
    return " ".join(ctx.command_path.split()[1:])


class Command(PlainHelp, TyperCommand):
    """A command whose help ends with the global options."""

    def get_params(self, ctx: Any) -> list[Any]:
        own = super().get_params(ctx)
        return own if ctx.parent is None else [*own, *(_shown(item) for item in global_options(ctx))]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; a negative number such as `-0.5` may be the value of an argument."""
        known = {name for item in self.get_params(ctx) for name in (*item.opts, *item.secondary_opts)} | set(
            ctx.help_option_names
        )
        before = args[: args.index("--")] if "--" in args else args
        unknown = [word for word in before if word.startswith("-") and word.split("=")[0] not in known]
        ctx.ignore_unknown_options = bool(unknown) and all(map(NEGATIVE.fullmatch, unknown))
        return super().parse_args(ctx, args)


def _shown(option: TyperOption) -> TyperOption:
    return TyperOption(
        param_decls=[f"global_{option.name}", *option.opts],
        is_flag=option.is_flag,
        help=option.help,
        metavar=option.metavar,
        expose_value=False,
        rich_help_panel=PANEL,
        default=None,
        show_default=False,
        type=option.type,
        required=False,
    )


class Group(PlainHelp, TyperGroup):
    """A group of commands. `default`: the command that runs if only the group is named."""

    default: str | None = None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        if self.default is not None and bare and not ctx.resilient_parsing:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class ListGroup(Group):
    """A group that runs its command `list` if only the group is named."""

    default = "list"


class ShowGroup(Group):
    """A group whose bare name means its command `show`."""

    default = "show"


class BrokerGroup(Group):
    """A group whose bare name means its command `broker`."""

    default = "broker"


class Root(Group):
    """The root command, `tradectl`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Contents()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            moved = to_the_front(args)
        except MissingValue as error:
            if ctx.resilient_parsing:  # a shell completes the value
                return super().parse_args(ctx, args[:-1])
            ctx.fail(f"Option '{error}' requires an argument.")
        if isinstance(ctx.obj, Invocation):
            ctx.obj.command = next((word for word in moved if word in self.commands), "")
        return super().parse_args(ctx, moved if moved or ctx.resilient_parsing else ["--help"])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:
        """Run the command, print its answer and exit with its code. An expected error is printed as one line, or as JSON."""
        arguments = list(sys.argv[1:] if args is None else args)
        invocation = extra.pop("obj", None) or Invocation()
        invocation.as_json = "--json" in arguments[: arguments.index("--")] if "--" in arguments else "--json" in arguments
        try:
            if invocation.as_json and wants_help(arguments):
                code = self._help_as_json(arguments, invocation)
            else:
                code = super().main(arguments, prog_name or "tradectl", standalone_mode=False, obj=invocation) or 0
        except TradectlError as error:
            invocation.command = self.full_name(arguments)
            code = invocation.answer(failure(error))
        except typer.Abort as error:
            typer.echo(err=True)  # the cursor is behind the prompt
            invocation.command = self.full_name(arguments)
            code = invocation.answer(failure(_unanswered(error)))
        except typer.TyperException as error:
            invocation.command = self.full_name(arguments)
            code = invocation.answer(_misspoken(error))
        sys.exit(code)

    def _help_as_json(self, arguments: list[str], invocation: Invocation) -> int:
        """Print the help of a command as one object."""
        captured = io.StringIO()
        with contextlib.redirect_stdout(captured):
            super().main([*named_words(arguments), "--help"], "tradectl", standalone_mode=False, obj=invocation)
        invocation.as_json, invocation.command = True, self.full_name(arguments, with_default=False)
        text = "\n".join(line.rstrip() for line in captured.getvalue().strip().splitlines())
        return invocation.answer(Answer({"help": text}))

    def full_name(self, arguments: Sequence[str], *, with_default: bool = True) -> str:
        """Return the name of the command that a command line names, with the default of a group: `orders list`.

        An unknown word ends the name."""
        command: Any = self
        path: list[str] = []
        for word in named_words(arguments):
            if not hasattr(command, "commands") or word not in command.commands:
                break
            command = command.commands[word]
            path.append(word)
        else:
            if path and with_default and isinstance(command, Group) and command.default is not None:
                path.append(command.default)
        return " ".join(path)


def _unanswered(error: typer.Abort) -> TradectlError:
    """Return why a prompt got no answer: Ctrl-C, or the end of stdin."""
    if isinstance(error.__context__, KeyboardInterrupt):
        return Interrupted(signal.SIGINT)
    return UsageError("stdin ended before the last answer; options give the answers without a prompt, see --help")


NUMBERS = {"int": "whole number", "float": "number"}
_NO_NUMBER = re.compile(r"is not a valid (int|float)(?: range)?\.")
"""What Typer says of a value that is no number, in the words of a programmer."""


def _misspoken(error: typer.TyperException) -> Answer:
    """Return Typer's usage errors in our form."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx else "tradectl"
    message = _NO_NUMBER.sub(lambda found: f"is not a {NUMBERS[found[1]]}", " ".join(error.format_message().split()))
    return Answer(outcome="failed", exit_code=2, error=f"{message} (see `{path} --help`)")
