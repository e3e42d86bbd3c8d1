"""Serve a read-only page of the account for a browser (`serve`)."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.errors import ConfigurationError

if TYPE_CHECKING:
    from tradectl.dashboard.pages import DashboardSource
    from tradectl.world import World

app = typer.Typer()


@command(app, panel=OPERATE)
def serve(
    invocation: Invocation,
    host: Annotated[str, typer.Option(help="Address or name to listen at.", metavar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535, metavar="PORT")] = 8600,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Require the token in this file; a missing file is made.", metavar="FILE"),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", help="A further name by which browsers reach the page; repeatable.", metavar="NAME[:PORT]"),
    ] = None,
) -> Answer:
    """Serve a page for a browser until SIGINT or SIGTERM: status, positions, orders, charts, reports, log.

    The page is read-only: no command can be given there. It refreshes itself. Only this machine can open it; any other address
    or name needs --token-file. Needs the extra `serve`."""
    try:
        from tradectl.dashboard.listening import listen
        from tradectl.dashboard.pages import application
    except ModuleNotFoundError as error:
        raise ConfigurationError("`serve` needs the extra `serve`: pip install 'tradectl[serve]'") from error
    from tradectl.dashboard.access import access_to, bound_socket, bracketed, read_token

    source = _source(invocation)
    with bound_socket(host, port) as listening:
        token, note = read_token(token_file.expanduser()) if token_file is not None else ("", "")
        access = access_to(listening, host, names or (), token)
        if note:
            invocation.warn(note)
        bound = listening.getsockname()
        url = f"http://{bracketed(str(bound[0]))}:{bound[1]}/"
        once = f"; the first time open {url}?token=TOKEN with the token of {token_file}" if token else ""
        invocation.note(f"the page of {source.user} is at {url}{once}")
        count, signal_number = listen(application(source, access), listening)
    found = {"url": url, "requests": count, "signal": signal_number or None}
    return Answer(found, f"{count} requests answered")


def _source(invocation: Invocation) -> DashboardSource:
    """Return what the pages show. Raises ConfigurationError without a home."""
    from tradectl import bootstrap
    from tradectl.bootstrap.reports import report_names
    from tradectl.cli.report import content_for, dates_of
    from tradectl.dashboard.pages import DashboardSource
    from tradectl.dashboard.report_files import ReportFolder
    from tradectl.report_page.page import render

    settings, world = invocation.required_settings(), invocation.world(read_only=True, make=False, follow=False)
    user = world.user
    invocation.close()

    def open_world() -> World:
        return bootstrap.open_world(settings, user, read_only=True, make=False, follow=False)

    def report_of(opened: World, given: Mapping[str, str]) -> str:
        dates = dates_of(given.get("session", ""), given.get("month", ""), given.get("year", ""), "", "")
        return render(content_for(opened, dates))

    def report_bug(error: Exception) -> None:
        from tradectl.cli.app import store_traceback
        from tradectl.redaction import scrubbed

        where = store_traceback(scrubbed("".join(traceback.format_exception(error))), invocation)
        invocation.warn(f"this is a bug: {type(error).__name__}: {error}{f'; the traceback is in {where}' if where else ''}")

    reports = ReportFolder(settings.reports, report_names(user))
    return DashboardSource(open_world, settings.home, user, reports, report_of, report_bug)
