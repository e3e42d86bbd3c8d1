"""Store credentials and a session in memory, for sandboxes and tests, without a ledger and without encryption."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tradectl.brokers.adapter import LoginSession
from tradectl.errors import ConfigurationError


class MemoryVault:
    """Implement `adapter.Vault` in memory.

    Attributes:
        credentials: Values by the name of their field.
        stored: The session; None before the first login.
        logins: Every session that was stored, oldest first.
    """

    def __init__(self, credentials: Mapping[str, str], stored: LoginSession | None = None) -> None:
        self.credentials = dict(credentials)
        self.stored = stored
        self.logins: list[LoginSession] = []

    def get(self, name: str) -> str | None:
        """Return a credential; None if it is not set."""
        return self.credentials.get(name)

    def require(self, name: str) -> str:
        """Return a credential. Raises ConfigurationError if it is not set."""
        found = self.get(name)
        if found is None:
            raise ConfigurationError(f"{name} is missing")
        return found

    def session(self) -> LoginSession | None:
        """Return the stored session; None before the first login."""
        return self.stored

    def keep_session(self, session: LoginSession) -> None:
        """Store a session, and replace the previous one."""
        self.stored = session
        self.logins.append(session)

    def end_session(self, session: LoginSession) -> None:
        """Mark this session as ended if it is still the stored one."""
        if self.stored is not None and self.stored.is_same(session):
            self.stored = replace(self.stored, expires_at=self.stored.logged_in_at)
