"""Credentials and a session in memory, for sandboxes and tests: no ledger and no encryption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tradectl.brokers.adapter import LoginSession
from tradectl.errors import ConfigurationError


class MemoryVault:
    """Implement `adapter.Vault` in memory.

    Attributes:
        told: Credentials by the name of their field.
        stored: The session; None before the first login.
        logins: Every session that was kept, oldest first.
    """

    def __init__(self, told: Mapping[str, str], stored: LoginSession | None = None) -> None:
        self.told = dict(told)
        self.stored = stored
        self.logins: list[LoginSession] = []

    def get(self, name: str) -> str | None:
        """Return a credential; None where there is none."""
        return self.told.get(name)

    def require(self, name: str) -> str:
        """Return a credential. Raises ConfigurationError where there is none."""
        found = self.get(name)
        if found is None:
            raise ConfigurationError(f"{name} is missing")
        return found

    def session(self) -> LoginSession | None:
        """Return the stored session."""
        return self.stored

    def keep_session(self, session: LoginSession) -> None:
        """Store a session in the place of the one before."""
        self.stored = session
        self.logins.append(session)

    def end_session(self, session: LoginSession) -> None:
        """End this session where it is still the stored one."""
        if self.stored is not None and self.stored.is_same(session):
            self.stored = replace(self.stored, expires_at=self.stored.logged_in_at)
