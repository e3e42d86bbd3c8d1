"""Analyze and buy with own strategies: which text decides, who buys a symbol, and how much of the capital is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from msgspec.structs import replace

from tests.support.brokers.market import MarketListing
from tests.support.own_strategies import keep, text_of
from tests.support.trading import CASH, SESSIONS, D, T, Trading, entry
from tradectl.errors import UsageError
from tradectl.execution.own_strategies import keep_texts
from tradectl.execution.strategy_shares import StrategyShares
from tradectl.execution.tags import client_tag
from tradectl.ledger.store import Ledger
from tradectl.ledger.strategies import StoredCheck, StoredStrategy, UsedStrategy
from tradectl.model.market import Bar, Instrument
from tradectl.model.order import OrderRequest, Purpose, Side, Variety
from tradectl.model.rule_names import REVERSION
from tradectl.ports import StrategyText
from tradectl.strategy.strategy import EXPRESSIONS
from tradectl.strategy.strategy_forms import strategy_of

OPEN = {"min_bars": "60", "full_bars": "60", "min_turnover": "0"}
LONG = [session.date for session in SESSIONS.run_between(date(2022, 1, 3), date(2023, 7, 21))]
ALWAYS = text_of(exit="close > 2 * entry")
HALF = text_of(exit="close > 2 * entry", size="0.5")
NEVER = text_of(exit="close > 2 * entry").replace("close > 0", "close < 0")


def stock(symbol: str = "ACME", *, last: tuple[int, int, int, int] | None = None) -> MarketListing:
    """A stock with more than a year of bars that never moves. `last`: its bar of T."""
    flat = (10000, 10000, 10000, 10000)
    bars = [Bar(day, *(last if last is not None and day == T else flat), 375_000, "EQ") for day in LONG]
    return MarketListing(Instrument(symbol, symbol, "EQ", f"INE{symbol}", 5), bars)


@dataclass
class Files:
    """The strategy files of a home, in memory."""

    texts: dict[str, str] = field(default_factory=dict)

    def text_of(self, name: str) -> StrategyText:
        if name not in self.texts:
            raise UsageError(f"there is no strategy {name!r}")
        strategy_of(name, EXPRESSIONS, self.texts[name])
        return StrategyText(name, EXPRESSIONS, self.texts[name], f"{name}.toml")


def use(market: Trading, files: Files, name: str, text: str, share: str = "1", *, after: int = 0) -> str:
    """Use a strategy as `strategy use` does; return its hash."""
    if name == REVERSION:
        hash_ = ""
    else:
        hash_, files.texts[name] = keep(market, text, name), text
    now = market.clock.now() + timedelta(seconds=after)
    market.ledger.strategies.use(UsedStrategy(name, hash_, Decimal(share)), now)
    market.world = replace(market.world, strategies=files)
    return hash_


def check(market: Trading, name: str, text: str, *, passed: bool) -> str:
    hash_ = strategy_of(name, EXPRESSIONS, text).hash
    market.ledger.strategies.record_check(StoredCheck(hash_, name, passed, market.clock.now(), {}))
    return hash_


def signals(market: Trading) -> list[tuple[str, str, int, str]]:
    return [(item.symbol, item.strategy, item.rank, item.strategy_hash) for item in market.ledger.signals.for_session(D)]


def told(market: Trading) -> list[str]:
    return [row.action for row in market.ledger.logs.list(limit=50) if row.level == "warning"]


def test_an_own_strategy_signals_with_its_name_hash_and_reasons(trading) -> None:
    market, files = trading(stock(), stock("BETA"), **OPEN), Files()
    hash_ = use(market, files, "dip", ALWAYS)
    report = market.run("analyze", session=T)
    assert report.outcome == "completed", report.error
    assert signals(market) == [("ACME", "dip", 1, hash_), ("BETA", "dip", 2, hash_)]
    found = market.ledger.decisions.by_rule("analyze", T, "", "dip:entry")
    assert {(row.symbol, row.verdict, row.inputs["strategy_hash"]) for row in found} == {
        ("ACME", "BUY", hash_[:12]),
        ("BETA", "BUY", hash_[:12]),
    }
    assert report.result["strategies"]["dip"]["buy"] == report.result["buy"] == 2


def test_a_changed_file_without_a_passed_check_buys_nothing(trading) -> None:
    """The other strategy is analysed, and the message names the command that helps."""
    market, files = trading(stock(), **OPEN), Files()
    use(market, files, "dip", ALWAYS, "0.5")
    other = use(market, files, "other", ALWAYS, "0.5", after=1)
    files.texts["dip"] = HALF
    check(market, "dip", HALF, passed=False)
    report = market.run("analyze", session=T)
    assert report.outcome == "completed"
    assert signals(market) == [("ACME", "other", 1, other)]
    assert "did not pass its check" in report.result["strategies"]["dip"]["trouble"]
    assert "`tradectl strategy check dip`" in report.result["strategies"]["dip"]["trouble"]
    assert "strategy_refused" in told(market)


def test_a_missing_file_buys_nothing(trading) -> None:
    market, files = trading(stock(), **OPEN), Files()
    use(market, files, "dip", ALWAYS)
    files.texts.clear()
    report = market.run("analyze", session=T)
    assert (report.outcome, signals(market)) == ("completed", [])
    assert "there is no strategy 'dip'" in report.result["strategies"]["dip"]["trouble"]


def test_a_changed_file_that_passed_its_check_takes_effect(trading) -> None:
    market, files = trading(stock(), **OPEN), Files()
    use(market, files, "dip", NEVER)
    files.texts["dip"] = ALWAYS
    new = check(market, "dip", ALWAYS, passed=True)
    market.run("analyze", session=T)
    assert signals(market) == [("ACME", "dip", 1, new)]
    assert [item.hash for item in market.ledger.strategies.used()] == [new]
    assert market.ledger.strategies.stored(new) == StoredStrategy(new, "dip", EXPRESSIONS, ALWAYS)
    assert "strategy_changed" in told(market)


def test_the_first_strategy_has_the_symbol_that_two_want(trading) -> None:
    market, files = trading(stock(), **OPEN), Files()
    use(market, files, "first", ALWAYS, "0.5")
    use(market, files, "second", ALWAYS, "0.5", after=1)
    market.run("analyze", session=T)
    assert [(symbol, name) for symbol, name, _, _ in signals(market)] == [("ACME", "first")]
    (left,) = market.ledger.decisions.by_rule("analyze", T, "", "second:other_strategy")
    assert (left.verdict, "first buys it" in left.reason) == ("AVOID", True)


def test_a_buy_has_the_size_and_the_strategy_of_its_signal(trading) -> None:
    """Of the usual size, `size` takes the part that the rule says; the position keeps name and hash."""
    market, files = trading(stock(), **OPEN), Files()
    hash_ = use(market, files, "dip", HALF)
    market.run("analyze", session=T)
    market.run("buy", session=T)
    (order,) = market.orders(Side.BUY)
    most = market.parameters.capital_per_trade * 100 / 2
    assert most * 0.98 < order.quantity * order.price <= most
    assert (order.strategy, order.strategy_hash) == ("dip", hash_)
    market.to(D, "08:00")
    assert market.run("premarket-retry", slot="08:00").result["cancelled"] == 0
    market.to(D, "09:05")
    market.run("amo-adjust")
    market.to(D, "09:20")
    market.run("sell-monitor", until=market.clock.now())
    (held,) = market.positions
    assert (held.strategy, held.strategy_hash, held.level) == ("dip", hash_, 1)


def test_a_strategy_buys_within_its_share_of_the_capital(trading) -> None:
    """Two buys of half a trade's capital fit into the share of the first strategy, the third does not."""
    names = ("ACME", "BETA", "CETA", "DELTA")
    market, files = trading(*(stock(name) for name in names), **OPEN), Files()
    use(market, files, "dip", HALF, f"{market.parameters.capital_per_trade * 1.1 / (CASH / 100):.4f}")
    market.run("analyze", session=T)
    report = market.run("buy", session=T)
    assert (report.result["placed"], report.result["skipped_limit"]) == (2, 2)
    reasons = [row.reason for row in market.ledger.decisions.by_rule("buy", T, "", "dip:entry") if "skipped" in row.verdict]
    assert all(reason.startswith("dip may use ") for reason in reasons)


def test_a_dropped_strategy_buys_nothing(trading) -> None:
    market, files = trading(stock(), **OPEN), Files()
    use(market, files, "dip", ALWAYS, "0.5")
    use(market, files, "other", NEVER, "0.5", after=1)
    market.run("analyze", session=T)
    market.ledger.strategies.drop("dip")
    assert market.run("buy", session=T).result["placed"] == 0
    (row,) = market.ledger.decisions.by_rule("buy", T, "", "dip:entry")
    assert "`tradectl strategy use dip`" in row.reason


def test_a_final_bar_that_ends_the_entry_cancels_the_buy(trading) -> None:
    """The evening's bar was provisional; by the final one the condition is not true."""
    market, files = trading(stock(), **OPEN), Files()
    text = text_of(exit="close > 2 * entry").replace("close > 0", "close >= 100")
    use(market, files, "dip", text)
    market.run("analyze", session=T)
    market.run("buy", session=T)
    assert len(market.orders(Side.BUY)) == 1
    market.market = type(market.market)(stock(last=(10000, 10000, 9990, 9990)))
    market.world = replace(market._world(), strategies=files)
    market.to(D, "08:00")
    assert market.run("premarket-retry", slot="08:00").result["cancelled"] == 1


def test_an_adopted_order_has_the_strategy_of_its_signal(trading) -> None:
    """The order is in the broker's book under our tag, and the ledger has lost it."""
    market, files = trading(stock(), **OPEN), Files()
    hash_ = use(market, files, "dip", ALWAYS)
    market.run("analyze", session=T)
    tag = client_tag("asha", entry(10, 10050), 0)
    market.broker.place(OrderRequest(tag, "ACME", Side.BUY, 10, 10050, variety=Variety.AMO))
    market.run("buy", session=T)
    adopted = next(order for order in market.orders(Side.BUY) if order.tag == tag)
    assert (adopted.purpose, adopted.strategy, adopted.strategy_hash, adopted.level) == (Purpose.ENTRY, "dip", hash_, 1)


def test_a_follower_keeps_the_texts_of_the_strategies_it_buys(trading) -> None:
    market, files = trading(stock(), **OPEN), Files()
    hash_ = use(market, files, "dip", ALWAYS)
    market.run("analyze", session=T)
    follower = market.ledger.for_user("asha")
    other = Ledger(market.ledger.database, "ravi")
    market.ledger.users.add("ravi", capital=CASH, created_at=market.clock.now(), role="user")
    assert other.strategies.stored(hash_) is None
    keep_texts(other, "asha", [replace(entry(10, 10050), strategy="dip", strategy_hash=hash_)], market.clock.now())
    assert other.strategies.stored(hash_) == follower.strategies.stored(hash_)
    assert StrategyShares.of(other, "asha").shares == {"dip": Decimal(1)}
