"""Decide which waiting messages are sent now, which wait for the end of the quiet hours, and which become one digest.

The decisions are pure. `Outbox.deliver` carries them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from importlib.util import find_spec
from itertools import groupby

from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.ledger.settings import PREFIX
from tradectl.model.message_kind import MEANING, MessageKind
from tradectl.model.moment import at_ist, to_ist

QUIET_HOURS, PICTURE = f"{PREFIX}quiet_hours", f"{PREFIX}picture"
DIGEST_FROM = 6
"""From this number of waiting messages of one kind on, one digest is sent instead of them."""
DIGEST_LINES, GRAVE_LINES = 10, 40
"""The most messages that a digest names: the last ones. Grave messages are each about an order or a position."""
LONGEST = 3500
"""The most characters of a message. Telegram rejects a text of more than 4096."""
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Message(Struct, frozen=True):
    """A message that waits or was sent.

    Attributes:
        sent_at: When it was sent, or dropped because its kind is switched off (`tries` is 0 then); None while it waits.
        deduplicate: A second message with the same value is not added.
        claimed_until: Until when no other process may send it, in machine time; None without such a claim.
        picture: The path of a PNG that is sent with the text as its caption; empty for a text alone.
    """

    id: int
    user: str
    created_at: datetime
    kind: MessageKind
    title: str
    body: str
    sent_at: datetime | None
    tries: int
    error: str
    deduplicate: str
    claimed_until: datetime | None = None
    picture: str = ""

    def is_claimed(self, machine_now: datetime, longest: timedelta) -> bool:
        """Return whether the message is claimed now. A claim beyond `longest` was made by a clock that was ahead."""
        return self.claimed_until is not None and machine_now < self.claimed_until <= machine_now + longest


class QuietHours(Struct, frozen=True):
    """The times of day (IST) between which only grave messages are sent; `end` may be on the next day."""

    start: time
    end: time

    def contains(self, moment: datetime) -> bool:
        """Return whether a moment is in the quiet hours; the end is not."""
        at = to_ist(moment).time()
        return self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end

    def ends_at(self, moment: datetime) -> datetime:
        """Return when the quiet hours end that contain a moment."""
        end = at_ist(to_ist(moment).date(), self.end)
        return end if end > moment else end + timedelta(days=1)


def parse_quiet_hours(text: str) -> QuietHours | None:
    """Return the quiet hours of a text such as `22:00-07:00`; None for an empty one. Raises UsageError for any other text."""
    if not text.strip():
        return None
    found = _SPAN.fullmatch(text.replace(" ", ""))
    if found is None:
        raise UsageError(f"{QUIET_HOURS} are two times (IST) such as 22:00-07:00, not {text!r}")
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    start, end = time(from_hour, from_minute), time(to_hour, to_minute)
    if start == end:
        raise UsageError(f"{QUIET_HOURS} begin and end at {text[:5]}: name two times; `config unset {QUIET_HOURS}` ends them")
    return QuietHours(start, end)


def parse_switch(kind: MessageKind, text: str) -> bool:
    """Return whether a kind is sent, from `on` or `off`. Raises UsageError, also for a grave kind that shall be off."""
    if text.strip().lower() not in {"on", "off"}:
        raise UsageError(f"{PREFIX}{kind} is on or off, not {text!r}")
    on = text.strip().lower() == "on"
    if not on and kind.grave:
        raise UsageError(f"{PREFIX}{kind} stays on: it reports that {MEANING[kind]}, which needs a person at once")
    return on


def parse_on_off(text: str) -> bool:
    """Return whether the picture of the day is sent, from `on` or `off`. Raises UsageError, also without matplotlib."""
    if text.strip().lower() not in {"on", "off"}:
        raise UsageError(f"{PICTURE} is on or off, not {text!r}")
    on = text.strip().lower() == "on"
    if on and find_spec("matplotlib") is None:
        raise UsageError(f"{PICTURE} needs matplotlib: `pip install 'tradectl[pictures]'`")
    return on


class NotificationSetting(Struct, frozen=True):
    """A setting of notifications; `parse` returns the value to store, and raises UsageError."""

    key: str
    default: bool | str
    unit: str
    meaning: str
    parse: Callable[[str], bool | str]


def _checked_hours(text: str) -> str:
    parse_quiet_hours(text)
    return text.replace(" ", "")


def _switch(kind: MessageKind) -> NotificationSetting:
    unit = "always on" if kind.grave else "on/off"
    return NotificationSetting(PREFIX + kind, True, unit, f"message: {MEANING[kind]}", partial(parse_switch, kind))


SETTINGS: Mapping[str, NotificationSetting] = {
    item.key: item
    for item in (
        *map(_switch, MessageKind),
        NotificationSetting(
            PICTURE,
            False,
            "on/off",
            "a picture of the day after the summary of `eod` (needs the extra `pictures`)",
            parse_on_off,
        ),
        NotificationSetting(
            QUIET_HOURS,
            "",
            "HH:MM-HH:MM",
            "quiet hours (IST), such as 22:00-07:00, for the services of notify.urls: only messages that are always on are sent",
            _checked_hours,
        ),
    )
}
"""The settings of notifications by key. The secrets `notify.urls` and `ping.url` are not among them."""


class DeliveryRules(Struct, frozen=True):
    """What a user wants to receive, and when."""

    silenced: frozenset[MessageKind] = frozenset()
    quiet_hours: QuietHours | None = None

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> DeliveryRules:
        """Return the rules of stored settings. A damaged value silences and delays nothing."""
        off = frozenset(kind for kind in MessageKind if settings.get(PREFIX + kind) == "off" and not kind.grave)
        try:
            return cls(off, parse_quiet_hours(settings.get(QUIET_HOURS, "")))
        except UsageError:
            return cls(off)

    def waits_until(self, kind: MessageKind, now: datetime) -> datetime | None:
        """Return when a message may be sent; None where that is now."""
        quiet = self.quiet_hours
        return quiet.ends_at(now) if quiet is not None and not kind.grave and quiet.contains(now) else None


class Parcel(Struct, frozen=True):
    """One text to send, and the messages of the outbox that it delivers. `picture`: as in `Message`."""

    title: str
    body: str
    messages: tuple[Message, ...]
    picture: str = ""


def parcels(waiting: Sequence[Message]) -> list[Parcel]:
    """Return what to send for the waiting messages, oldest first: the grave ones before all others, many of one kind as one.

    Pictures come after all texts, so that none waits for one.
    """

    def by_kind(message: Message) -> tuple[bool, str]:
        return not message.kind.grave, message.kind

    found: list[tuple[tuple[bool, int], Parcel]] = []
    for (later, _), group in groupby(sorted((item for item in waiting if not item.picture), key=by_kind), by_kind):
        messages = tuple(group)
        if len(messages) >= DIGEST_FROM:
            found.append(((later, messages[0].id), digest(messages)))
        else:
            found += [((later, item.id), Parcel(item.title, shortened(item.body), (item,))) for item in messages]
    texts = [parcel for _, parcel in sorted(found, key=lambda item: item[0])]
    return texts + [Parcel(item.title, shortened(item.body), (item,), item.picture) for item in waiting if item.picture]


def digest(messages: Sequence[Message]) -> Parcel:
    """Return one text for many messages of one kind: their number, their span, and the last ones."""
    kind = messages[0].kind
    shown = messages[-(GRAVE_LINES if kind.grave else DIGEST_LINES) :]
    first, last = (f"{to_ist(item.created_at):%Y-%m-%d %H:%M}" for item in (messages[0], messages[-1]))
    lines = [f"{len(messages)} messages from {first} to {last} IST."]
    lines += ["The last ones:"] if len(shown) < len(messages) else []
    room = LONGEST // (len(shown) + 1) - 2
    lines += [_line(item, room) for item in shown]
    lines.append("`tradectl logs` has every event.")
    return Parcel(f"{len(messages)} times: {MEANING[kind]}", "\n".join(lines), tuple(messages))


def shortened(text: str) -> str:
    """Return a text of at most `LONGEST` characters."""
    end = " ... `tradectl logs` has the whole text"
    return text if len(text) <= LONGEST else text[: LONGEST - len(end)] + end


def _line(message: Message, room: int) -> str:
    """Return a message as one line of at most `room` characters."""
    text = f"{to_ist(message.created_at):%d %b %H:%M} {message.title}: {' '.join(message.body.split())}".rstrip(": ")
    return text if len(text) <= room else f"{text[: room - 3]}..."
