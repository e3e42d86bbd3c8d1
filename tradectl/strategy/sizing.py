"""Calculate the quantity of a buy, for the tasks buy, premarket-retry and amo-adjust and for re-entries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from tradectl.exchange.charges import buy_charges
from tradectl.exchange.rates import Tariff
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.strategy.parameters import Parameters, exact


class Sizing(Struct, frozen=True):
    """The number of shares to buy.

    With 0 shares, `refusal` has the code of the limit: price, capital_per_trade, max_order_value, turnover, funds or
    reentry_least.
    """

    quantity: int
    refusal: Refusal | None = None

    @property
    def short_of_funds(self) -> bool:
        """Return whether no share can be bought because of the funds."""
        return self.refusal is not None and self.refusal.code is RefusalCode.FUNDS


def size(
    price: int,
    *,
    session: date,
    parameters: Parameters,
    average_turnover: int,
    funds: int | None = None,
    limit_price: int | None = None,
) -> Sizing:
    """Return the largest quantity that every limit allows. Amounts are in paise.

    `capital_per_trade` and `max_order_value` limit the value at `price` plus charges. `turnover_share` limits the value without
    charges.

    Args:
        session: The day whose charges apply.
        funds: Limits the value at `limit_price` plus charges; None: no limit.
        limit_price: None: `price`.
    """
    if price <= 0:
        return _none(RefusalCode.PRICE)
    limit = price if limit_price is None else limit_price
    bounds = [
        (_affordable(_paise(parameters.capital_per_trade), price, session, parameters.tariff), RefusalCode.CAPITAL_PER_TRADE),
        (_affordable(_paise(parameters.max_order_value), price, session, parameters.tariff), RefusalCode.MAX_ORDER_VALUE),
        (int(exact(parameters.turnover_share) * max(0, average_turnover)) // price, RefusalCode.TURNOVER),
    ]
    if funds is not None:
        bounds.append((_affordable(funds, limit, session, parameters.tariff), RefusalCode.FUNDS))
    quantity, code = min(bounds, key=lambda bound: bound[0])
    return Sizing(quantity) if quantity else _none(code)


def size_buy(
    price: int,
    *,
    session: date,
    parameters: Parameters,
    average_turnover: int,
    funds: int | None = None,
    limit_price: int | None = None,
    reentry: bool = False,
) -> Sizing:
    """Return the result of `size` for an entry or a re-entry.

    A re-entry with a value below `reentry_least` x `capital_per_trade` gives 0 shares. The refusal is FUNDS if only the funds are
    too small, else REENTRY_LEAST.
    """
    sizing = size(
        price, session=session, parameters=parameters, average_turnover=average_turnover, funds=funds, limit_price=limit_price
    )
    if not reentry or not sizing.quantity:
        return sizing
    least = exact(parameters.reentry_least) * exact(parameters.capital_per_trade) * 100
    if sizing.quantity * price >= least:
        return sizing
    unbound = size(price, session=session, parameters=parameters, average_turnover=average_turnover)
    return _none(RefusalCode.FUNDS if unbound.quantity * price >= least else RefusalCode.REENTRY_LEAST)


def scaled(parameters: Parameters, part: float | None) -> Parameters:
    """Return the parameters for a buy that may cost a part of `capital_per_trade`; None for all of it. An unknown part is 0."""
    if part is None:
        return parameters
    rupees = int(exact(parameters.capital_per_trade) * exact(part)) if part > 0 else 0
    return replace(parameters, capital_per_trade=rupees)


def _none(code: RefusalCode) -> Sizing:
    return Sizing(0, Refusal(code))


def worth_changing(current: int, wanted: int, parameters: Parameters) -> bool:
    """Return whether amo-adjust sends a new quantity: the change is >= 1 share and >= `amo_adjust_step` x `current`."""
    return abs(wanted - current) >= max(Fraction(1), exact(parameters.amo_adjust_step) * current)


@lru_cache(maxsize=256)
def _paise(rupees: float) -> int:
    """Return a setting in rupees as whole paise, rounded down. The limit stays exact, because amounts are whole paise."""
    return int(exact(rupees) * 100)


def _affordable(amount: int, price: int, session: date, tariff: Tariff) -> int:
    """Return the largest number of shares whose value plus charges is at most `amount`. Amounts are in paise."""
    quantity = max(0, amount // price)
    while quantity and (over := quantity * price + buy_charges(session, quantity, price, tariff) - amount) > 0:
        quantity = max(0, quantity - max(1, over * 99 // (100 * price)))  # a share costs a little more than its price
    while (quantity + 1) * price + buy_charges(session, quantity + 1, price, tariff) <= amount:
        quantity += 1
    return quantity
