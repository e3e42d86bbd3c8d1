"""The settings of this installation and its user: from `tradectl.toml`, then the environment, then the command line.

No other module reads the environment. Strategy parameters are not here: they belong to each user, in the ledger.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tradectl.errors import ConfigurationError, TradectlError, UsageError
from tradectl.model.moment import IST

FILE = "tradectl.toml"
KEYS = {
    "user": "the user of commands without --user",
    "database": "the ledger: a file, or the URL of a PostgreSQL database",
    "paper": "the paper exchange's file",
    "market": "the folder of market data",
    "sessions": "the operator's own calendar",
    "charges": "the operator's own tables of brokers' charges",
    "color": "off: no colours",
    "quotes": "paper only: the source of live prices: yahoo (delayed) or a broker of `broker list`; else stored bars",
    "nse": "the address of NSE's files",
    "nse_home": "the page whose cookies NSE requires",
    "yahoo": "an address to use instead of Yahoo's",
}
"""The keys of `tradectl.toml` and their meaning."""
SQLITE = "sqlite:///"
"""Prefix of the URL of a ledger that is a file."""
NSE = "https://nsearchives.nseindia.com"
"""Where NSE keeps its daily files."""
NSE_HOME = "https://www.nseindia.com"
"""The page that a browser loads before it requests one of these files."""
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that are known before the ledger is opened. The files need not exist yet.

    Attributes:
        database: An SQLAlchemy URL.
        user: None for the ledger's only user.
        at: The aware moment of `--at`; None for the machine's time.
        quotes: The source of live prices for a paper account, yahoo or a broker; empty for the stored bars.
        nse, nse_home, yahoo: Addresses; an empty `yahoo` is Yahoo's own.
    """

    home: Path
    database: str
    paper: Path
    market: Path
    sessions: Path
    secret_key: Path
    user: str | None = None
    at: datetime | None = None
    color: bool = True
    quotes: str = ""
    nse: str = NSE
    nse_home: str = NSE_HOME
    yahoo: str = ""
    charges_file: str = ""
    """The operator's own tables of charges, relative to the home; empty: charges.csv."""
    database_named: bool = False
    """The command line or the environment names a `database` other than the one of this home."""
    unread: TradectlError | None = None
    """The error of the parts that `load_readable` skipped. `database` is empty if only a damaged file could name it."""

    @property
    def charges(self) -> Path:
        """Return the path of the operator's own tables of brokers' charges. The file need not exist."""
        return self.home / Path(self.charges_file or "charges.csv").expanduser()

    @property
    def logs(self) -> Path:
        """Return the folder of files that are only needed after a bug."""
        return self.home / "logs"

    @property
    def has_ledger(self) -> bool:
        """Return whether the ledger's file exists; True for a server, which is not contacted."""
        return not self.database.startswith(SQLITE) or os.path.exists(self.database.removeprefix(SQLITE))

    @property
    def missing_home(self) -> str:
        """Return what is missing of a home, as a part of a message: its folder, or the ledger's file; empty if nothing is.

        The folder must exist even where the ledger is elsewhere: it holds the halt markers, which every send reads.
        """
        if not os.path.isdir(self.home):
            return f"there is no home in {self.home} (no such folder)"
        return "" if self.has_ledger else f"there is no home in {self.home} (no ledger in {self.database.removeprefix(SQLITE)})"


def load(
    *,
    user: str | None = None,
    database: str | None = None,
    home: str | None = None,
    at: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of this process.

    The arguments come from the command line and override `environment` (default: that of the process).

    Raises UsageError for a moment that cannot be read, ConfigurationError for a damaged tradectl.toml.
    """
    env = os.environ if environment is None else environment
    folder = _folder(home, env)
    moment = at or env.get("TRADECTL_AT")
    return _settings(
        folder, read_file(folder / FILE), env, user=user, database=database, at=parse_moment(moment) if moment else None
    )


def load_readable(
    *,
    user: str | None = None,
    database: str | None = None,
    home: str | None = None,
    at: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings as `load` does, but leave out a damaged tradectl.toml and a damaged moment: see `unread`."""
    env = os.environ if environment is None else environment
    folder = _folder(home, env)
    moment, at_moment, file, wrong = at or env.get("TRADECTL_AT"), None, None, []
    try:
        file = read_file(folder / FILE)
    except ConfigurationError as error:
        wrong.append(str(error))
    try:
        at_moment = parse_moment(moment) if moment else None
    except UsageError as error:
        wrong.append(str(error))
    found = _settings(folder, file or {}, env, user=user, database=database, at=at_moment)
    if file is None and not (database or env.get("TRADECTL_DB")):
        found = replace(found, database="")
    return replace(found, unread=ConfigurationError("; ".join(wrong))) if wrong else found


def _folder(home: str | None, env: Mapping[str, str]) -> Path:
    return Path(home or env.get("TRADECTL_HOME") or Path.home() / ".tradectl").expanduser().absolute()


def _settings(
    folder: Path, file: Mapping[str, str], env: Mapping[str, str], *, user: str | None, database: str | None, at: datetime | None
) -> Settings:
    named = database or env.get("TRADECTL_DB")
    return Settings(
        home=folder,
        database=database_url(named, Path.cwd()) if named else database_url(file.get("database", "ledger.db"), folder),
        paper=folder / Path(file.get("paper", "paper.db")).expanduser(),
        market=folder / Path(file.get("market", "market")).expanduser(),
        sessions=folder / Path(file.get("sessions", "sessions.csv")).expanduser(),
        secret_key=folder / "secret.key",
        user=user or env.get("TRADECTL_USER") or file.get("user") or None,
        at=at,
        color=not env.get("NO_COLOR") and file.get("color", "on") != "off",
        quotes=file.get("quotes", ""),
        nse=file.get("nse", NSE).rstrip("/"),
        nse_home=file.get("nse_home", NSE_HOME).rstrip("/"),
        yahoo=file.get("yahoo", "").rstrip("/"),
        charges_file=file.get("charges", ""),
        database_named=bool(named)
        and database_url(named or "", Path.cwd()) != database_url(file.get("database", "ledger.db"), folder),
    )


def environment_zone(environment: Mapping[str, str] | None = None) -> str:
    """Return TZ, the time zone of this process; empty where it is that of the machine."""
    return (os.environ if environment is None else environment).get("TZ", "")


def user_units(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the unit files of the user's own systemd."""
    env = os.environ if environment is None else environment
    return Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def take_notify_socket() -> str:
    """Return NOTIFY_SOCKET, the address of systemd's notifications, and remove it, so that no child process writes there."""
    return os.environ.pop("NOTIFY_SOCKET", "")


def read_file(path: Path) -> dict[str, str]:
    """Read `tradectl.toml` as text values; empty without a file. Raises ConfigurationError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    for key, value in content.items():
        if key not in KEYS:
            raise ConfigurationError(f"{path}: no setting is called {key!r}; there are {', '.join(KEYS)}")
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {key} is text in quotes, not {value!r}")
    return content


def database_url(text: str, base: Path) -> str:
    """Return a database URL as it is; any other text is the path of an SQLite file, relative to `base`."""
    return text if "://" in text else f"{SQLITE}{base / Path(text).expanduser()}"


def parse_moment(text: str) -> datetime:
    """Return the aware moment of `2023-07-21 09:15[:30]` (Indian time) or of ISO with an offset. Raises UsageError."""
    message = f"{text!r} is not a moment: write '2023-07-21 09:15' (Indian time), or ISO with an offset"
    if not MOMENT.fullmatch(text.strip()):
        raise UsageError(message)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)
