"""Define refusals: the rule that forbids an action, as a value. None in place of a refusal means that the action is allowed."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class RefusalCode(StrEnum):
    """The rules that can forbid an action. Decisions store these values."""

    # the universe and the entry rule (`strategy.entry`)
    SERIES = "series"
    ISIN = "isin"
    SURVEILLANCE = "surveillance"
    TURNOVER = "turnover"
    BARS = "bars"
    PRICE = "price"
    BELOW_EMA200 = "below_ema200"
    HISTORY = "history"
    RSI = "rsi"
    VOLUME = "volume"
    QUALITY = "quality"
    EX_DATE = "ex_date"
    # the quantity (`strategy.sizing`), also TURNOVER and PRICE
    CAPITAL_PER_TRADE = "capital_per_trade"
    MAX_ORDER_VALUE = "max_order_value"
    FUNDS = "funds"
    REENTRY_LEAST = "reentry_least"
    # the limits of the account (`strategy.risk`, `execution.buying`)
    DAILY_LOSS = "daily_loss"
    EQUITY_UNPROVED = "equity_unproved"  # a row of the holdings cannot be read, so the daily loss is not certain
    BUY_ORDERS = "buy_orders"
    LIMIT_DISTANCE = "limit_distance"
    BAND = "band"
    MAX_POSITIONS = "max_positions"
    SYMBOL_MULTIPLE = "symbol_multiple"
    FREEZE_QUANTITY = "freeze_quantity"
    STRATEGY_SHARE = "strategy_share"
    STRATEGY_DROPPED = "strategy_dropped"
    # a buy that was decided on the evening before (`execution.buy_revalidation`), also SURVEILLANCE and EX_DATE
    UNTRUSTED_PRICES = "untrusted_prices"
    POSITION_CLOSED = "position_closed"
    LEVEL_LEFT = "level_left"
    ENTRY_RULE = "entry_rule"
    ALREADY_HELD = "already_held"
    OTHER_ORDER = "other_order"
    REWARD_GONE = "reward_gone"
    NOT_PREOPEN = "not_preopen"
    # the sending of a command to the broker (`execution.orders`)
    HALTED = "halted"
    REDUCING = "reducing"
    UNEXPLAINED_SHARES = "unexplained_shares"
    UNREADABLE_HOLDING = "unreadable_holding"
    # the start of a task (`runtime.admission`)
    TASK_NEEDED = "task_needed"
    PROVISIONAL_SESSION = "provisional_session"


class Refusal(Struct, frozen=True):
    """A rule that forbids an action. `code` is for code to branch on; `text` is for people (the code if it is empty)."""

    code: RefusalCode
    text: str = ""

    def __str__(self) -> str:
        return self.text or self.code.value
