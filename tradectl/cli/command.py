"""Turn a function into a command: it takes an `Invocation` and its own options, and returns an `Answer`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from tradectl.actor import set_command
from tradectl.cli.group import Command, words
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import DAY, OPERATE
from tradectl.streams import wait_for_reader

Body = Callable[..., Answer]


def command(
    app: typer.Typer, name: str | None = None, *, panel: str | None = None, short: str | None = None
) -> Callable[[Body], Body]:
    """Register `body(invocation, **options) -> Answer` in `app`; its docstring is the help, its annotations are the options."""

    def register(body: Body) -> Body:
        app.command(name, cls=Command, rich_help_panel=panel, short_help=short)(_entrance(body, works=panel in {DAY, OPERATE}))
        return body

    return register


def _entrance(body: Body, *, works: bool) -> Callable[..., None]:
    """Return the function for Typer: the same options, with a context in the place of the invocation.

    `works`: cron and the daemon start this command, so a stdout that is not read must not block it."""

    @wraps(body)
    def enter(ctx: typer.Context, **options: Any) -> None:
        invocation: Invocation = ctx.obj
        invocation.command = words(ctx)
        set_command(invocation.command)
        if not works:
            wait_for_reader()
        raise typer.Exit(invocation.answer(body(invocation, **options)))

    seen = inspect.signature(body, eval_str=True)
    own = list(seen.parameters.values())[1:]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    options = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own]
    enter.__dict__["__signature__"] = seen.replace(parameters=[context, *options], return_annotation=None)
    enter.__annotations__ = {"ctx": typer.Context, **{item.name: item.annotation for item in own}}
    return enter
