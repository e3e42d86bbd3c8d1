"""Keep the buys of a morning within the list that the operator approved in the evening."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.ledger.approvals import Approvals

if TYPE_CHECKING:
    from tradectl.ledger.rows import Order
    from tradectl.ledger.store import Ledger
    from tradectl.strategy.parameters import Parameters


def approved_quantity(ledger: Ledger, parameters: Parameters, order: Order, quantity: int) -> int:
    """Return a quantity, lowered to the approved one if buys need an approval.

    `premarket-retry` and `amo-adjust` size a buy again in the morning, and a lower price allows more shares.
    """
    if parameters.buy_approval == "off":
        return quantity
    asked = Approvals(ledger.database, ledger.user).of(order.decided)
    about = (order.instrument_id, str(order.purpose))
    lines = asked.lines if asked is not None else ()
    return min([quantity, *(line.quantity for line in lines if (line.instrument_id, line.purpose) == about)])
