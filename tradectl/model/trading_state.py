"""Define what an account may send: everything, only sells and cancels, or only cancels."""

from __future__ import annotations

from msgspec import Struct

from tradectl.errors import Blocked
from tradectl.model.order import Side
from tradectl.model.refusal import Refusal, RefusalCode

TRADING_STATES = ("ACTIVE", "REDUCING", "HALTED")
"""The trading states, from the weakest to the strictest."""
RESUME = "`tradectl resume` allows all orders again"
"""The command that ends a state which a person set, as a clause of a message."""
MEANING = {"ACTIVE": "everything may be sent", "REDUCING": "only sells and cancels are sent", "HALTED": "only cancels are sent"}


class Forbidden(Blocked):
    """The account's trading state forbids this command. `by_limit`: a daily limit set that state, not a person."""

    def __init__(self, message: str, *, by_limit: bool = False) -> None:
        super().__init__(message)
        self.by_limit = by_limit


class TradingState(Struct, frozen=True):
    """A trading state and its reason.

    `by_limit`: a daily limit set the state, and it ends by itself. `resuming`: a `resume` began but did not finish.
    """

    state: str = "ACTIVE"
    reason: str = ""
    by_limit: bool = False
    resuming: bool = False

    def refusal(self, side: Side) -> Refusal | None:
        """Return the refusal of orders of a side; None if they may be sent."""
        if self.state == "HALTED":
            return Refusal(RefusalCode.HALTED, f"the account is halted: {self.reason}; {RESUME}")
        if self.state == "REDUCING" and side is Side.BUY:
            text = f"the account is in state REDUCING, so no buy is sent: {self.reason}"
            return Refusal(RefusalCode.REDUCING, text if self.by_limit else f"{text}; {RESUME}")
        return None

    def assert_allows(self, side: Side) -> None:
        """Raise Forbidden if no order of a side may be sent."""
        refusal = self.refusal(side)
        if refusal is not None:
            raise Forbidden(str(refusal), by_limit=self.by_limit)


ACTIVE = TradingState()


def stricter(one: TradingState, other: TradingState) -> TradingState:
    """Return the stricter of two states. If they are equal, prefer the state that does not end by itself, then the first."""
    first, second = TRADING_STATES.index(one.state), TRADING_STATES.index(other.state)
    if first == second:
        return other if one.by_limit and not other.by_limit else one
    return one if first > second else other
