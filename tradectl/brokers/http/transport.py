"""Send requests to a broker and map their failures to errors. A read may be repeated; a command is sent once.

An account that only reads gets a `ReadTransport`. That class chooses the HTTP method, so its caller cannot send a command.

If no connection was made, a failed command was not carried out. If the connection broke or timed out, or the reply was 429 or
unreadable, the outcome is unknown: Ambiguous. Only the broker's order list shows the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from tradectl.brokers.adapter import Limiter, always
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.address_family import CONNECT, READ, Source, any_source, protocol_hint
from tradectl.brokers.http.server_time import requested_wait
from tradectl.errors import Ambiguous, BrokerUnavailable, DatabaseError, RateLimited, TradectlError
from tradectl.model.order import Side
from tradectl.ports import Clock

if TYPE_CHECKING:
    from requests import Session
    from tenacity import RetryCallState

READS = 3
"""The most tries of a read."""
PAUSE = 0.5
"""Seconds before a read is tried again, doubled each time; longer if the broker requests it."""
WAIT_AFTER_429 = 1.0
"""Seconds to wait before the command that follows a reply 429; longer if the broker requests it."""
LONGEST = 5.0
"""The longest wait in seconds. If the broker requests more, a read is not repeated, and the next command waits only this long."""


class Reply(Struct, frozen=True):
    """Hold the HTTP status and the body of a reply."""

    status: int
    content: bytes

    def json(self) -> Any:
        """Return the JSON document of the reply. Raises ValueError if it is not JSON (`strict_json`)."""
        return strict_json.read(self.content)

    def object(self) -> Mapping[str, Any]:
        """Return the JSON object of the reply, an empty one for any other content."""
        try:
            content = self.json()
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


Judge = Callable[[Reply], TradectlError | None]
"""Returns the error of a reply from its status and the broker's codes: None for a success, Ambiguous if a command may have been
carried out."""


class _TooMany(RateLimited):
    """Report the broker's reply 429. tradectl's own limiter raises RateLimited instead."""


class _Connections:
    """Hold the open connections to one broker and the parameters of every request."""

    def __init__(
        self,
        name: str,
        judge: Judge,
        *,
        clock: Clock,
        limiter: Limiter,
        timeout: tuple[float, float] | None = None,
        source: Callable[[], Source] = any_source,
    ) -> None:
        self.name, self.judge, self.source = name, judge, source
        self.clock, self.limiter, self.timeout = clock, limiter, timeout or (CONNECT, READ)
        self.next_wait = 0.0
        """Seconds to wait before the next command, because the reply to the last one was 429."""

    @cached_property
    def session(self) -> Session:
        """Return the session of `requests`, in which no layer repeats a request."""
        import requests

        from tradectl.brokers.http.deadline import DeadlineAdapter, without_target

        session = requests.Session()
        session.hooks["response"].append(without_target)
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, DeadlineAdapter(self.source()))
        return session

    def close(self) -> None:
        """Close the connections that are kept open; the next request opens new ones."""
        if "session" in self.__dict__:
            self.__dict__.pop("session").close()


class ReadTransport:
    """Send requests that change nothing to one broker.

    A read is a GET. A path that ends with one of `posts` is sent as a POST, because the broker requires it. `timeout` is in
    seconds, for the connection and for one part of a reply. For `source` see `address_family.source_of`.
    """

    def __init__(
        self,
        name: str,
        judge: Judge,
        *,
        clock: Clock,
        limiter: Limiter,
        timeout: tuple[float, float] | None = None,
        posts: Collection[str] = (),
        source: Callable[[], Source] = any_source,
    ) -> None:
        self._line = _Connections(name, judge, clock=clock, limiter=limiter, timeout=timeout, source=source)
        self._posts = tuple(posts)

    def close(self) -> None:
        """Close the connections that are kept open; the next request opens new ones."""
        self._line.close()

    def read(self, url: str, *, bucket: str, tries: int = READS, **sent: Any) -> Reply:
        """Return the reply to a read. After a temporary failure it is tried again, up to `tries` times in all.

        `sent` are arguments of `requests`: headers, params, data, json.

        Raises:
            BrokerUnavailable: The last try failed. Any other error that the judge returns is raised too.
        """
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        retrying = Retrying(
            stop=stop_after_attempt(tries),
            wait=_pause,
            retry=retry_if_exception(_may_be_tried_again),
            sleep=self._line.clock.sleep,
            reraise=True,
        )
        return retrying(self._read, url, bucket=bucket, **sent)

    def _read(self, url: str, *, bucket: str, **sent: Any) -> Reply:
        try:
            return _exchanged(self._line, self._method(url), url, bucket=bucket, **sent)
        except Ambiguous as error:
            raise BrokerUnavailable(str(error)) from error

    def _method(self, url: str) -> str:
        try:
            path = urlsplit(url).path
        except ValueError as error:
            raise BrokerUnavailable(f"{self._line.name} returned an invalid address") from error
        return "POST" if path.endswith(self._posts) else "GET"


class Transport(ReadTransport):
    """Send reads and commands to one broker. An order is sent only after `check_send` has returned (see `BrokerAccount`)."""

    def __init__(
        self,
        name: str,
        judge: Judge,
        *,
        clock: Clock,
        limiter: Limiter,
        timeout: tuple[float, float] | None = None,
        posts: Collection[str] = (),
        check_send: Callable[[Side], None] = always,
        source: Callable[[], Source] = any_source,
    ) -> None:
        super().__init__(name, judge, clock=clock, limiter=limiter, timeout=timeout, posts=posts, source=source)
        self._check_send = check_send

    def command(
        self,
        method: str,
        url: str,
        *,
        bucket: str,
        side: Side | None,
        before_sending: Callable[[], None] | None = None,
        judge: Judge | None = None,
        **sent: Any,
    ) -> Reply:
        """Send a request that may change something, once, and return the reply.

        Args:
            side: The side of an order that is placed or changed, None for any other command.
            before_sending: A check that depends on the time. It and then `check_send` are called on the open connection, before
                the first byte, because the limiter and the connection may take long. If one raises, nothing is sent.
            judge: Replaces the transport's judge for this command.
            sent: Arguments of `requests`: headers, params, data, json.

        Raises:
            Ambiguous: The command may have been carried out. The reply 429 is Ambiguous too, because no broker documents that it
                comes before acceptance. The next command then waits as long as the broker requests, at most `LONGEST` seconds.
            BrokerUnavailable: The command was provably not sent. Any other error that the judge returns is raised too.
        """
        line = self._line
        if line.next_wait:
            line.clock.sleep(line.next_wait)
            line.next_wait = 0.0

        def check() -> None:
            if before_sending is not None:
                before_sending()
            if side is not None:
                self._check_send(side)

        try:
            return _exchanged(line, method, url, bucket=bucket, check=check, judge=judge, **sent)
        except _TooMany as error:
            line.next_wait = min(LONGEST, max(WAIT_AFTER_429, error.wait))
            raise Ambiguous(f"{error}; the outcome of the command is unknown") from error
        except DatabaseError as error:  # raised by the limiter or by a check before the first byte
            raise BrokerUnavailable(f"{error}; nothing was sent to {line.name}") from error


def _exchanged(
    line: _Connections,
    method: str,
    url: str,
    *,
    bucket: str,
    check: Callable[[], None] | None = None,
    judge: Judge | None = None,
    **sent: Any,
) -> Reply:
    """Send one request and return its reply. `check` is called on the open connection; if it raises, nothing is sent."""
    import requests

    from tradectl.brokers.http.deadline import checked_first

    line.limiter.take(bucket)
    try:
        with (
            checked_first(check),
            line.session.request(method, url, timeout=line.timeout, allow_redirects=False, stream=True, **sent) as answer,
        ):
            reply = Reply(answer.status_code, answer.content)
    except (requests.ConnectTimeout, requests.exceptions.InvalidURL) as error:
        raise BrokerUnavailable(f"{line.name} could not be reached{protocol_hint(line.source())}") from error
    except requests.ConnectionError as error:
        if _never_connected(error):
            raise BrokerUnavailable(f"{line.name} could not be reached{protocol_hint(line.source())}") from error
        raise Ambiguous(f"the connection to {line.name} broke before a reply came") from error
    except requests.Timeout as error:
        raise Ambiguous(f"{line.name} did not answer within {line.timeout[1]:g} s") from error
    except requests.RequestException as error:
        raise Ambiguous(f"{line.name}'s reply could not be read") from error
    if answer.status_code == 429:
        wait = requested_wait(answer.headers, line.clock.machine_now())
        again = f": it accepts requests again in {wait:.0f} s" if wait else ""
        raise _TooMany(f"{line.name} limits the rate of requests (429){again}", wait=wait)
    failure = (judge or line.judge)(reply)
    if failure is not None:
        raise failure
    return reply


def _may_be_tried_again(error: BaseException) -> bool:
    return isinstance(error, TradectlError) and error.retryable and _requested_wait(error) <= LONGEST


def _pause(state: RetryCallState) -> float:
    """Return the seconds before the next try: `PAUSE`, doubled each time, or the broker's wait if that is longer."""
    failure = state.outcome.exception() if state.outcome is not None else None
    return max(PAUSE * 2.0 ** (state.attempt_number - 1), _requested_wait(failure))


def _requested_wait(error: BaseException | None) -> float:
    return error.wait if isinstance(error, RateLimited) else 0.0


def _never_connected(error: Exception) -> bool:
    """Return whether no connection was made (no address, refused, invalid certificate), so that nothing was sent.

    The certificate is checked before the request is sent. Other TLS failures may also come after the request.
    """
    from ssl import SSLCertVerificationError

    from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError):
        return any(isinstance(item, SSLCertVerificationError) for item in reason.args)
    return isinstance(reason, NewConnectionError)
