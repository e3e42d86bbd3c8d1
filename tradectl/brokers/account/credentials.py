"""Store a user's credentials and login session at one broker in the ledger, encrypted, for all processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tradectl.brokers.adapter import Adapter, LoginSession
from tradectl.errors import ConfigurationError, LoginNeeded
from tradectl.files import lock_within
from tradectl.ledger.arming import LOGGED_IN_UNTIL
from tradectl.ledger.settings import Credentials
from tradectl.ports import Clock
from tradectl.redaction import remember

SESSION = "session"
LOGIN_WAIT, PAUSE = 60.0, 0.2
"""Seconds for which a login waits for another login, and seconds between two tries."""


class StoredVault:
    """Implement `adapter.Vault` over the ledger's credentials. The keys are `<broker>.<name>`; the session is one of them."""

    def __init__(self, credentials: Credentials, adapter: Adapter) -> None:
        self._credentials = credentials
        self._broker = adapter.name
        self._fields = {item.name: item for item in adapter.fields}

    def get(self, name: str) -> str | None:
        stored = self._credentials.get(self._key(name))
        return self._fields[name].default if stored is None and name in self._fields else stored

    def require(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise ConfigurationError(f"{self._broker} needs your {name}; `tradectl broker set` prompts for it")
        return value

    def put(self, name: str, value: str) -> None:
        """Store a credential. `name` is one of the adapter's fields."""
        self._credentials.set(self._key(name), value, secret=self._fields[name].secret)

    def missing(self) -> tuple[str, ...]:
        """Return the fields that have neither a value nor a default."""
        known = self._credentials.list()
        return tuple(name for name, item in self._fields.items() if item.default is None and self._key(name) not in known)

    def session(self) -> LoginSession | None:
        """Return the stored session, None without one. Raises ConfigurationError if it cannot be read."""
        text = self._credentials.get(self._key(SESSION))
        if text is None:
            return None
        try:
            stored = json.loads(text)
            tokens = {name: remember(token) for name, token in stored["tokens"].items()}
            began, ends = (datetime.fromisoformat(stored[name]) for name in ("logged_in_at", "expires_at"))
            return LoginSession(tokens, began, ends, stored["seen_ip"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"the stored session at {self._broker} cannot be read: `tradectl login --again`") from error

    def keep_session(self, session: LoginSession) -> None:
        for token in session.tokens.values():
            remember(token)
        stored: dict[str, Any] = {
            "tokens": dict(session.tokens),
            "logged_in_at": session.logged_in_at.isoformat(),
            "expires_at": session.expires_at.astimezone(UTC).isoformat(),
            "seen_ip": session.seen_ip,
        }
        self._credentials.set(self._key(SESSION), json.dumps(stored))
        self._credentials.set(self._key(LOGGED_IN_UNTIL), stored["expires_at"], secret=False)

    def end_session(self, session: LoginSession) -> None:
        """End a session that the broker rejected, if it is the stored one. A newer session stays."""
        known = self.session()
        if known is not None and known.is_same(session):
            self.keep_session(replace(known, expires_at=known.logged_in_at))

    def forget_session(self) -> None:
        """Remove the session, so that the next command must log in."""
        for key in (self._key(SESSION), self._key(LOGGED_IN_UNTIL)):
            if key in self._credentials.list():
                self._credentials.unset(key)

    def _key(self, name: str) -> str:
        return f"{self._broker}.{name}"


@contextmanager
def login_lock(folder: Path, user: str, broker: str, clock: Clock) -> Iterator[None]:
    """Let only one process of this machine log a user in at a broker at a time. The next process finds the new session.

    The operating system releases the lock of a dead process.

    Raises:
        LoginNeeded: Another login did not end within `LOGIN_WAIT` seconds, for example because it waits at a prompt.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"login-{broker}-{user}.lock").open("w") as file:
        if not lock_within(file.fileno(), LOGIN_WAIT, pause=PAUSE, sleep=clock.sleep):
            raise LoginNeeded(f"another login at {broker} is still open after {LOGIN_WAIT:.0f} s: finish it first")
        yield
