"""The results of the commands that set tradectl up on a machine: cron, systemd, Telegram, the manual."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from tradectl.cli.contract.values import Count, Detail, Mode, Moment

UnitFiles = Annotated[dict[str, str], Detail({"description": "The content of each unit file, by its name"})]
CrontabLines = Annotated[str, Detail({"description": "The lines for cron, as one text"})]


class InitResult(TypedDict):
    """The new home, and the commands to run next."""

    home: str
    user: str
    mode: Mode
    broker: str | None
    universe: Annotated[str | None, Detail({"description": "null: the default of the setting"})]
    quotes: Annotated[str | None, Detail({"description": "the source of a paper home's live prices; null without one"})]
    next: list[str]


class InstalledCrontab(TypedDict):
    """The block in your crontab: whether it changed, and how many lines start tasks."""

    changed: bool
    lines: Count


class RemovedCrontab(TypedDict):
    """Whether your crontab had a block of this home and user."""

    changed: bool


class CheckedCrontab(TypedDict):
    """The differences of the block in your crontab from the timetable."""

    installed: bool
    current: Annotated[bool, Detail({"description": "whether cron starts what the timetable has"})]
    missing: list[str]
    extra: list[str]
    damaged: bool
    outside: Annotated[list[str], Detail({"description": "lines outside of the block that start the same tasks"})]
    affecting: Annotated[list[str], Detail({"description": "settings above the block that lead its lines elsewhere"})]
    reason: NotRequired[str]


class InstalledUnits(TypedDict):
    """The unit files that were written, and the commands that start them."""

    files: list[str]
    next: list[str]


class RemovedUnits(TypedDict):
    """The unit files that were deleted."""

    files: list[str]


class ManualTopic(TypedDict):
    """A page of the manual."""

    topic: str
    title: str


class ManualPage(TypedDict):
    """A page of the manual with its text (Markdown)."""

    topic: str
    text: str


class PairedPhone(TypedDict):
    """A chat whose commands are answered."""

    id: int
    name: str
    paired_at: Moment


class TelegramStatus(TypedDict):
    """The bot, its paired chats, and whether a process answers them."""

    token: Annotated[bool, Detail({"description": "whether a bot's token is stored"})]
    bot: str | None
    polled: bool
    polled_at: Moment | None
    buy_approval: Literal["off", "send", "skip"]
    chats: list[PairedPhone]


class PolledPhones(TypedDict):
    """The signal that ended the process; null after its time, or if another process answers."""

    signal: int | None
    reason: NotRequired[str]


class ForgottenPhones(TypedDict):
    """How many chats the bot no longer answers."""

    forgotten: Count
