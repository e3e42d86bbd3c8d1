"""Write the `tradectl.toml` of a new home: each key with its meaning, commented unless it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError
from tradectl.files import create_file
from tradectl.settings import FILE, KEYS, NSE, NSE_HOME, TELEGRAM

if TYPE_CHECKING:
    from tradectl.settings import Settings

EXAMPLES = {
    "user": "me",
    "database": "ledger.db",
    "paper": "paper.db",
    "market": "market",
    "sessions": "sessions.csv",
    "charges": "charges.csv",
    "color": "on",
    "quotes": "yahoo",
    "nse": NSE,
    "nse_home": NSE_HOME,
    "yahoo": "https://query2.finance.yahoo.com",
    "report_folder": "reports",
    "telegram": TELEGRAM,
}
"""The default of each key, or an example where the default is no value."""
_HEAD = """\
# Settings of this home; paths are relative to it. Remove the `#` in front of a key to change it.
# The settings of the strategy and of the user are in the ledger: `tradectl config list`.
"""


def settings_text(chosen: Mapping[str, str]) -> str:
    """Return the whole file. `chosen`: values of keys that are not commented."""
    parts = [_HEAD]
    for key, meaning in KEYS.items():
        line = f'{key} = "{chosen[key]}"' if key in chosen else f'# {key} = "{EXAMPLES[key]}"'
        parts.append(f"# {meaning}\n{line}\n")
    return "\n".join(parts)


def write_settings(settings: Settings, chosen: Mapping[str, str]) -> bool:
    """Write the file of a home that has none and return True; leave an existing one and return False.

    Raises ConfigurationError if it cannot be written."""
    file = settings.home / FILE
    try:
        return create_file(file, settings_text(chosen).encode())
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}. The home is made and has its defaults") from error
