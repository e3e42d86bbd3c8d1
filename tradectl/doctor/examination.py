"""Run all checks that apply to a home, in the order in which their findings should be repaired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tradectl.doctor import account, home, market
from tradectl.doctor.finding import Finding, run

if TYPE_CHECKING:
    from tradectl.brokers.account.read_only_account import ReadOnlyAccount
    from tradectl.marketdata.store import Store
    from tradectl.settings import Settings
    from tradectl.world import World


def examine(
    settings: Settings, world: World, store: Store, at_broker: ReadOnlyAccount | None, *, offline: bool = False
) -> Iterator[Finding]:
    """Yield the finding of each check.

    `at_broker`: the account at the broker; None for a paper home without one. `offline`: send no request."""
    yield from run(home.checks(settings, world))
    yield from run(market.checks(store, world))
    if at_broker is not None:
        yield from run(account.checks(at_broker, world))
        if not offline:
            yield from account.examine(at_broker, world, store)
