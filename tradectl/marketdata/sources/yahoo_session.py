"""Provide the HTTP session of yfinance, with a limited request rate, timeouts, and the address from the settings.

It is a session of curl_cffi, which imitates a browser; Yahoo rejects other clients. Only replies with charts are checked here.
yfinance continues if its other requests (cookies, a crumb) fail.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from curl_cffi import requests as curl

from tradectl.errors import SourceUnavailable
from tradectl.marketdata.sources.request_pacer import RequestPacer, TemporaryFailure, retry_after

CHARTS = "/v8/finance/chart/"


class YahooSession(curl.Session):  # type: ignore[type-arg]
    """Send the requests of yfinance. `base`: URL that replaces every host of Yahoo; empty for Yahoo itself."""

    def __init__(self, base: str, pacer: RequestPacer) -> None:
        super().__init__(impersonate="chrome")
        self._base = base
        self._pacer = pacer

    def request(self, method: Any, url: str, *more: Any, **options: Any) -> Any:
        """Send a request within the limits. Raises SourceUnavailable if a request of a chart fails."""
        parts = urlsplit(url)
        if self._base:
            url = f"{self._base}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        limits = self._pacer.limits
        options["timeout"] = (limits.connect, limits.read)  # curl uses the sum as the timeout of the whole request
        self._pacer.wait_until_free()
        if CHARTS not in parts.path:
            return super().request(method, url, *more, **options)
        try:
            answer = cast("curl.Response", super().request(method, url, *more, **options))
        except curl.exceptions.RequestException as error:
            raise TemporaryFailure(f"Yahoo cannot be reached ({type(error).__name__})") from error
        _check_status(answer)
        return answer


def _check_status(answer: curl.Response) -> None:
    """Raise SourceUnavailable for an error status. 404 and 422 are accepted, because yfinance reads the reason in their body."""
    said = f"Yahoo replied {answer.status_code} {answer.reason}".strip()
    if answer.status_code == 429 or answer.status_code >= 500:
        raise TemporaryFailure(said, retry_after(answer.headers.get("Retry-After")))
    if answer.status_code not in {200, 404, 422}:
        raise SourceUnavailable(said)
