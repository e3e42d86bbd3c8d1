"""Check the limits that can forbid a buy. Sells have no such limits."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tradectl.exchange.bands import Band
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.strategy.parameters import Parameters, exact


class Exposure(Struct, frozen=True):
    """The state of the account before a buy.

    Attributes:
        positions: The number of open positions and of entries in flight.
        buy_orders: The number of buy orders sent today.
        invested: Paise by instrument id: the cost of held shares plus the value of live buys.
        loss: The share of the equity that was lost in this session.
    """

    positions: int = 0
    buy_orders: int = 0
    invested: Mapping[str, int] = {}
    loss: float = 0.0


def deny(
    exposure: Exposure,
    parameters: Parameters,
    *,
    instrument_id: str,
    price: int,
    quantity: int,
    last_close: int,
    band: Band | None,
    reentry: bool,
) -> Refusal | None:
    """Return why a buy at the limit `price` (paise) may not be sent; None if it may.

    Codes: daily_loss, buy_orders, limit_distance, band, max_positions, symbol_multiple. `last_close` is in paise. `band` None
    means that there is no band. A `reentry` does not count against max_positions, because its position is open already.
    """
    p = parameters
    if p.daily_loss_limit < 1 and exposure.loss > 0 and exposure.loss >= p.daily_loss_limit:
        return Refusal(RefusalCode.DAILY_LOSS)
    if exposure.buy_orders >= p.max_buy_orders:
        return Refusal(RefusalCode.BUY_ORDERS)
    if too_far(price, last_close, p):
        return Refusal(RefusalCode.LIMIT_DISTANCE)
    if band is not None and not band.holds(price):
        return Refusal(RefusalCode.BAND)
    if not reentry and exposure.positions >= p.max_positions:
        return Refusal(RefusalCode.MAX_POSITIONS)
    most = exact(p.max_symbol_multiple) * exact(p.capital_per_trade) * 100
    if exposure.invested.get(instrument_id, 0) + price * quantity > most:
        return Refusal(RefusalCode.SYMBOL_MULTIPLE)
    return None


def too_far(price: int, last_close: int, parameters: Parameters) -> bool:
    """Return whether the limit of a buy is further from the last close than allowed. Both prices are in paise."""
    return abs(price - last_close) > exact(parameters.limit_distance) * last_close
