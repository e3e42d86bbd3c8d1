"""Report how current the stored market data are, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradectl.exchange.data_age import sessions_since
from tradectl.model.freshness import EXPECTED
from tradectl.model.moment import ist_date
from tradectl.report.values import value

if TYPE_CHECKING:
    from tradectl.world import World


def stored_data(world: World) -> list[dict[str, Any]]:
    """Return kind, as-of date, age in sessions, time of the fetch and source of each kind; None for an expected kind that is not
    stored. Raises DatabaseError."""
    known, today = world.freshness(), ist_date(world.clock.now())
    none = {"as_of": None, "age": None, "fetched_at": None, "source": None}
    found: list[dict[str, Any]] = [
        {
            "kind": item.kind,
            "as_of": item.as_of.isoformat(),
            "age": sessions_since(world.sessions, item.as_of, today),
            "fetched_at": value(item.fetched_at),
            "source": item.source,
        }
        for item in known.values()
    ]
    return [*found, *({"kind": kind, **none} for kind in EXPECTED if kind not in known)]
