"""Install the units with which systemd runs the day (`systemd`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.command import command
from tradectl.cli.group import ShowGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import CONFIGURE
from tradectl.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(name="systemd", rich_help_panel=CONFIGURE, cls=ShowGroup, help="The units for systemd: install, show, remove.")
SYSTEM = Path("/etc/systemd/system")
User = Annotated[
    bool, typer.Option("--own/--system", help="Units of your own manager (systemctl --user), or of the machine (as root).")
]
Timer = Annotated[bool, typer.Option("--timer", help="Start `run-due` each minute instead of the daemon.")]
Port = Annotated[
    int | None, typer.Option("--serve", help="Also serve the page for a browser at this port.", min=1, max=65535, metavar="PORT")
]
Account = Annotated[
    str, typer.Option(help="--system: the machine's account that runs it; default: the home's owner.", metavar="NAME")
]


@command(app)
def show(invocation: Invocation, own: User = True, timer: Timer = False, account: Account = "", port: Port = None) -> Answer:
    """Print the unit files for this home and user, and install nothing."""
    files = _files(invocation, own=own, timer=timer, account=account, port=port)[1]
    return Answer(files, "\n".join(f"# {name}\n{text}" for name, text in files.items()).rstrip("\n"))


@command(app)
def install(invocation: Invocation, own: User = True, timer: Timer = False, account: Account = "", port: Port = None) -> Answer:
    """Write the unit files and print the command that starts them; `systemd-analyze verify` checks them where it is installed."""
    from tradectl.host.crontab_install import require_home

    settings = invocation.required_settings()
    if settings.at is not None:
        raise UsageError("systemd starts tasks by the machine's clock: leave --at out")
    require_home(settings)
    if port is not None:
        _require_extra()
    name, files = _files(invocation, own=own, timer=timer, account=account, port=port)
    folder = _folder(own=own)
    _write(folder, files)
    _remove(folder, [item for item in _names(name) if item not in files])
    problems = _verified(invocation, folder, files)
    if problems:
        _remove(folder, list(files))
        raise ConfigurationError(f"systemd does not accept the units, so they were removed: {problems}")
    following = _commands(name, own=own, timer=timer, page=port is not None)
    text = "\n".join([*(f"wrote {folder / item}" for item in files), "next:", *(f"  {line}" for line in following)])
    return Answer({"files": [str(folder / item) for item in files], "next": following}, text)


@command(app)
def remove(invocation: Invocation, own: User = True) -> Answer:
    """Stop the units of this home and user, and delete their files."""
    name, folder = _name(invocation), _folder(own=own)
    there = [item for item in _names(name) if (folder / item).exists()]
    for item in there:
        _systemctl(["disable", "--now", item], own=own)
    _remove(folder, there)
    if there:
        _systemctl(["daemon-reload"], own=own)
    text = "\n".join(f"removed {folder / item}" for item in there) or f"{folder} has no units of this home and user"
    return Answer({"files": [str(folder / item) for item in there]}, text)


def _name(invocation: Invocation) -> str:
    from tradectl import bootstrap
    from tradectl.host.systemd_units import unit_name

    settings = invocation.required_settings()
    return unit_name(settings.home, settings.user or bootstrap.only_user(settings) or "me")


def _names(name: str) -> list[str]:
    return [f"{name}{ending}" for ending in ("-serve.service", "-preflight.timer", "-preflight.service", ".timer", ".service")]


def _files(invocation: Invocation, *, own: bool, timer: bool, account: str, port: int | None) -> tuple[str, Mapping[str, str]]:
    from tradectl import bootstrap
    from tradectl.host.program import database_options, home_options, program_path
    from tradectl.host.systemd_units import unit_files

    settings = invocation.required_settings()
    user = settings.user or bootstrap.only_user(settings) or "me"
    bootstrap.schedule_of(settings, user)
    database, notes = database_options(settings)
    for note in notes:
        invocation.note(note)
    import shutil

    program = program_path()
    if program[0] == "env":
        program[0] = shutil.which("env") or "/usr/bin/env"
    words = [*program, *home_options(settings, user), *database]
    runs_as = "" if own else account or _owner(settings.home)
    name, server = _name(invocation), not settings.database.startswith("sqlite:")
    return name, unit_files(name, settings.home, user, words, timer=timer, account=runs_as, database=server, port=port)


def _require_extra() -> None:
    """Raise ConfigurationError where the packages of `serve` are not installed: its unit would only fail."""
    from importlib.util import find_spec

    if not all(map(find_spec, ("starlette", "uvicorn"))):
        raise ConfigurationError("`serve` needs the extra `serve`: pip install 'tradectl[serve]'")


def _owner(home: Path) -> str:
    import pwd

    try:
        return pwd.getpwuid(home.stat().st_uid).pw_name
    except (OSError, KeyError) as error:
        raise ConfigurationError(f"the owner of {home} is not known: name the account that runs it by --account") from error


def _folder(*, own: bool) -> Path:
    from tradectl.settings import user_units

    return user_units() if own else SYSTEM


def _write(folder: Path, files: Mapping[str, str]) -> None:
    from tradectl.files import replace_file

    for name, text in files.items():
        try:
            replace_file(folder / name, text.encode(), mode=0o644, parents=True)
        except OSError as error:
            raise ConfigurationError(f"{folder / name} cannot be written: {error.strerror}. `--own` needs no root") from error


def _remove(folder: Path, names: list[str]) -> None:
    """Delete files that `install` wrote; others of the same name stay."""
    from tradectl.host.systemd_units import MARK

    for file in (folder / name for name in names):
        try:
            if file.exists() and file.read_text(encoding="utf-8", errors="replace").startswith(MARK):
                file.unlink()
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be removed: {error.strerror}") from error


def _verified(invocation: Invocation, folder: Path, files: Mapping[str, str]) -> str:
    """Return the complaints of `systemd-analyze verify` about these files; empty where it is not installed or cannot run."""
    import shutil
    import subprocess

    program = shutil.which("systemd-analyze")
    if program is None:
        return ""
    words = [program, "verify", "--man=no", "--generators=no", *(str(folder / name) for name in files)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in done.stderr.splitlines() if any(name in line for name in files)]
    if done.returncode and not ours:
        invocation.note("`systemd-analyze verify` could not check the units: " + " ".join(done.stderr.split())[:200])
    return "; ".join(ours)


def _systemctl(words: list[str], *, own: bool) -> None:
    """Run systemctl where it is installed; a manager that does not run has nothing to stop."""
    import shutil
    import subprocess

    program = shutil.which("systemctl")
    if program is not None:
        subprocess.run([program, *(["--user"] if own else []), *words], capture_output=True, check=False, timeout=120)


def _commands(name: str, *, own: bool, timer: bool, page: bool) -> list[str]:
    manager = "systemctl --user" if own else "systemctl"
    unit = f"{name}.{'timer' if timer else 'service'}"
    units = [unit, f"{name}-preflight.timer", *([f"{name}-serve.service"] if page else [])]
    found = [f"{manager} daemon-reload", f"{manager} enable --now {' '.join(units)}"]
    return [*found, "loginctl enable-linger"] if own else [*found, f"{manager} status {unit}"]
