"""The result of the command `report`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from tradectl.cli.contract.values import Count, Day, Detail, Percent, Ratio, Rupees, Shares


class ReportTrade(TypedDict):
    """Shares of one buy that were sold, or that are held: then `exit_session` is null and `exit_price` the last close."""

    symbol: str
    entry_session: Day
    exit_session: Day | None
    quantity: Shares
    entry_price: Rupees
    exit_price: Rupees | None
    gross: Rupees
    charges: Rupees
    net: Rupees
    net_percent: Percent
    entry_rule: str
    exit_rule: str


class ReportFigures(TypedDict):
    """The figures of a period; null where a divisor is zero or the period is too short."""

    growth: Ratio | None
    cagr: Ratio | None
    drawdown: Ratio | None
    drawdown_from: Day | None
    drawdown_to: Day | None
    sharpe: Ratio | None
    sortino: Ratio | None
    volatility: Ratio | None
    exposure: Ratio | None
    win_rate: Ratio | None
    profit_factor: Ratio | None
    average_days: float | None


class ReportMonth(TypedDict):
    """The change of the equity in one month."""

    month: Annotated[str, Detail({"pattern": r"^\d{4}-\d{2}$"})]
    result: Rupees
    growth: Ratio


class ReportDay(TypedDict):
    """The change of the equity in one session."""

    session: Day
    result: Rupees
    growth: Ratio


class ReportAlert(TypedDict):
    """What a person must look at first, and the command that shows more."""

    title: str
    text: str
    command: str


ReportResult = TypedDict(
    "ReportResult",
    {
        "file": Annotated[str | None, Detail({"description": "the written file; null if the report went to stdout"})],
        "bytes": Count | None,
        "title": str,
        "source": Literal["ledger", "simulation", "backtest"],
        "from": Day,
        "to": Day,
        "sessions": Count,
        "before": Annotated[Rupees, Detail({"description": "the equity before the first session"})],
        "equity": Rupees,
        "result": Annotated[Rupees, Detail({"description": "the change of the equity"})],
        "gross": Rupees,
        "net": Annotated[Rupees, Detail({"description": "of the closed trades, after charges"})],
        "charges": Annotated[Rupees, Detail({"description": "of all fills of the period"})],
        "charge_lines": dict[str, Rupees],
        "received": Annotated[Rupees, Detail({"description": "dividends and cash for fractions of shares"})],
        "figures": ReportFigures,
        "months": list[ReportMonth],
        "days": list[ReportDay],
        "trades": list[ReportTrade],
        "held": list[ReportTrade],
        "skipped": Count,
        "alerts": list[ReportAlert],
        "notes": list[str],
    },
)
