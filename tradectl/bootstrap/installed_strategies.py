"""Find the strategies that installed packages bring: the entry points of the group `tradectl.strategies`.

An entry point is `NAME = "package.module"`, with or without `:Class`. The strategy is the source file of that module. It is
read as a file of the home is: its text and its hash are those of the file, and the file stands alone.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from tradectl.errors import ConfigurationError

GROUP = "tradectl.strategies"


def installed_names() -> list[str]:
    """Return the names of all strategies of installed packages, sorted."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def installed_file(name: str) -> Path | None:
    """Return the source file of a strategy of an installed package; None if no package brings one of this name.

    Raises ConfigurationError if two packages bring it, or its module has no source file.
    """
    found = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if not found:
        return None
    if len(found) > 1:
        packages = " and ".join(sorted(_package(point) for point in found.values()))
        raise ConfigurationError(f"{packages} both bring the strategy {name} ({GROUP}); remove one of them")
    (point,) = found.values()
    try:
        spec = find_spec(point.module)
    except (ImportError, ValueError) as error:
        raise _unreadable(point, str(error)) from error
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise _unreadable(point, f"there is no source file of the module {point.module}")
    return Path(spec.origin)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _unreadable(point: EntryPoint, reason: str) -> ConfigurationError:
    where = f"the package {_package(point)}, which provides {point.name} ({point.group}), cannot be read"
    return ConfigurationError(f"{where}: {reason}; install it again, or remove it")
