"""Store a user's settings as text, and the user's credentials, of which the secret ones are encrypted.

The strategy defines the meaning and the bounds of a setting. The encryption key is a file beside the configuration and not in
the database, so that a copied database reveals no secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Table, delete, select, update

from tradectl.errors import ConfigurationError, UsageError
from tradectl.files import create_file
from tradectl.ledger.engine import Database
from tradectl.ledger.schema import user_settings, user_trading_config
from tradectl.ledger.upserts import insert_new
from tradectl.redaction import HIDDEN, remember

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Settings:
    """The trading configuration of one user: text by key, which the caller parses."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user

    def list(self) -> dict[str, str]:
        """Return every setting that was changed from its default, by key."""
        rows = user_trading_config.c
        with self.database.read() as connection:
            statement = select(rows.key, rows.value).where(rows.user == self.user).order_by(rows.key)
            return {row.key: row.value for row in connection.execute(statement)}

    def get(self, key: str) -> str | None:
        """Return a setting as text; None if it has its default."""
        return self.list().get(key)

    def set(self, key: str, value: str) -> None:
        """Store a setting."""
        _put(self.database, user_trading_config, {"user": self.user, "key": key}, {"value": value})

    def unset(self, key: str) -> bool:
        """Reset a setting to its default; return whether it had been changed."""
        rows = user_trading_config.c
        with self.database.write() as connection:
            statement = delete(user_trading_config).where(rows.user == self.user, rows.key == key)
            return connection.execute(statement).rowcount == 1

    def plain(self, key: str) -> str | None:
        """Return a credential that is not secret; None if it is not set or is secret."""
        rows = user_settings.c
        with self.database.read() as connection:
            wanted = (rows.user == self.user, rows.key == key, rows.secret.is_(False))
            return connection.execute(select(rows.value).where(*wanted)).scalar()

    def credentials(self, key_file: Path) -> Credentials:
        """Return the user's credentials, decrypted with this key file."""
        return Credentials(self.database, self.user, key_file)


class Credentials:
    """The credentials of one user. Only `get` and `require` return secrets. The first secret creates the key file, mode 600."""

    def __init__(self, database: Database, user: str, key_file: Path) -> None:
        self.database = database
        self.user = user
        self.key_file = key_file

    def set(self, key: str, value: str, *, secret: bool = True) -> None:
        """Store a credential, encrypted if it is secret."""
        stored = self._cipher(create=True).encrypt(remember(value).encode()).decode() if secret else value
        _put(self.database, user_settings, {"user": self.user, "key": key}, {"value": stored, "secret": secret})

    def get(self, key: str) -> str | None:
        """Return a value in clear text; None if it is not set. Raises ConfigurationError if the key file does not match."""
        from cryptography.fernet import InvalidToken

        rows = user_settings.c
        with self.database.read() as connection:
            statement = select(rows.value, rows.secret).where(rows.user == self.user, rows.key == key)
            row = connection.execute(statement).first()
        if row is None or not row.secret:
            return None if row is None else str(row.value)
        try:
            return remember(self._cipher().decrypt(row.value.encode()).decode())
        except InvalidToken as error:
            raise ConfigurationError(
                f"{key!r} was encrypted with another key than {self.key_file}: restore that key file, or enter {key!r} again"
            ) from error

    def require(self, key: str) -> str:
        """Return a value in clear text. Raises ConfigurationError if it is not set."""
        value = self.get(key)
        if value is None:
            raise ConfigurationError(f"the credential {key!r} of {self.user} is not set: `tradectl broker set` stores it")
        return value

    def list(self) -> Mapping[str, str]:
        """Return every credential by key; secret values are hidden."""
        rows = user_settings.c
        with self.database.read() as connection:
            statement = select(rows.key, rows.value, rows.secret).where(rows.user == self.user).order_by(rows.key)
            return {key: HIDDEN if secret else value for key, value, secret in connection.execute(statement)}

    def unset(self, key: str) -> None:
        """Delete a credential. Raises UsageError if it is not set."""
        rows = user_settings.c
        with self.database.write() as connection:
            statement = delete(user_settings).where(rows.user == self.user, rows.key == key)
            if connection.execute(statement).rowcount == 0:
                raise UsageError(f"there is no credential {key!r}")

    def _cipher(self, *, create: bool = False) -> Fernet:
        from cryptography.fernet import Fernet

        try:
            if create and not self.key_file.exists():
                _make_key(self.key_file, Fernet.generate_key())
            if os.name == "posix" and self.key_file.stat().st_mode & 0o077:
                raise ConfigurationError(
                    f"{self.key_file} may be read by other users of this machine: run `chmod 600 {self.key_file}`"
                )
            return Fernet(self.key_file.read_bytes().strip())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the key file {self.key_file} cannot be used: {error}") from error


def _make_key(key_file: Path, key: bytes) -> None:
    """Write the key file in one step. If another process has created the file meanwhile, that file stays the key."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    create_file(key_file, key)


def _put(database: Database, table: Table, key: Mapping[str, str], values: Mapping[str, object]) -> None:
    with database.write() as connection:
        if not insert_new(connection, table, {**key, **values}):
            where = [table.c[name] == value for name, value in key.items()]
            connection.execute(update(table).where(*where).values(**values))
