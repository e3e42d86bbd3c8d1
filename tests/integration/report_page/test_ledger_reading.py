"""A report against the ledger that it was read from: every figure is also a sum over the fills."""

from __future__ import annotations

from collections import Counter
from datetime import date, time

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select, update

from tradectl.bootstrap import PaperWorld
from tradectl.clock import VirtualClock
from tradectl.ledger import schema
from tradectl.model.moment import at_ist
from tradectl.report_page.complete import ledger_report
from tradectl.report_page.content import Content, Source
from tradectl.report_page.figures import figures_of
from tradectl.report_page.ledger_reading import Period

FILLS, ORDERS, STATS = schema.fills, schema.orders, schema.daily_stats


def whole(world: PaperWorld) -> Content:
    days = [row.session_date for row in world.ledger.statistics.all()]
    return ledger_report(world, Period(days[0], days[-1], "All of it"))


def test_a_report_agrees_with_an_independent_sum_over_fills(world: PaperWorld) -> None:
    report, figures = whole(world), figures_of(whole(world))
    with world.ledger.database.read() as connection:
        fills = connection.execute(select(FILLS)).all()
        days = connection.execute(select(STATS).order_by(STATS.c.session_date)).all()
    assert len(report.trades) > 5, "too little was traded to compare"
    flow = sum(row.quantity * row.price * (1 if row.side == "SELL" else -1) for row in fills)
    charges = sum(row.charges for row in fills)
    assert flow - charges == sum(line.net for line in report.trades) - sum(line.cost + line.charges for line in report.held)
    assert charges == figures.charges == sum(report.charge_lines.values()) == sum(day.charges for day in report.days)
    assert "other" not in report.charge_lines
    sold: Counter[str] = Counter()
    for row in fills:
        sold[row.symbol] += row.quantity if row.side == "SELL" else 0
    traded: Counter[str] = Counter()
    for line in report.trades:
        traded[line.symbol] += line.quantity
    assert traded == +sold
    assert report.equity == days[-1].equity
    assert figures.change == days[-1].equity - world.ledger.users.get(world.user).capital
    assert report.source is Source.SIMULATION


def test_a_bar_is_used_after_its_session_only(world: PaperWorld) -> None:
    """With a virtual clock the bars of the rest of the day are stored already."""
    day = next(line.exit_session for line in whole(world).trades if line.exit_session is not None)
    for moment, complete in ((time(10, 0), False), (time(18, 0), True)):
        then = replace(world, clock=VirtualClock(at_ist(day, moment)))
        report = ledger_report(then, Period(day, day, "A day"))
        assert report.candles
        assert {day in candles.sessions for candles in report.candles.values()} == {complete}


def test_reports_of_parts_add_up_to_the_report_of_the_whole(world: PaperWorld) -> None:
    report = whole(world)
    middle = report.days[len(report.days) // 2].session
    parts = [
        ledger_report(world, Period(report.first, middle, "first")),
        ledger_report(world, Period(date.fromordinal(middle.toordinal() + 1), report.last, "second")),
    ]
    assert sum((part.trades for part in parts), ()) == report.trades
    assert sum(figures_of(part).change for part in parts) == figures_of(report).change
    assert parts[1].before == parts[0].equity
    assert sum(figures_of(part).charges for part in parts) == figures_of(report).charges


def test_a_past_report_stays_the_same(world: PaperWorld) -> None:
    """Shares that were sold later are held in it, and no later bar is in its candles."""
    report = whole(world)
    later = next(line for line in report.trades if line.exit_session is not None and line.exit_session > line.entry_session)
    past = ledger_report(world, Period(later.entry_session, later.entry_session, "a day"))
    assert (later.symbol, later.entry_price) in {(line.symbol, line.entry_price) for line in past.held}
    assert all(bars.sessions[-1] <= later.entry_session for bars in past.candles.values())
    assert past.events, "a report of one session has its timeline"


def test_each_trade_has_its_rules_targets_and_candles(world: PaperWorld) -> None:
    report = whole(world)
    for line in report.trades:
        assert line.entry_rule in {"entry", "reentry"}
        assert line.exit_rule in {"target", "rsi_exit"}
        assert line.why
        bars = report.candles[line.instrument_id]
        assert {line.entry_session, line.exit_session} <= set(bars.sessions)
        assert [item.session for item in line.targets] == sorted({item.session for item in line.targets})
        assert all(line.entry_session <= item.session <= (line.exit_session or report.last) for item in line.targets)


def test_the_falling_target_ends_at_the_price_of_the_sale(world: PaperWorld) -> None:
    """The minutes are computed from bars; the fill comes from the exchange: a sale at its target is at the computed limit."""
    sold = [line for line in whole(world).trades if line.minutes and line.exit_session and line.exit_session > line.entry_session]
    assert sold
    for line in sold:
        targets = [target for _, _, target in line.minutes]
        assert targets == sorted(targets, reverse=True), "a target never rises within a session"
        assert line.exit_price is not None
        assert min(targets) <= line.exit_price


def test_the_overlays_have_the_bits_of_ta(world: PaperWorld) -> None:
    pandas, trend, momentum = pytest.importorskip("pandas"), pytest.importorskip("ta.trend"), pytest.importorskip("ta.momentum")
    report = whole(world)
    line = report.trades[0]
    history, bars = world.market.history(line.instrument_id), report.candles[line.instrument_id]
    assert history is not None
    close = pandas.Series(history.close / 100 * history.multiplier)
    rows = [history.last_index(session) for session in bars.sessions]
    last = float(history.multiplier[rows[-1]])
    fast = trend.EMAIndicator(close, world.parameters.ema_fast).ema_indicator().to_numpy()[rows] * 100 / last
    rsi = momentum.RSIIndicator(close, world.parameters.rsi_period).rsi().to_numpy()[rows]
    np.testing.assert_array_equal(fast, np.array(bars.ema_fast))
    np.testing.assert_array_equal(rsi, np.array(bars.rsi))


def test_what_needs_a_person_comes_first(world: PaperWorld) -> None:
    report = whole(world)
    with world.ledger.database.write() as connection:
        order = connection.execute(select(ORDERS.c.id, ORDERS.c.session_date).order_by(ORDERS.c.id.desc()).limit(1)).one()
        values = dict(connection.execute(select(ORDERS).where(ORDERS.c.id == order.id)).mappings().one())
        del values["id"]
        values |= {"tag": "AAAAAAAAAAAAAAA", "status": "UNKNOWN", "reason": "the reply timed out", "generation": 9}
        values |= {"broker_order_id": None, "filled_quantity": 0, "session_date": report.first}
        connection.execute(insert(ORDERS).values(values))
        connection.execute(update(schema.users).values(trading_state="HALTED", state_reason="a test"))
    alerts = ledger_report(world, Period(report.last, report.last, "the last session")).alerts
    assert [alert.title.split()[0] for alert in alerts[:2]] == ["The", "UNKNOWN:"]
    assert "HALTED" in alerts[0].title
    assert alerts[1].command.startswith("tradectl orders resolve ")
