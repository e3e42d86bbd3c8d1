"""Poll Telegram for one user: hand commands on, send the replies, and show lists of buys that wait.

One process polls (`polling_lock`). A reply that Telegram holds back with 429 waits in this process while polling goes on, so it
never delays a halt. A reply is lost if the process ends first; an effect is not.
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradectl.control_characters import lines
from tradectl.errors import ConfigurationError, DatabaseError, TradectlError
from tradectl.files import create_file, try_lock
from tradectl.ledger.approvals import Approvals
from tradectl.redaction import scrubbed
from tradectl.telegram import replies
from tradectl.telegram.bot_api import BotApi, MessageRefused, TelegramUnavailable
from tradectl.telegram.commands import PhoneCommands, reply_of
from tradectl.telegram.messages import message_of, update_id_of
from tradectl.telegram.pairing import Pairing

if TYPE_CHECKING:
    from tradectl.ports import Clock
    from tradectl.runtime.interrupt import Stop
    from tradectl.telegram.messages import PhoneMessage
    from tradectl.telegram.pairing import PairedChat

LONG_POLL = 25
"""Seconds for which Telegram holds a request without an update."""
SHORT_POLL = 2
"""The same while replies wait to be sent, or nothing else may delay this process."""
QUEUED = 50
"""The most replies that wait. A further one drops the oldest."""
PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds before a failed poll is repeated, doubled each time."""
_SLICE = 0.25


@contextmanager
def polling_lock(home: Path, user: str) -> Iterator[bool]:
    """Yield whether this process alone polls for the user, and hold the lock meanwhile. Raises ConfigurationError."""
    path = lock_file(home, user)
    try:
        if create_file(path, b""):
            os.utime(path, (0, 0))  # no poll yet
        descriptor = os.open(path, os.O_RDWR)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened ({error.strerror}), so no phone is answered") from error
    try:
        yield try_lock(descriptor)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be locked ({error.strerror}), so no phone is answered") from error
    finally:
        os.close(descriptor)


def lock_file(home: Path, user: str) -> Path:
    """Return the file that the polling process locks. Its time is that of the last successful poll."""
    return home / f"telegram-{user}.lock"


def last_poll(home: Path, user: str) -> datetime | None:
    """Return when a poll last succeeded; None if none has."""
    try:
        seconds = lock_file(home, user).stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def is_polled(home: Path, user: str) -> bool:
    """Return whether a process polls for the user now."""
    if not lock_file(home, user).exists():
        return False
    with polling_lock(home, user) as free:
        return not free


@dataclass(slots=True)
class Poller:
    """Polls the updates of one bot.

    Attributes:
        report: Called with a line about each new cause of a failure.
        confirm: The offset of the next request: all smaller updates are handled. None: nothing is to be confirmed.
        held_until: Until when Telegram accepts no message.
        answered: Updates that this process carried out although the ledger could not record them.
        chats: The paired chats as last read. A ledger that cannot be read does not keep a halt of theirs away.
    """

    api: BotApi
    commands: PhoneCommands
    key_file: Path
    clock: Clock
    report: Callable[[str], None]
    long_poll: int = LONG_POLL
    confirm: int | None = None
    outgoing: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=QUEUED))
    held_until: datetime | None = None
    answered: set[int] = field(default_factory=set)
    chats: tuple[PairedChat, ...] = ()
    _failures: int = 0
    _reported: str = ""

    def run(self, stop: Stop, until: datetime | None = None, *, done: Callable[[], bool] = lambda: False) -> None:
        """Poll until a signal, until the moment `until`, or until `done`; then confirm what was handled.

        Raises ConfigurationError for a token that Telegram does not accept.
        """
        while not self._ends(stop, until, done):
            try:
                self.poll_once(self._patience(until))
                self._failures, self._reported = 0, ""
            except (TelegramUnavailable, DatabaseError) as error:
                self._wait(self._pause_after(error), stop, until)
        if self.confirm is not None:
            try:
                self.api.updates(offset=self.confirm, timeout=0, limit=1)
            except TelegramUnavailable as error:
                self._tell(error)

    def poll_once(self, patience: int) -> int:
        """Send what waits, fetch updates for up to `patience` seconds and handle them; return how many there were."""
        failure: DatabaseError | None = None
        try:
            self.show_lists()
        except DatabaseError as error:
            failure = error
        self.flush()
        found = self.api.updates(offset=self.confirm, timeout=patience)
        self._touch()
        self.confirm = None
        unrecorded = False
        for update in found:
            number = update_id_of(update)
            try:
                self._handle(update)
            except DatabaseError as error:  # a halt that follows must not wait for the ledger
                failure, unrecorded = failure or error, True
            if not unrecorded and number is not None:
                self.confirm = number + 1
        if found:
            # The market data that a command has read stay open until their cycle of objects is collected.
            gc.collect()
        self.flush()
        if failure is not None:
            raise failure
        if found and self.confirm is None:
            raise TelegramUnavailable("Telegram sends updates without a number")
        return len(found)

    def _handle(self, update: Any) -> None:
        message = message_of(update)
        if message is None or message.update_id in self.answered:
            return
        try:
            reply = self._reply_to(message)
        except DatabaseError as error:
            if reply := reply_of(error):
                self.answered.add(message.update_id)
                self.outgoing.append((message.chat_id, reply))
            raise
        if reply:
            self.outgoing.append((message.chat_id, reply))

    def _reply_to(self, message: PhoneMessage) -> str:
        """Carry out a message of a paired chat, or pair its chat; return the reply. Nothing else is answered."""
        try:
            world = self.commands.open_world(False)
            try:
                pairing, now = Pairing(world.ledger, self.key_file), self.clock.now()
                self.chats = pairing.chats()
                if all(chat.id != message.chat_id for chat in self.chats):
                    paired = pairing.pair(message, now)
                    return f"This chat is paired with the account {world.user}.\n{replies.HELP}" if paired else ""
            finally:
                world.close()
        except DatabaseError:
            if all(chat.id != message.chat_id for chat in self.chats):
                raise
        chat = next(chat for chat in self.chats if chat.id == message.chat_id)
        return self.commands.carry_out(message, chat)

    def show_lists(self) -> None:
        """Send each list of buys that no phone has got to every paired chat. A crash may repeat it, and never loses it."""
        now = self.clock.now()
        world = self.commands.open_world(True)
        try:
            waiting = [item for item in Approvals(world.ledger.database, world.user).open_at(now) if item.shown_at is None]
            chats = Pairing(world.ledger, self.key_file).chats()
            on_expiry = world.parameters.buy_approval
        finally:
            world.close()
        shown = []
        for asked in waiting:
            texts = replies.list_of_buys(asked, on_expiry=on_expiry)
            sent = [all(self._sent(chat.id, text) for text in texts) for chat in chats]
            if any(sent):
                shown.append(asked)
        if shown:
            world = self.commands.open_world(False)
            try:
                for asked in shown:
                    Approvals(world.ledger.database, world.user).mark_shown(asked.session, now)
            finally:
                world.close()

    def flush(self) -> None:
        """Send the replies that wait, oldest first, unless Telegram holds messages back."""
        while self.outgoing and not self._held():
            chat_id, text = self.outgoing[0]
            try:
                self._send(chat_id, text)
            except TelegramUnavailable as error:
                self._hold(error)
                return
            except MessageRefused as error:
                self._tell(error)
            self.outgoing.popleft()

    def _sent(self, chat_id: int, text: str) -> bool:
        if self._held():
            return False
        try:
            self._send(chat_id, text)
        except TelegramUnavailable as error:
            self._hold(error)
            return False
        except MessageRefused as error:
            self._tell(error)
            return False
        return True

    def _send(self, chat_id: int, text: str) -> None:
        self.api.send(chat_id, lines(scrubbed(text)))

    def _held(self) -> bool:
        return self.held_until is not None and self.clock.now() < self.held_until

    def _hold(self, error: TelegramUnavailable) -> None:
        self.held_until = self.clock.now() + timedelta(seconds=error.wait)
        self._tell(error)

    def _patience(self, until: datetime | None) -> int:
        longest = min(self.long_poll, SHORT_POLL) if self.outgoing or self._held() else self.long_poll
        if until is None:
            return longest
        return max(0, min(longest, int((until - self.clock.now()).total_seconds())))

    def _ends(self, stop: Stop, until: datetime | None, done: Callable[[], bool]) -> bool:
        return bool(stop.signal_number) or (until is not None and self.clock.now() >= until) or done()

    def _pause_after(self, error: TradectlError) -> float:
        self._tell(error)
        self._failures += 1
        pause = min(PAUSE * 2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE)
        return max(pause, float(error.wait)) if isinstance(error, TelegramUnavailable) else pause

    def _wait(self, seconds: float, stop: Stop, until: datetime | None) -> None:
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < end and not self._ends(stop, until, lambda: False):
            self.clock.sleep(_SLICE)

    def _touch(self) -> None:
        try:
            os.utime(lock_file(self.commands.home, self.commands.user))
        except OSError:
            return

    def _tell(self, error: TradectlError) -> None:
        """Report an error, once for each cause in a row."""
        if str(error) != self._reported:
            self._reported = str(error)
            self.report(f"{error}")
