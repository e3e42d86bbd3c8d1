"""Choose a user's table of charges: for a live home that of its broker, for a paper home that of its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import ConfigurationError
from tradectl.exchange.rates import LEVIES_ONLY, OF_BROKER, Tariff, shipped
from tradectl.exchange.tariffs import named, read_tariffs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradectl.ledger.store import Ledger
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters

SETTING = "charges"


class Charged(Struct, frozen=True):
    """The table that applies.

    `doubt`: one line, with the command that helps, if the table may not be the broker's; else empty. `damaged`: the operator's
    file cannot be read.
    """

    tariff: Tariff
    doubt: str = ""
    damaged: bool = False


def charged(settings: Settings, ledger: Ledger | None, changes: Mapping[str, str], default: str) -> Charged:
    """Return the table of a user. `changes`: the changed settings. `default`: the default of the setting `charges`.

    In a live home the broker determines the table. A broker without a table, or one that routes orders to another broker
    (OpenAlgo), needs the setting `charges`. Without it only levies are counted, and `doubt` has the reason.
    """
    chosen = changes.get(SETTING)
    if ledger is None or ledger.info.get("mode") != "live":
        return Charged(named(settings.charges, chosen or default))
    from tradectl.ledger.arming import BROKER

    broker = ledger.settings.plain(BROKER) or ""
    own = own_table(broker)
    try:
        tables = read_tariffs(settings.charges)
    except ConfigurationError as damaged:
        # A live home must be able to sell even with a damaged file, so it continues, and each command reports the damage.
        known = own if own in OF_BROKER.values() and own else LEVIES_ONLY
        title = shipped(known).title
        return Charged(shipped(known), f"{damaged}; until you repair the file, the charges are those of {title}", damaged=True)
    if own in tables:
        other = f"charges are those of {broker}; the setting charges={chosen} does not apply in a live home"
        return Charged(tables[own], other if chosen not in {None, own} else "")
    if chosen is not None:
        return Charged(named(settings.charges, chosen))
    reason = f"{broker} routes orders to another broker" if own == "" else f"there is no table of {broker}'s charges"
    return Charged(
        tables[LEVIES_ONLY],
        f"{reason}: only levies are counted, so P&L is too high by the brokerage and DP charges. Name the table with "
        f"`tradectl config set charges NAME` (`tradectl broker tables` lists them; put your own into {settings.charges})",
    )


def own_table(broker: str) -> str:
    """Return the name of a broker's own table; empty for a broker that routes orders to another broker."""
    if broker in OF_BROKER:
        return OF_BROKER[broker]
    from tradectl.brokers.adapter import NamesTariff, adapter, is_known

    found = adapter(broker) if broker and is_known(broker) else None
    return found.charges if isinstance(found, NamesTariff) else broker


def with_tariff(
    parameters: Parameters,
    settings: Settings,
    ledger: Ledger | None,
    changes: Mapping[str, str],
    tell: Callable[[str], None] = lambda _: None,
) -> Parameters:
    """Return the settings with their table of charges. `tell` is called with a line if the operator's file is damaged."""
    from dataclasses import replace

    from tradectl.strategy.parameters import Parameters as Defaults

    found = charged(settings, ledger, changes, Defaults().charges)
    if found.damaged:
        tell(found.doubt)
    return replace(parameters, charges=found.tariff.name, tariff=found.tariff)
