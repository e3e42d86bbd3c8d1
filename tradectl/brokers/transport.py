"""Requests to a broker, and what their failures mean. A read may be repeated; a command is sent once, whatever happens.

What matters after a failed command is whether the broker may have carried it out. Where the connection was never made, it did
not. Where it broke, timed out or answered what nobody can read, it may have: that is Ambiguous, and only the book tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tradectl.brokers.adapter import Limiter
from tradectl.errors import Ambiguous, BrokerUnavailable, RateLimited, TradectlError
from tradectl.ports import Clock

if TYPE_CHECKING:
    from requests import Session

CONNECT, READ = 3.05, 7.0
"""Seconds for a connection, and for an answer to begin or to go on; a whole answer has four times as long (`deadline`)."""
READS = 3
"""How often a read is tried."""
PAUSE = 0.5
"""Seconds before a read is tried again, doubled each time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    content: bytes
    retry_after: str = ""

    def json(self) -> Any:
        """ValueError for what is no JSON."""
        return json.loads(self.content)

    def object(self) -> Mapping[str, Any]:
        """The JSON object that was answered; empty where it is none."""
        try:
            content = self.json()
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


Judge = Callable[[Reply], TradectlError | None]
"""What a broker's answer means, by its status and its own codes: None where it is the answer that was asked for. Ambiguous for an
answer after which a command may have been carried out."""


class Transport:
    """One broker's requests. `headers` are asked anew for each request (a login changes them)."""

    def __init__(
        self,
        name: str,
        judge: Judge,
        headers: Callable[[], Mapping[str, str]],
        *,
        clock: Clock,
        limiter: Limiter,
        timeout: tuple[float, float] | None = None,
    ) -> None:
        self._name, self._judge, self._headers = name, judge, headers
        self._clock, self._limiter, self._timeout = clock, limiter, timeout or (CONNECT, READ)

    @cached_property
    def _session(self) -> Session:
        """Connections are kept open, and nothing is ever repeated below us."""
        import requests

        from tradectl.brokers.deadline import Timely

        session = requests.Session()
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, Timely())
        return session

    def close(self) -> None:
        """Close the connections that are kept open; the next request opens new ones."""
        if "_session" in self.__dict__:
            self.__dict__.pop("_session").close()

    def read(self, method: str, url: str, *, bucket: str, **sent: Any) -> Reply:
        """A request that changes nothing; tried again where that may help. BrokerUnavailable after the last try."""
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        retrying = Retrying(
            stop=stop_after_attempt(READS),
            wait=wait_exponential(multiplier=PAUSE, min=PAUSE),
            retry=retry_if_exception(lambda error: isinstance(error, TradectlError) and error.retryable),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(self._read, method, url, bucket=bucket, **sent)

    def _read(self, method: str, url: str, *, bucket: str, **sent: Any) -> Reply:
        try:
            return self.command(method, url, bucket=bucket, **sent)
        except Ambiguous as error:
            raise BrokerUnavailable(str(error)) from error

    def command(
        self, method: str, url: str, *, bucket: str, before_sending: Callable[[], None] | None = None, **sent: Any
    ) -> Reply:
        """A request that may change something, sent once. `sent` is what `requests` takes: params, data, json.

        The limiter may let us wait for long: whatever depends on the time is looked at after that, by `before_sending`, and what
        it raises keeps the request back.

        Raises Ambiguous where it may have been carried out, BrokerUnavailable where it provably was not sent, and what the
        broker's answer means.
        """
        import requests

        self._limiter.take(bucket)
        headers = {**self._headers(), **sent.pop("headers", {})}
        if before_sending is not None:
            before_sending()
        try:
            answer = self._session.request(method, url, headers=headers, timeout=self._timeout, allow_redirects=False, **sent)
        except (requests.ConnectTimeout, requests.exceptions.InvalidURL) as error:
            raise BrokerUnavailable(f"{self._name} could not be reached") from error
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise BrokerUnavailable(f"{self._name} could not be reached") from error
            raise Ambiguous(f"the connection to {self._name} broke before it had answered") from error
        except requests.Timeout as error:
            raise Ambiguous(f"{self._name} did not answer within {self._timeout[1]:g} s") from error
        except requests.RequestException as error:
            raise Ambiguous(f"{self._name}'s answer could not be read") from error
        reply = Reply(answer.status_code, answer.content, answer.headers.get("Retry-After", ""))
        if reply.status == 429:
            raise RateLimited(f"{self._name} asks us to ask less often")
        failure = self._judge(reply)
        if failure is not None:
            raise failure
        return reply


def _never_connected(error: Exception) -> bool:
    """Whether a connection was never made (no address, refused, no trust), so that nothing can have been sent.

    Who is not trusted is found out before the request is sent; any other failure of TLS may come at any time, also after it."""
    from ssl import SSLCertVerificationError

    from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError):
        return any(isinstance(item, SSLCertVerificationError) for item in reason.args)
    return isinstance(reason, NewConnectionError)
