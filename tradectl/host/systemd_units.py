"""The unit files with which systemd runs the daemon of a home and user, and starts it again after a failure.

The service is of `Type=notify`: the daemon reports that it is ready, and at each look that it still works. A daemon that does
not report for `WATCHDOG` seconds is ended and started again. A timer is the alternative: it starts `run-due` each minute, and no
process stays. A timer of its own starts `doctor --preflight` at 07:45 in India. A further service serves the read-only page, if
a port is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tradectl.errors import ConfigurationError

WATCHDOG = 300
"""Seconds: ten looks of the daemon."""
MARK = "# Written by `tradectl systemd install`"
_PLAIN = re.compile(r"[A-Za-z0-9]+")
_SERVICE = """\
{mark}; `tradectl systemd remove` deletes it.
[Unit]
Description=tradectl, the trading day of {user} in {home}
Wants=network-online.target
After=network-online.target time-sync.target{postgres}

[Service]
Type=notify
ExecStart={program} daemon
Restart=always
SuccessExitStatus=143
RestartSec=30
WatchdogSec={watchdog}
TimeoutStopSec=120
KillMode=mixed
UMask=0077
NoNewPrivileges=true

[Install]
WantedBy={target}
"""
_PAGE = """\
{mark}; `tradectl systemd remove` deletes it.
[Unit]
Description=tradectl, the page for a browser of {user} in {home}
After=network.target{postgres}

[Service]
Type=exec
ExecStart={program} serve --port {port}
Restart=always
RestartSec=30
TimeoutStopSec=30
UMask=0077
NoNewPrivileges=true

[Install]
WantedBy={target}
"""
_RUN = """\
{mark}; `tradectl systemd remove` deletes it.
[Unit]
Description=tradectl, {what} {user} in {home}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
ExecStart={program} {command}
TimeoutStartSec=infinity
UMask=0077
NoNewPrivileges=true
"""
_TIMER = """\
{mark}; `tradectl systemd remove` deletes it.
[Unit]
Description={when}: tradectl {command} of {user} in {home}

[Timer]
OnCalendar={calendar}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def unit_name(home: Path, user: str) -> str:
    """Return the name of the units of a home and user without an ending: `tradectl-anna-1b9f3c0a`.

    The last part is a digest of the path, so the units of two homes have two names."""
    from hashlib import sha256

    plain = "-".join(_PLAIN.findall(user)) or "user"
    digest = sha256("\0".join((str(home), user)).encode(errors="surrogateescape")).hexdigest()
    return f"tradectl-{plain}-{digest[:8]}"


def unit_files(
    name: str,
    home: Path,
    user: str,
    program: Sequence[str],
    *,
    timer: bool,
    account: str = "",
    database: bool = False,
    port: int | None = None,
) -> Mapping[str, str]:
    """Return the content of each unit file by its name.

    Args:
        name: See `unit_name`.
        program: The command line up to the subcommand.
        timer: Start `run-due` each minute instead of the daemon.
        account: The account of the machine that runs a system unit; empty for a unit of the user's own manager.
        database: The ledger is on a server of this machine perhaps; start after PostgreSQL where it is installed.
        port: Also serve the page for a browser at this port of this machine.

    Raises ConfigurationError for a path that no unit file can carry."""
    words = " ".join(_quoted(word) for word in program)
    values = {
        "mark": MARK,
        "home": _text(str(home)),
        "user": _text(user),
        "program": words,
        "watchdog": WATCHDOG,
        "target": "multi-user.target" if account else "default.target",
        "postgres": " postgresql.service" if database else "",
    }
    minute = values | {"what": "what is due now for", "command": "run-due -q", "when": "Each minute", "calendar": "*-*-* *:*:00"}
    check = values | {"what": "the check before the day of", "command": "doctor --preflight -q"}
    check |= {"when": "At 07:45 IST", "calendar": "*-*-* 07:45:00 Asia/Kolkata"}
    found = {f"{name}.service": _RUN.format(**minute) if timer else _SERVICE.format(**values)}
    if timer:
        found[f"{name}.timer"] = _TIMER.format(**minute)
    found |= {f"{name}-preflight.service": _RUN.format(**check), f"{name}-preflight.timer": _TIMER.format(**check)}
    if port is not None:
        found[f"{name}-serve.service"] = _PAGE.format(**values, port=port)
    if account:
        found = {item: text.replace("UMask=", f"User={account}\nUMask=") for item, text in found.items()}
    return found


def _quoted(word: str) -> str:
    """Return a word for ExecStart=: in quotes, with specifiers and variables escaped."""
    if any(not character.isprintable() for character in word):
        raise ConfigurationError(
            f"{word!r} cannot be written into a unit file: it has a control character or bytes that are no text. Nothing was "
            "written; rename the folder or the user"
        )
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[^A-Za-z0-9_@/.:=+,-]", word) else escaped


def _text(value: str) -> str:
    """Return a value for Description=, where `%` begins a specifier and a last backslash continues the line."""
    return value.replace("%", "%%").replace("\\", "/")
