"""The loopback server and tradectl's requests against python-telegram-bot, which models Telegram's Bot API."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime

import pytest

from tests.support.telegram_server import ASHA, TOKEN, telegram_server
from tradectl.telegram.bot_api import BotApi
from tradectl.telegram.messages import message_of, update_id_of

telegram = pytest.importorskip("telegram", reason="python-telegram-bot is not installed")


def test_its_client_reads_what_the_server_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # without it the library warns
    with telegram_server() as server:
        server.message("/status")
        server.message("/halt", chat=-100123, kind="supergroup")
        server.put({"edited_message": server.updates[0]["message"] | {"edit_date": 5}})

        async def talk() -> None:
            async with telegram.Bot(TOKEN, base_url=f"{server.url}/bot") as bot:
                assert bot.username == "tradectl_test_bot"
                found = await bot.get_updates(timeout=0, allowed_updates=["message"])
                assert [item.effective_message.text for item in found] == ["/status", "/halt", "/status"]
                assert found[0].message.date.timestamp() == server.updates[0]["message"]["date"]
                assert await bot.get_updates(offset=found[-1].update_id + 1, timeout=0) == ()
                sent = await bot.send_message(ASHA, "text")
                assert (sent.text, sent.chat.id) == ("text", ASHA)
                server.too_many("sendMessage", 7)
                with pytest.raises(telegram.error.RetryAfter, match="7"):
                    await bot.send_message(ASHA, "text")

        asyncio.run(talk())


def test_tradectl_reads_the_updates_that_its_types_write() -> None:
    """`to_dict` writes an update as Telegram documents it, with every field that the library knows."""
    user = telegram.User(ASHA, "Asha", is_bot=False, last_name="Rao")
    chat = telegram.Chat(ASHA, "private", first_name="Asha")
    at = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
    message = telegram.Message(5, at, chat, from_user=user, text="/halt")
    update = telegram.Update(90001, message=message).to_dict()
    read = message_of(update)
    assert read is not None
    assert (read.update_id, read.chat_id, read.sender, read.sent_at, read.text) == (90001, ASHA, "Asha Rao", at, "/halt")
    edited = telegram.Update(90002, edited_message=message).to_dict()
    assert (message_of(edited), update_id_of(edited)) == (None, 90002)


def test_the_arguments_of_our_requests_exist_in_its_methods() -> None:
    with telegram_server() as server:
        api = BotApi(server.url, TOKEN)
        api.username()
        api.updates(offset=1, timeout=0)
        api.send(ASHA, "text")
        methods = {"getMe": "get_me", "getUpdates": "get_updates", "sendMessage": "send_message"}
        for method, given in server.calls:
            known = inspect.signature(getattr(telegram.Bot, methods[method])).parameters
            assert set(given) <= set(known), method
