"""Read the settings of a home from `tradectl.toml`, the environment and the command line. The later source wins.

No other module reads the environment. The strategy parameters belong to each user and are in the ledger.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import ConfigurationError, TradectlError, UsageError
from tradectl.files import NotText, saved_text
from tradectl.model.moment import IST

FILE = "tradectl.toml"
FAIR_VALUES, TAX_ACTIONS = "fair-values.csv", "tax-actions.csv"
"""The files of a home with the prices of 2018-01-31 and with corporate actions, for taxes (`import`)."""
KEYS = {
    "user": "the user of commands without --user",
    "database": "the ledger: a file, or the URL of a PostgreSQL database",
    "paper": "the file of the paper exchange",
    "market": "the folder of market data",
    "sessions": "the file with your own sessions, which override the shipped calendar",
    "charges": "the file with your own tables of brokers' charges",
    "color": "on, or off for output without colours",
    "quotes": "paper only: the source of live prices, yahoo (delayed) or a broker of `broker list`; without it, stored bars",
    "nse": "the address of NSE's files",
    "nse_home": "the address of NSE's site: the cookies that NSE requires, and its lists in JSON",
    "yahoo": "an address to use instead of Yahoo's",
    "report_folder": "the folder of reports; if it is set, `eod` writes one of each session",
    "telegram": "the address of Telegram's Bot API, such as of your own Bot API server",
}
"""The keys of `tradectl.toml` and their meaning."""
SQLITE = "sqlite:///"
"""The prefix of the URL of a ledger in a file."""
NSE = "https://nsearchives.nseindia.com"
"""The address of NSE's daily files."""
NSE_HOME = "https://www.nseindia.com"
"""The page whose cookies NSE requires for these files."""
TELEGRAM = "https://api.telegram.org"
"""The address of Telegram's Bot API."""
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?")


class Settings(Struct, frozen=True):
    """The settings that are known before the ledger is opened. The files need not exist yet.

    Attributes:
        database: An SQLAlchemy URL.
        user: The user's name; None means the only user of the ledger.
        at: The aware moment of `--at`; None means the machine's time.
        quotes: The source of live prices for a paper account, yahoo or a broker; empty means the stored bars.
        nse, nse_home, yahoo, telegram: Addresses; an empty `yahoo` means Yahoo's own address.
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
    telegram: str = TELEGRAM
    charges_file: str = ""
    """The path of the operator's own tables of charges, relative to the home; empty means charges.csv."""
    report_folder: str = ""
    """The folder of reports, relative to the home; empty means reports, and no report by `eod`."""
    database_named: bool = False
    """Whether the command line or the environment names another database than that of this home."""
    unread: TradectlError | None = None
    """The error of the parts that `load_readable` skipped; None if there is none.

    `database` is empty if only a damaged file could name it.
    """

    @property
    def charges(self) -> Path:
        """Return the path of the operator's own tables of brokers' charges. The file need not exist."""
        return self.home / Path(self.charges_file or "charges.csv").expanduser()

    @property
    def reports(self) -> Path:
        """Return the folder of reports. It need not exist."""
        return self.home / Path(self.report_folder or "reports").expanduser()

    @property
    def logs(self) -> Path:
        """Return the folder of log files, which are only needed after a bug."""
        return self.home / "logs"

    @property
    def has_ledger(self) -> bool:
        """Return whether the ledger's file exists; True for a database server, which is not contacted."""
        return not self.database.startswith(SQLITE) or os.path.exists(self.database.removeprefix(SQLITE))

    @property
    def missing_home(self) -> str:
        """Return a text that names the missing folder or ledger file of a home; empty if nothing is missing.

        The folder must exist even if the ledger is elsewhere, because it has the halt markers, which are read before every send.
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

    Raises:
        UsageError: A moment cannot be read.
        ConfigurationError: tradectl.toml is damaged.
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
    """Return the settings as `load` does, but skip a damaged tradectl.toml or moment and set `unread` instead."""
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
        telegram=file.get("telegram", TELEGRAM).rstrip("/"),
        charges_file=file.get("charges", ""),
        report_folder=file.get("report_folder", ""),
        database_named=bool(named)
        and database_url(named or "", Path.cwd()) != database_url(file.get("database", "ledger.db"), folder),
    )


def english_environment() -> dict[str, str]:
    """Return the environment of this process for a program whose messages are read, so that they are English."""
    return {**os.environ, "LC_ALL": "C"}


def environment_zone(environment: Mapping[str, str] | None = None) -> str:
    """Return TZ, the time zone of this process; empty if it is that of the machine."""
    return (os.environ if environment is None else environment).get("TZ", "")


def user_units(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the unit files of the user's own systemd."""
    env = os.environ if environment is None else environment
    return Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def take_notify_socket() -> str:
    """Return NOTIFY_SOCKET, the address of systemd's notifications, and remove it, so that no child process writes there."""
    return os.environ.pop("NOTIFY_SOCKET", "")


_ANEW = "Correct it, or move it away: without it the home has its defaults"


def read_file(path: Path) -> dict[str, str]:
    """Return the values of `tradectl.toml`; empty without a file.

    Raises ConfigurationError if it cannot be read or has an unknown key.
    """
    try:
        text = saved_text(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    except NotText as error:
        raise ConfigurationError(f"{path} cannot be read: {error}. {_ANEW}") from error
    import tomllib  # a home without the file needs no parser

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {_in_words(error, text)}. {_ANEW}") from error
    for key, value in content.items():
        if key not in KEYS:
            raise ConfigurationError(f"{path}: no setting is called {key!r}; there are {', '.join(KEYS)}")
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {key} must be text in quotes, not {value!r}")
    return content


def _in_words(error: ValueError, text: str) -> str:
    """Return what is wrong in a file, with its row and key. No value is shown, because it may be a secret."""
    found = re.search(r"(.*) \(at line (\d+), column \d+\)", str(error))
    if found is None:
        return str(error)
    row = int(found[2])
    key = re.match(r"\s*([A-Za-z0-9_-]+)\s*=", text.splitlines()[row - 1]) if row <= len(text.splitlines()) else None
    if key is not None and found[1] == "Cannot overwrite a value":
        return f"row {row} sets {key[1]} for the second time"
    hint = ", a value is text in quotes" if found[1] == "Invalid value" else ""
    return f"row {row}{f', {key[1]}' if key else ''}: {found[1]}{hint}"


def database_url(text: str, base: Path) -> str:
    """Return a database URL unchanged. Any other text is the path of an SQLite file relative to `base`: return its URL."""
    return text if "://" in text else f"{SQLITE}{base / Path(text).expanduser()}"


def parse_moment(text: str) -> datetime:
    """Return the aware moment of a text such as `2023-07-21 09:15[:30]` (IST), or of ISO text with an offset.

    Raises UsageError for any other text.
    """
    message = f"{text!r} is not a moment: write '2023-07-21 09:15' (Indian time), or ISO with an offset"
    if not MOMENT.fullmatch(text.strip()):
        raise UsageError(message)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)
