"""The results of the commands that configure: timetable, settings, users, brokers."""

from __future__ import annotations

from typing import Literal, TypedDict

from tradectl.cli.contract.values import Clock, Moment, Rupees, Setting, TradingState


class ScheduleEntry(TypedDict):
    """The timetable of a task."""

    task: str
    times: list[Clock]
    until: str
    every: int | None
    enabled: bool


class SettingEntry(TypedDict):
    """A setting with its default, unit and bounds."""

    key: str
    value: Setting
    default: Setting
    changed: bool
    unit: str
    bounds: str
    meaning: str


class SetResult(TypedDict):
    """The new value of a setting."""

    key: str
    value: Setting


class UnsetResult(TypedDict):
    """A setting that has its default again."""

    key: str
    changed: bool


class UserEntry(TypedDict):
    """A user of the ledger."""

    user: str
    role: Literal["admin", "user"]
    trading_state: TradingState
    state_reason: str
    capital: Rupees
    created_at: Moment


class NewUser(TypedDict):
    """The user that was added."""

    user: str
    role: Literal["admin", "user"]


class BrokerEntry(TypedDict):
    """A broker and its capabilities."""

    broker: str
    amo: bool
    tag_length: int
    refuses_repeated_tag: bool
    tag_survives_modify: bool
    filled_in_book: bool
    max_modifications: int | None


class StoredCredentials(TypedDict):
    """The credentials of a broker: names, never values."""

    broker: str
    kept: list[str]
    missing: list[str]


class BrokerStatus(TypedDict):
    """The session at the broker, and whether live orders are armed."""

    broker: str
    missing: list[str]
    logged_in: bool
    expires_at: Moment | None
    seen_ip: str | None
    armed_since: Moment | None
    token: str | None


class ChargeComparison(TypedDict):
    """A line of charges by the broker and by our table."""

    broker_order_id: str
    symbol: str
    line: str
    broker: Rupees
    ours: Rupees
    equal: bool
    differs_by: Rupees


class ChargeTable(TypedDict):
    """A table of charges with today's own rates of the broker."""

    table: str
    title: str
    own: bool
    counts: bool
    delivery_percent: float | None
    delivery_least: Rupees | None
    intraday_percent: float | None
    dp: Rupees | None
    dp_percent: float | None
