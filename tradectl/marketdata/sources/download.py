"""Download one file over HTTP, complete or not at all, with a browser's headers and within limits of time and size.

A site that replies 401 or 403 requires a visit of its home page first; the cookies from there are used for the rest of the run.
Once a site could not be reached in all attempts of a file, each further file gets one attempt, until one succeeds.
"""

from __future__ import annotations

import requests
import urllib3

from tradectl.clock import stopwatch
from tradectl.errors import ConfigurationError, DataError, SourceUnavailable
from tradectl.marketdata.sources.request_pacer import RequestPacer, TemporaryFailure, Unreachable, retry_after

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate",
}
CHUNK = 65_536


class Downloader:
    """Download files from one site.

    `site`: name of the site in messages. `home`: URL of the page that sets the site's cookies."""

    def __init__(self, site: str, home: str, pacer: RequestPacer) -> None:
        self._site, self._home, self._pacer = site, home, pacer
        self._session = requests.Session()
        self._session.headers.update(BROWSER | {"Referer": f"{home}/"})
        self._visited_home = False
        self._unreachable = False

    def get(self, url: str) -> bytes | None:
        """Return the content of a URL; None for 404.

        Raises SourceUnavailable for other errors of the site, DataError for a too large file, ConfigurationError for a bad
        URL."""
        try:
            content = self._pacer.retrying(1 if self._unreachable else None)(self._once, url)
        except SourceUnavailable as error:
            self._unreachable = isinstance(error, Unreachable)
            raise
        self._unreachable = False
        return content

    def _once(self, url: str) -> bytes | None:
        limits = self._pacer.limits
        self._pacer.wait_until_free()
        started = stopwatch()
        try:
            with self._session.get(url, timeout=(limits.connect, limits.read), stream=True) as response:
                if response.status_code == 404:
                    return None
                if response.status_code in {401, 403} and not self._visited_home:
                    self._visit_home()
                    raise TemporaryFailure(f"{self._site} replied {response.status_code} {response.reason}", wait=0.0)
                self._refuse(response)
                return self._body(response, url.rpartition("/")[2], started + limits.whole)
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema) as error:
            raise ConfigurationError(f"{url} is not a valid URL: {error}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            kind = Unreachable if isinstance(error, requests.ConnectionError) else TemporaryFailure
            raise kind(f"{self._site} cannot be reached ({type(error).__name__})") from error

    def _visit_home(self) -> None:
        """Fetch the home page for its cookies; its content is ignored."""
        limits = self._pacer.limits
        self._visited_home = True
        self._pacer.wait_until_free()
        self._session.get(f"{self._home}/", timeout=(limits.connect, limits.read), stream=True).close()

    def _refuse(self, response: requests.Response) -> None:
        """Raise SourceUnavailable for every status except 200: its subclass TemporaryFailure if a retry may help."""
        said = f"{self._site} replied {response.status_code} {response.reason}".strip()
        if response.status_code == 429:
            wait = retry_after(response.headers.get("Retry-After"))
            raise TemporaryFailure(said if wait is None else f"{said}: try again in {wait:.0f} s", wait)
        if response.status_code >= 500:
            raise TemporaryFailure(said, retry_after(response.headers.get("Retry-After")))
        if response.status_code in {401, 403}:
            raise SourceUnavailable(f"{said}, even with the cookies of {self._home}")
        if response.status_code != 200:
            raise SourceUnavailable(said)

    def _body(self, response: requests.Response, name: str, deadline: float) -> bytes:
        """Return the content of a response. It is read in parts, so that a slow server cannot exceed the deadline."""
        parts, size, most = [], 0, self._pacer.limits.most_bytes
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            if size > most:
                raise DataError(f"{name}: is larger than {most} bytes")
            if stopwatch() > deadline:
                raise TemporaryFailure(f"{self._site} sends {name} too slowly: {size} bytes in {self._pacer.limits.whole:g} s")
            self._pacer.look()
        promised = response.headers.get("Content-Length", "")
        if promised.isdecimal() and response.raw.tell() != int(promised):
            raise TemporaryFailure(f"{self._site} ended the transfer of {name} after {response.raw.tell()} of {promised} bytes")
        return b"".join(parts)
