"""Faults of own strategies that a reader found: each of them would have cost a trader money."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from tests.integration.tasks import test_own_analysis as evening
from tests.integration.tasks.test_own_sells import BOTH, FLAT, held, sold
from tests.support.own_strategies import keep, own_buy
from tests.support.trading import AFTER, D, T, Trading, entry, ist, stock
from tradectl.execution.tags import client_tag, identify, reentry_leg
from tradectl.ledger.schema import orders
from tradectl.ledger.strategies import StoredCheck, StoredStrategy
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.model.rule_names import MOST_REENTRIES
from tradectl.strategy.strategy import PYTHON
from tradectl.strategy.strategy_forms import strategy_of

Make = Callable[..., Trading]
RAISES = """
class Dip:
    def entry(self, bars):
        return bars.close > 0

    def target(self, bars, held):
        if str(bars.dates[-1]) >= "{day}":
            raise ValueError("boom")
        return bars.close * 1.05
"""


def test_a_rule_that_raises_leaves_other_positions_protected(trading: Make) -> None:
    market = trading(stock(on={D: FLAT, AFTER: FLAT}), stock("ZED", on={D: FLAT, AFTER: (9500, 9600, 9000, 9100)}))
    text = RAISES.format(day=D.isoformat())
    strategy = strategy_of("dip", PYTHON, text)
    market.ledger.strategies.store(StoredStrategy(strategy.hash, "dip", PYTHON, text), market.clock.now())
    own_buy(market, strategy.hash, 100, 9600)
    other = replace(entry(100, 9600, session=D), instrument_id="ZED", symbol="ZED")
    assert market.trading(market.claim("test2", D)).path.place(other).ok
    market.ledger.executions.finish(market.claim_of("test2"), "failed", {}, now=market.clock.now(), steps=1)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "09:15")
    report = market.monitor(AFTER, "10:00")
    assert [(order.symbol, order.status) for order in market.orders(Side.SELL, AFTER)] == [("ZED", OrderStatus.ONGOING)]
    assert report.exit_code == 11
    assert any("ACME" in line and "boom" in line for line in report.unprotected)


def test_a_split_that_is_not_known_sells_nothing(trading: Make) -> None:
    """The open is a fifth of the last close, and no action says so: the stop must not sell all shares at once."""
    market = held(trading, BOTH, on={AFTER: (1900, 1910, 1800, 1850)})
    market.to(AFTER, "09:15")
    report = market.monitor(AFTER, "09:30")
    assert (sold(market), market.orders(Side.SELL, AFTER), report.exit_code) == ([], [], 11)
    assert "no corporate action explains it" in report.unprotected[0]


def test_a_dropped_strategy_buys_nothing_more(trading: Make) -> None:
    market, files = trading(evening.stock(), evening.stock("BETA"), **evening.OPEN), evening.Files()
    evening.use(market, files, "dip", evening.ALWAYS, "0.1")
    market.run("analyze", session=T)
    assert market.ledger.strategies.drop("dip")
    report = market.run("buy", session=T, force=True)
    assert (report.result["placed"], report.result["skipped_limit"]) == (0, 2)


def test_a_text_whose_last_check_failed_buys_nothing(trading: Make) -> None:
    market, files = trading(evening.stock(), **evening.OPEN), evening.Files()
    hash_ = evening.use(market, files, "dip", evening.ALWAYS, "1")
    market.ledger.strategies.record_check(StoredCheck(hash_, "dip", False, market.clock.now(), {}))
    market.run("analyze", session=T)
    assert market.ledger.signals.for_session(D) == []


def test_a_lost_buy_without_a_strategy_is_unidentified(trading: Make) -> None:
    """As after the restore of an older backup: neither the order nor its signal is known."""
    market = trading(stock(on={D: FLAT, AFTER: FLAT}))
    own_buy(market, keep(market, BOTH), 100, 9600)
    with market.ledger.database.write() as connection:
        connection.execute(orders.delete())
    market.ledger = type(market.ledger)(market.ledger.database, "asha")
    market.world = market._world()
    market.to(D, "09:20")
    market.run("sell-monitor", until=ist(D, "09:30"))
    assert [order.purpose for order in market.ledger.book.orders()] == [Purpose.UNIDENTIFIED]


def test_every_allowed_buy_can_be_identified_by_its_tag(trading: Make) -> None:
    market = trading(stock(on={D: FLAT}))
    own_buy(market, keep(market, BOTH), 100, 9600)
    (report,) = market.broker.orders()
    for number in (2, 7, MOST_REENTRIES + 1):
        again = entry(100, 9600, session=D)
        terms = {"purpose": Purpose.REENTRY, "leg": reentry_leg(1, number), "position_id": 1}
        tag = client_tag("asha", replace(again, **terms), 0)
        found = identify("asha", replace(report, tag=tag), again.instrument_id, positions=1)
        assert found is not None
        assert found[2] == reentry_leg(1, number)
