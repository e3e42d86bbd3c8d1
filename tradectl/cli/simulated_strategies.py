"""Read the options --strategy and --set of `simulate`: which strategies run, with which share and which parameters."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tradectl.cli.invocation import Invocation
from tradectl.errors import UsageError
from tradectl.model.rule_names import REVERSION

if TYPE_CHECKING:
    from tradectl.bootstrap.simulated_strategies import SimulatedStrategy
    from tradectl.strategy.strategy import Strategy


def strategies_of(
    invocation: Invocation, named: Sequence[str], changes: Sequence[str], universe: str
) -> tuple[list[SimulatedStrategy], list[str]]:
    """Return the strategies of the options and the changes that are settings. Raises UsageError.

    Args:
        named: Texts NAME or NAME:SHARE.
        changes: Texts NAME=VALUE: a setting or a parameter, which STRATEGY.NAME=VALUE tells apart.
        universe: The list of `--universe`; empty without it.
    """
    from tradectl.bootstrap.simulated_strategies import SimulatedStrategy
    from tradectl.bootstrap.strategies import StrategyFolder
    from tradectl.research.rule_books import check_settings
    from tradectl.strategy.changed_defaults import with_defaults

    shares = _shares(named)
    folder = StrategyFolder(invocation.required_settings().home)
    read = {name: folder.read(name) for name in shares if name != REVERSION}
    for one in read.values():
        if universe and one.universe:
            raise UsageError(f"{one.name} has its own list, {one.universe}; leave --universe out, or change {one.file}")
    of_strategy, settings = _divided(changes, read)
    if REVERSION not in shares and read:
        check_settings(next(iter(read.values())).rule(), dict(change.split("=", 1) for change in settings if "=" in change))
    found = []
    for name, share in shares.items():
        own = read.get(name)
        if own is None:
            found.append(SimulatedStrategy(name, share))
            continue
        changed = of_strategy.get(name, {})
        found.append(SimulatedStrategy.of(with_defaults(own, changed) if changed else own, share))
    return found, settings


def _shares(named: Sequence[str]) -> dict[str, Decimal]:
    """Return the share of each named strategy. Those without one divide what the others leave."""
    given: dict[str, Decimal | None] = {}
    for text in named:
        name, colon, share = text.partition(":")
        if name in given:
            raise UsageError(f"--strategy {name} is given twice")
        given[name] = _share(name, share) if colon else None
    left, without = Decimal(1) - sum(share or Decimal(0) for share in given.values()), list(given.values()).count(None)
    if left < 0 or (without and not left):
        raise UsageError(f"the shares of {', '.join(given)} are more than 1 together")
    return {name: left / without if share is None else share for name, share in given.items()}


def _share(name: str, text: str) -> Decimal:
    try:
        share = Decimal(text)
    except InvalidOperation:
        raise UsageError(f"--strategy {name}:{text}: a share is a number such as 0.5") from None
    if not 0 < share <= 1:
        raise UsageError(f"--strategy {name}:{text}: a share is more than 0 and at most 1")
    return share


def _divided(changes: Sequence[str], read: dict[str, Strategy]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the changed parameters of each strategy, and the other changes."""
    found: dict[str, dict[str, str]] = {}
    settings = []
    for change in changes:
        name, _, value = change.partition("=")
        strategy, dot, parameter = name.rpartition(".")
        having = [item.name for item in read.values() if name in {one.name for one in item.parameters}]
        if dot and strategy in read:
            found.setdefault(strategy, {})[parameter] = value
        elif len(having) > 1:
            raise UsageError(f"--set {name}: {' and '.join(having)} have this parameter; write {having[0]}.{name}=VALUE")
        elif having:
            found.setdefault(having[0], {})[name] = value
        else:
            settings.append(change)
    return found, settings
