"""A vault in memory: the credentials of one user, and his session, as every process would see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tradectl.brokers.adapter import Session
from tradectl.errors import ConfigurationError


class MemoryVault:
    """`told`: what the user has told. `stored`: the session that all processes share; each change of it is kept in `logins`."""

    def __init__(self, told: Mapping[str, str], stored: Session | None = None) -> None:
        self.told = dict(told)
        self.stored = stored
        self.logins: list[Session] = []

    def get(self, name: str) -> str | None:
        return self.told.get(name)

    def require(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise ConfigurationError(f"{name} has not been told")
        return found

    def session(self) -> Session | None:
        return self.stored

    def keep_session(self, session: Session) -> None:
        self.stored = session
        self.logins.append(session)

    def end_session(self, session: Session) -> None:
        if self.stored is not None and self.stored.is_same(session):
            self.stored = replace(self.stored, expires_at=self.stored.logged_in_at)
