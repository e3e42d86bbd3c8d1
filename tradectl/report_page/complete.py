"""Complete the content of a ledger's report: candles, minutes and notes, where the market's bars are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.report_page.candles import candles_of
from tradectl.report_page.content import Content
from tradectl.report_page.exit_minutes import with_minutes
from tradectl.report_page.ledger_reading import Period, bars_until, content_of

if TYPE_CHECKING:
    from tradectl.strategy.parameters import Parameters
    from tradectl.world import World

MODELLED = "Where no minute bars are stored, prices within a session are the simulated path through its daily bar."


def ledger_report(world: World, period: Period, *, benchmarks: Mapping[str, Sequence[float]] | None = None) -> Content:
    """Return the complete content of a period of a ledger.

    Args:
        period: The dates, and the title.
        benchmarks: By name: paise at the end of each session that has statistics.
    """
    content = content_of(world, period)
    candles, note = candles_of(world.market, (*content.trades, *content.held), world.parameters, bars_until(world, period.last))
    trades = with_minutes(world, content.trades) if candles else content.trades
    modelled = MODELLED if world.mode == "simulated" and any(trade.minutes for trade in trades) else ""
    charges = f"Charges by the table {world.parameters.tariff.title}."
    return replace(
        content,
        trades=trades,
        candles=candles,
        benchmarks=dict(benchmarks or {}),
        names=indicator_names(world.parameters),
        notes=tuple(filter(None, (charges, note, modelled))),
    )


def indicator_names(parameters: Parameters) -> dict[str, str]:
    """Return the names of the indicators with their settings, such as EMA9."""
    return {
        "fast": f"EMA{parameters.ema_fast}",
        "slow": f"EMA{parameters.ema_slow}",
        "rsi": f"RSI{parameters.rsi_period}",
    }
