"""Whose charges a user pays: those of a live home's broker, or those of the table that a paper home's settings name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradectl.exchange.rates import LEVIES_ONLY, Tariff
from tradectl.exchange.tariffs import named, read_tariffs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradectl.ledger.store import Ledger
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters

SETTING = "charges"


@dataclass(frozen=True, slots=True)
class Charged:
    """The table that counts. `doubt`: one line where it is not certainly the broker's own, with the command that helps."""

    tariff: Tariff
    doubt: str = ""


def charged(settings: Settings, ledger: Ledger | None, changes: Mapping[str, str], default: str) -> Charged:
    """Return the table of a user. `changes` are the settings that were changed; `default` is the setting's default.

    A live home's broker says which table is its own. A broker that stands before another one (OpenAlgo), and one without a table,
    needs the setting `charges`; until then the levies alone count, and `doubt` says so.
    """
    chosen = changes.get(SETTING)
    if ledger is None or ledger.info.get("mode") != "live":
        return Charged(named(settings.charges, chosen or default))
    from tradectl.ledger.arming import BROKER

    broker = ledger.settings.plain(BROKER) or ""
    own, tables = own_table(broker), read_tariffs(settings.charges)
    if own in tables:
        other = f"charges are those of {broker}; the setting charges={chosen} does not count in a live home"
        return Charged(tables[own], other if chosen not in {None, own} else "")
    if chosen is not None:
        return Charged(named(settings.charges, chosen))
    reason = f"{broker} stands before another broker" if own == "" else f"there is no table of {broker}'s charges"
    return Charged(
        tables[LEVIES_ONLY],
        f"{reason}: only levies are counted, so P&L is too high by its brokerage and DP charges: name its table with "
        f"`tradectl config set charges NAME` (`tradectl broker tables`; your own go into {settings.charges})",
    )


def own_table(broker: str) -> str:
    """Return the name of a broker's own table; empty for one that stands before another broker."""
    from tradectl.brokers.adapter import Charging, adapter, is_known

    found = adapter(broker) if broker and is_known(broker) else None
    return found.charges if isinstance(found, Charging) else broker


def with_tariff(parameters: Parameters, settings: Settings, ledger: Ledger | None, changes: Mapping[str, str]) -> Parameters:
    """Return settings that carry the table of charges which counts for them."""
    from dataclasses import replace

    from tradectl.strategy.parameters import Parameters as Defaults

    found = charged(settings, ledger, changes, Defaults().charges).tariff
    return replace(parameters, charges=found.name, tariff=found)
