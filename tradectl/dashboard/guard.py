"""Admit a request, or refuse it before any page is made; and send the headers that restrict the browser.

A request must be GET or HEAD, must name this machine as its Host (a web site could otherwise point its own name here), must not
come from another web site's page, and must have the token where one is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradectl.dashboard.access import Access

METHODS = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of every reply that sets none of its own: nothing inline, and nothing from another host."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
TOKEN = "token"
"""The parameter of `/?token=`."""
WRONG = "This token is wrong."
COOKIE_SECONDS = 30 * 24 * 3600
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host")
"""Headers of a proxy. A proxy connects from this machine, also for a request of another one."""
PUBLIC = "/assets/"
"""The styles and scripts. They are files of the program, and the page that asks for the token needs them."""


class Guard:
    """The application around the pages.

    Args:
        app: The pages.
        refusal: Makes the page of a refusal from its status and its text.
        question: Makes the page that asks for the token, from what was wrong with the last one.
    """

    def __init__(
        self, app: ASGIApp, access: Access, refusal: Callable[[int, str], Response], question: Callable[[str], Response]
    ) -> None:
        self.app = app
        self.access = access
        self.refusal = refusal
        self.question = question

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request. The server sends no other kind of event."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer: ASGIApp = self._refused(scope) or self._admitted(scope) or self.app
        await answer(scope, receive, with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        """Return the refusal of a request that no token can allow; None if there is none."""
        headers = Headers(scope=scope)
        if scope["method"] not in METHODS:
            refused = self.refusal(405, "No command can be given here: this page only shows.")
            refused.headers["Allow"] = ", ".join(METHODS)
            return refused
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.access.hosts:
            return self.refusal(403, "This name is not the name of the page: --name NAME allows one.")
        if not self.access.token and any(name in headers for name in FORWARDED):
            return self.refusal(403, "A proxy passed this request on, so other machines may reach the page: use --token-file.")
        top = headers.get("sec-fetch-dest", "document") == "document"
        if headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"} and not top:
            return self.refusal(403, "Another web site requested this.")
        return None

    def _admitted(self, scope: Scope) -> Response | None:
        """Return None for a request with the token; else the page that asks for it, or a redirect that stores it."""
        if not self.access.token:
            return None
        request = Request(scope)
        given = [value for name, value in parse_qsl(scope["query_string"].decode("latin-1")) if name == TOKEN]
        if given:
            return self._stored() if self.access.is_token(given[-1].strip()) else self.question(WRONG)
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return None if self.access.is_token(bearer.strip()) else self.question(WRONG)
        if self.access.is_token(request.cookies.get(self.access.cookie, "")) or scope["path"].startswith(PUBLIC):
            return None
        return self.question("")

    def _stored(self) -> Response:
        """Return a redirect that stores the token, so that no address has it from then on."""
        found = RedirectResponse("/", status_code=303)
        found.set_cookie(
            self.access.cookie, self.access.token, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="strict"
        )
        return found
