"""Name the kinds of messages to the operator. A kind can be switched off by a setting, except the grave ones."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class MessageKind(StrEnum):
    """What a message reports."""

    BUY_PLACED = "buy_placed"
    BUY_FILLED = "buy_filled"
    SELL_FILLED = "sell_filled"
    REJECTED = "rejected"
    UNKNOWN_ORDER = "unknown_order"
    UNPROTECTED = "unprotected"
    HALTED = "halted"
    ORDER_PROBLEM = "order_problem"
    MISSED_SLOT = "missed_slot"
    MISSING_DATA = "missing_data"
    LOGIN_NEEDED = "login_needed"
    TASK_FAILED = "task_failed"
    DAILY_SUMMARY = "daily_summary"
    NOTICE = "notice"

    @property
    def grave(self) -> bool:
        """Return whether it is always sent, in quiet hours too: without a person, money is at risk."""
        return self in GRAVE


GRAVE = frozenset({MessageKind.UNKNOWN_ORDER, MessageKind.UNPROTECTED, MessageKind.HALTED})
"""The kinds that no setting switches off."""
MEANING: Mapping[MessageKind, str] = {
    MessageKind.BUY_PLACED: "a buy order was placed",
    MessageKind.BUY_FILLED: "a buy order has filled, with its cost",
    MessageKind.SELL_FILLED: "a sell order has filled, with its gross and net result",
    MessageKind.REJECTED: "an order was rejected",
    MessageKind.UNKNOWN_ORDER: "the outcome of an order is unknown",
    MessageKind.UNPROTECTED: "an open position has no live sell order",
    MessageKind.HALTED: "the account is halted, REDUCING or resumed",
    MessageKind.ORDER_PROBLEM: "an order, a trade or shares at the broker are not as the ledger expects",
    MessageKind.MISSED_SLOT: "a task was not run before its window closed",
    MessageKind.MISSING_DATA: "market data or a list of holidays are missing",
    MessageKind.LOGIN_NEEDED: "the broker needs a login",
    MessageKind.TASK_FAILED: "a task failed or is blocked",
    MessageKind.DAILY_SUMMARY: "the summary of the day",
    MessageKind.NOTICE: "anything else, such as a stock under surveillance or a jump of the clock",
}
"""What each kind reports, for the settings and for the title of a digest."""
_BY_EXIT_CODE = {5: MessageKind.LOGIN_NEEDED, 7: MessageKind.UNKNOWN_ORDER, 8: MessageKind.MISSING_DATA}


def kind_of_failure(exit_code: int) -> MessageKind:
    """Return the kind of the message about a task that ended with an exit code."""
    return _BY_EXIT_CODE.get(exit_code, MessageKind.TASK_FAILED)
