"""Where this installation lives and who speaks: `tradectl.toml`, then the environment, then the command line.

Nothing else reads the environment. The numbers of the strategy are not here: they belong to each user, in the ledger.
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
    "user": "who speaks where nobody is named",
    "database": "the ledger: a file, or the URL of a PostgreSQL database",
    "paper": "the paper exchange's file",
    "market": "the folder of market data",
    "sessions": "the operator's own calendar",
    "charges": "the operator's own tables of brokers' charges",
    "color": "off: no colours",
    "quotes": "paper only: whose prices orders fill at, yahoo (late) or a broker of `broker list`; else stored bars",
    "nse": "the address of NSE's files",
    "nse_home": "the page whose cookies NSE wants",
    "yahoo": "the address that stands for Yahoo",
}
"""What `tradectl.toml` may say, and what it means."""
SQLITE = "sqlite:///"
"""How the URL of a ledger begins that is a file."""
NSE = "https://nsearchives.nseindia.com"
"""Where NSE keeps its daily files."""
NSE_HOME = "https://www.nseindia.com"
"""The page that a browser has seen before it asks for one of them."""
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """All that is known before the ledger is opened.

    `database` is an SQLAlchemy URL. `user` is None where nobody was named: the ledger's only user then. `at` is the aware
    moment of `--at`, None for the machine's own time. The files need not exist yet. `quotes` names the source of live prices
    for a paper account, yahoo or a broker (empty: the stored bars). `nse`, `nse_home` and `yahoo` are addresses (empty: Yahoo's
    own).
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
    """The operator's own tables of charges, seen from the home; empty: charges.csv."""
    database_named: bool = False
    """Whether `database` was named by the command line or the environment, and not by the home."""
    unread: TradectlError | None = None
    """What `load_readable` left out, and why. `database` is then empty where only tradectl.toml could name it."""

    @property
    def charges(self) -> Path:
        """The operator's own tables of brokers' charges. The file need not exist."""
        return self.home / Path(self.charges_file or "charges.csv").expanduser()

    @property
    def logs(self) -> Path:
        """The folder for what a person only needs after a bug."""
        return self.home / "logs"

    @property
    def has_ledger(self) -> bool:
        """Whether the ledger's file is there. A server is not asked: it counts as one that is."""
        return not self.database.startswith(SQLITE) or os.path.exists(self.database.removeprefix(SQLITE))

    @property
    def missing_home(self) -> str:
        """What shows that no home is here, as a part of a message: the folder is missing, or the ledger's file. Else empty.

        The folder must be there also where the ledger is elsewhere: the halt markers, which every send reads, lie in it.
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
    """The settings of this process; the arguments are the command line's and win over `environment` (default: the process's).

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
    """TZ, the time zone of this process; empty where it is that of the machine."""
    return (os.environ if environment is None else environment).get("TZ", "")


def read_file(path: Path) -> dict[str, str]:
    """`tradectl.toml` as text values; empty where there is no file. Raises ConfigurationError."""
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
    """A database URL as it is; anything else is the path of an SQLite file, seen from `base`."""
    return text if "://" in text else f"{SQLITE}{base / Path(text).expanduser()}"


def parse_moment(text: str) -> datetime:
    """`2023-07-21 09:15[:30]` in Indian time, or ISO with an offset. Raises UsageError."""
    message = f"{text!r} is not a moment: write '2023-07-21 09:15' (Indian time), or ISO with an offset"
    if not MOMENT.fullmatch(text.strip()):
        raise UsageError(message)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)
