"""Report the start and the end of each run of a task to a dead-man's switch that uses the convention of healthchecks.io.

The address is a secret of the user (`ping.url`), so no error message contains it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import uuid4

from tradectl.errors import UsageError

SECONDS = 3.0
"""The longest wait for a connection, and then for a reply."""
END_SECONDS = 8.0
"""How long `finish` waits for replies."""
PLACE = "{task}"
"""The part of an address that is replaced by the name of the task, for one check for each task."""


class HealthchecksPings:
    """Sends `ADDRESS/start` before a run and `ADDRESS/EXIT_CODE` after it, both with `?rid=` of the run.

    A thread sends them, so that a server that hangs does not delay a task. `address` is called at the first run."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address
        self._url = ""
        self._waiting: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._run = ""
        self._trouble = ""

    def start(self, task: str) -> None:
        """Send the start of a run, and do not wait for the reply."""
        self._run = str(uuid4())
        self._send(task, "start", "")

    def end(self, task: str, exit_code: int, text: str) -> None:
        """Send the end of a run, and do not wait for the reply."""
        self._send(task, str(min(max(exit_code, 0), 255)), text)
        self._run = ""

    def finish(self) -> str:
        """Wait at most `END_SECONDS` for the replies; return why a ping did not arrive, empty if all did."""
        thread, self._thread = self._thread, None
        if thread is None:
            return ""
        self._waiting.put(None)
        thread.join(END_SECONDS)
        late = f"the server of ping.url did not reply within {END_SECONDS:g} s" if thread.is_alive() else ""
        trouble, self._trouble, self._waiting = late or self._trouble, "", SimpleQueue()
        return trouble

    def _send(self, task: str, what: str, text: str) -> None:
        self._url = self._url or self._address()
        self._waiting.put((address_of(self._url, task, what, self._run), text))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, args=(self._waiting,), daemon=True)
            self._thread.start()

    def _work(self, waiting: SimpleQueue[tuple[str, str] | None]) -> None:
        while (item := waiting.get()) is not None:
            trouble = _post(*item)
            if waiting is self._waiting:
                self._trouble = trouble or self._trouble


def _post(address: str, text: str) -> str:
    """Send one ping; return why it did not arrive, empty if it did."""
    import requests

    try:
        with requests.post(address, data=text.encode(), timeout=SECONDS, stream=True) as reply:
            said = reply.raw.read(64).decode("ascii", "replace").strip()
    except requests.RequestException as error:
        return f"the server of ping.url cannot be reached ({type(error).__name__})"
    except OSError as error:  # while the reply is read
        return f"the server of ping.url broke the connection ({type(error).__name__})"
    if not reply.ok or "not found" in said:
        return f"the server of ping.url replied {reply.status_code}{' (not found)' if 'not found' in said else ''}"
    return ""


def address_of(url: str, task: str, what: str, run: str) -> str:
    """Return the address of one ping: `what` is `start` or an exit code, `run` the id of the run (empty: none)."""
    parts = urlsplit(url.replace(PLACE, task))
    query = "&".join(filter(None, (parts.query, urlencode({"rid": run}) if run else "")))
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{what}", query, ""))


def check_address(url: str) -> None:
    """Raise UsageError unless a text is an address for pings; the message does not contain it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(character.isspace() for character in url):
        raise UsageError(f"ping.url is one address such as https://hc-ping.com/KEY/{PLACE} or https://hc-ping.com/UUID")
    if "{" in url.replace(PLACE, "") or "}" in url.replace(PLACE, ""):
        raise UsageError(f"ping.url may contain {PLACE} and no other place in braces")
