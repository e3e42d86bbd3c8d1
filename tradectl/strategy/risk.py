"""The limits that can forbid a buy. Sells are not limited here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradectl.exchange.bands import Band
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.strategy.parameters import Parameters, exact


@dataclass(frozen=True, slots=True)
class Exposure:
    """The account to which a buy would be added.

    `positions`: open ones and entries in flight; `buy_orders`: sent today; `invested`: paise by instrument id, the cost of the
    held shares and the value of live buys; `loss`: the share of equity lost in this session.
    """

    positions: int = 0
    buy_orders: int = 0
    invested: Mapping[str, int] = field(default_factory=dict)
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

    Codes: daily_loss, buy_orders, limit_distance, band, max_positions, symbol_multiple. `band` None: no price band. A
    `reentry` needs no slot, because its position has one.
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
    """Return whether a buy's limit is further from the last close than allowed. Paise."""
    return abs(price - last_close) > exact(parameters.limit_distance) * last_close
