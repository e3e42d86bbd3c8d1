"""Make the replies: whole pages, the part of a page that changes, files of the program, and reports."""

from __future__ import annotations

import gc
import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tradectl.control_characters import one_line
from tradectl.dashboard.access import Access
from tradectl.dashboard.guard import Guard
from tradectl.dashboard.report_files import TYPES, ReportFolder, policy_of
from tradectl.dashboard.views import VIEWS, values_of
from tradectl.errors import DatabaseError, TradectlError, UsageError
from tradectl.halt_marker import MarkerFile
from tradectl.model.moment import to_ist
from tradectl.model.money import show_rupees, to_paise
from tradectl.redaction import scrubbed
from tradectl.report.logs import LEVELS
from tradectl.report.result_sentences import sentence
from tradectl.report.status import marker_state
from tradectl.report.status_findings import age_text, mode_text, moment_text, service_text, session_text, state_text
from tradectl.report_page import templating

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from starlette.types import ASGIApp

    from tradectl.world import World

FOLDER = Path(__file__).parent
OF_REPORTS = ("report.css", "theme.js", "charts.js", "trades.js", "candles.js", "lightweight-charts.standalone.production.js")
OWN = ("dashboard.css", "live.js")
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
PATIENCE = 2.0
"""Seconds that a report waits for another one, because one at a time is made. Meanwhile it holds one of few threads."""
PERIODS = ("session", "month", "year")
FILTERS = ("level", "search")


class DashboardSource(Struct, frozen=True):
    """What the pages show, of one user of one home.

    Attributes:
        open_world: Opens the user's world for reading; the caller closes it.
        reports: The folder of the reports that the user may see.
        report_of: Makes the page of a report of a period: `session`, `month` or `year`. Raises UsageError for any other text.
        report_bug: Reports an unexpected error.
    """

    open_world: Callable[[], World]
    home: Path
    user: str
    reports: ReportFolder
    report_of: Callable[[World, Mapping[str, str]], str]
    report_bug: Callable[[Exception], None]
    one_report: threading.Lock = field(default_factory=threading.Lock)


def application(source: DashboardSource, access: Access) -> ASGIApp:
    """Return the pages behind their guard."""
    replies = _Replies(source)
    routes = [
        Route("/", replies.page),
        Route("/assets/{name}", replies.asset),
        Route("/live/{view}", replies.live),
        Route("/reports/period", replies.period),
        Route("/reports/file/{name}", replies.file),
        Route("/{view}", replies.page),
    ]
    handlers: dict[Any, Any] = {HTTPException: _not_found, Exception: replies.bug}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), access, refused, question)


class _Replies(Struct, frozen=True):
    source: DashboardSource

    def page(self, request: Request) -> Response:
        """Return a whole page, which a browser then keeps current by its live part."""
        name = request.path_params.get("view", "today")
        if name not in VIEWS:
            return refused(404, NOT_HERE)
        part = self._part(name, request)
        query = f"?{request.url.query}" if request.url.query else ""
        given = {key: request.query_params.get(key, "") for key in FILTERS}
        shown = {"name": name, "view": VIEWS[name], "user": self.source.user, "part": part, "query": query, "given": given}
        return HTMLResponse(_fill("frame.html", **shown), part.status)

    def live(self, request: Request) -> Response:
        """Return the part of a page that changes; 304 if the browser has it."""
        name = request.path_params["view"]
        if name not in VIEWS:
            return refused(404, NOT_HERE)
        part = self._part(name, request)
        headers = {"ETag": f'"{part.revision}"', "X-Read-At": part.read_at, "X-Title": part.title}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(part.text, part.status, headers)

    def asset(self, request: Request) -> Response:
        """Return a style or a script of the program."""
        name = request.path_params["name"]
        folder = templating.FOLDER if name in OF_REPORTS else FOLDER if name in OWN else None
        if folder is None:
            return refused(404, NOT_HERE)
        return Response(_content(folder / "assets" / name), media_type=KINDS[Path(name).suffix])

    def file(self, request: Request) -> Response:
        """Return a file of the folder of reports."""
        name = request.path_params["name"]
        content = self.source.reports.read(name)
        return refused(404, NOT_HERE) if content is None else _report(content, TYPES[Path(name).suffix])

    def period(self, request: Request) -> Response:
        """Return the report of a period, made now."""
        given = {name: request.query_params[name] for name in PERIODS if request.query_params.get(name)}
        if not self.source.one_report.acquire(timeout=PATIENCE):
            return refused(503, "Another report is being made. Load this page again.")
        try:
            with self._opened() as world:
                page = self.source.report_of(world, given)
        except UsageError as error:
            return refused(400, _said(error))
        except TradectlError as error:
            return refused(503, _said(error))
        finally:
            self.source.one_report.release()
        return _report(page.encode(), TYPES[".html"])

    def bug(self, _: Request, error: Exception) -> Response:
        """Report an unexpected error, and return a page without its text."""
        self.source.report_bug(error)
        return refused(500, "This is a bug: the traceback is in the log of the home. Use `tradectl status`.")

    @contextmanager
    def _opened(self) -> Iterator[World]:
        """Yield a world of its own for one request, and close it.

        The market data of a closed world stay open until their cycle of objects is collected, so those of earlier requests are
        collected first. This takes some milliseconds, because `listen` freezes all that the program has imported.
        """
        gc.collect()
        world = self.source.open_world()
        try:
            yield world
        finally:
            world.close()

    def _part(self, name: str, request: Request) -> _Part:
        """Return the part of a page that changes. Where the ledger cannot be read, it has the halt marker."""
        source = self.source
        try:
            with self._opened() as world:
                read_at = f"{to_ist(world.clock.now()):%H:%M:%S}"
                values = values_of(VIEWS[name], world, source.home, source.reports, request.query_params)
        except TradectlError as error:
            marker = marker_state(MarkerFile(source.home, source.user)) if isinstance(error, DatabaseError) else None
            return _Part(_fill("unread.html", error=_said(error), marker=marker), "", "! tradectl", 503)
        grave = f"({values['grave']}!) " if values["grave"] else ""
        return _Part(_fill(f"{name}.html", user=source.user, **values), read_at, f"{grave}{VIEWS[name].title} - tradectl", 200)


class _Part(Struct, frozen=True):
    """The part of a page that changes: HTML, the time of the read in IST, the title of the page, and the status of the reply."""

    text: str
    read_at: str
    title: str
    status: int

    @property
    def revision(self) -> str:
        """Return a text that differs if the part differs."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:20]


COMMAND = re.compile(r"`([^`]+)`")
"""A command in the text of a finding."""
NOT_HERE = "There is no such page."


def refused(status: int, text: str) -> Response:
    """Return the page of a refusal."""
    return HTMLResponse(_fill("refused.html", title=f"{status}", text=one_line(text), ask=False), status)


def question(text: str) -> Response:
    """Return the page that asks for the token. `text`: what was wrong with the last one."""
    return HTMLResponse(_fill("refused.html", title="Token needed", text=text, ask=True), 403)


async def _not_found(_: Request, error: HTTPException) -> Response:
    return refused(error.status_code, NOT_HERE)


def _report(content: bytes, kind: str) -> Response:
    policy = {"Content-Security-Policy": policy_of(content)} if kind.startswith("text/html") else {}
    return Response(content, headers=policy, media_type=kind)


def _said(error: TradectlError) -> str:
    return " ".join(one_line(scrubbed(str(error))).split())


def commands(text: Markup) -> Markup:
    """Return safe HTML in which each command between backquotes looks like one."""
    from markupsafe import Markup

    return Markup(COMMAND.sub(r"<code>\1</code>", str(text)))


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()


def _fill(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = templating.environment_of(FOLDER / "templates")
    environment.filters |= {
        "amount": lambda text: "" if text is None else show_rupees(to_paise(text)),
        "moment": moment_text,
        "time": lambda text: "" if text is None else text[11:19],
        "sentence": sentence,
        "age": age_text,
        "commands": commands,
        "of_text": lambda text: "" if text is None else "gain" if to_paise(text) > 0 else "loss" if to_paise(text) < 0 else "",
    }
    environment.globals |= {
        "views": VIEWS,
        "levels": LEVELS,
        "mode_text": mode_text,
        "state_text": state_text,
        "session_text": session_text,
        "service_text": service_text,
    }
    return environment
