"""The results of the commands that show and export the accounts."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from tradectl.cli.contract.values import Count, Day, Detail, Moment, Percent, Rupees, Shares


class ChargesByLine(TypedDict):
    """Charges by line; `dp` includes its own GST, and `other` is the stored amount less that of the table."""

    brokerage: Rupees
    stt: Rupees
    exchange: Rupees
    sebi: Rupees
    stamp: Rupees
    gst: Rupees
    dp: Rupees
    ipft: Rupees
    other: Rupees


class NoteText(TypedDict):
    """What a person wrote about an order or a trade."""

    at: Moment
    text: str
    tags: list[str]


class NoteRow(NoteText):
    """A note with its subject: an order, or a trade."""

    id: int
    symbol: str
    order_id: Annotated[int | None, Detail({"description": "null for a note on a trade"})]
    trade: Annotated[str | None, Detail({"description": "the id of the trade; null for a note on an order"})]


class TradeRow(ChargesByLine):
    """A closed trade: a lot, or a part of it, that one fill sold. Its charges are those of both sides."""

    id: Annotated[str, Detail({"description": "the ids of the fills that bought and sold it: 12-15"})]
    symbol: str
    instrument_id: str
    entry_session: Day
    exit_session: Day
    quantity: Shares
    entry_quantity: Annotated[Shares, Detail({"description": "as bought; differs after a split"})]
    entry_price: Rupees
    exit_price: Rupees
    cost: Rupees
    proceeds: Rupees
    gross: Rupees
    charges: Rupees
    net: Rupees
    entry_purpose: str
    exit_purpose: str
    entry_order: int | None
    exit_order: int | None
    entry_trade_id: str
    exit_trade_id: str | None
    notes: Annotated[list[NoteText], Detail({"description": "on the trade and on its orders"})]


class PnlRow(TypedDict):
    """Profit and loss of a period, a symbol, a purpose or the whole span. A trade belongs to the day of its sale."""

    key: Annotated[str, Detail({"description": "2023-07-21, 2023-W29, 2023-07, 2023-24, a symbol, `entry target`, or total"})]
    first: Day | None
    last: Day | None
    trades: Count
    winners: Count
    cost: Annotated[Rupees, Detail({"description": "of the shares sold, without charges"})]
    gross: Rupees
    charges: Annotated[Rupees, Detail({"description": "of both sides of the trades"})]
    charge_lines: ChargesByLine
    net: Annotated[Rupees, Detail({"description": "gross less charges"})]
    percent: Annotated[Percent | None, Detail({"description": "net in per cent of the cost; null without a trade"})]
    unrealised: Annotated[Rupees | None, Detail({"description": "at the end, before charges, by eod or at the last close"})]
    unrealised_change: Rupees | None
    dividends: Annotated[Rupees | None, Detail({"description": "by ex-date, not part of net; null for a purpose"})]
    cash_in_lieu: Annotated[Rupees | None, Detail({"description": "cash for fractions of shares, not part of net"})]
    paid: Annotated[Rupees | None, Detail({"description": "charges of the fills, on the day of the fill; not part of net"})]
    paid_lines: ChargesByLine | None
    paid_outside: Annotated[Rupees | None, Detail({"description": "charges of shares traded outside tradectl"})]


class HeldCharges(TypedDict):
    """The charges paid for shares that were still held: before + paid = charges of the trades + after."""

    before: Rupees
    after: Rupees


class ChargesTable(TypedDict):
    """The table that divides the charges into lines."""

    table: str
    title: str


PnlResult = TypedDict(
    "PnlResult",
    {
        "by": Literal["day", "week", "month", "financial-year", "symbol", "purpose", "strategy"],
        "from": Day | None,
        "to": Day | None,
        "symbol": str | None,
        "charges_of": ChargesTable,
        "rows": list[PnlRow],
        "total": PnlRow,
        "held_charges": HeldCharges,
        "sessions_compared": Count,
        "differences": list[str],
    },
)


class ExportResult(TypedDict):
    """What was exported."""

    what: Literal["trades", "fills", "orders", "lots", "returns", "all", "bookkeeping"]
    format: Literal["csv", "jsonl", "xlsx", "beancount", "ledger"]
    file: str | None
    rows: Annotated[Count, Detail({"description": "rows of all tables, or transactions of the bookkeeping"})]
    content: Annotated[str | None, Detail({"description": "the text; null if it was written to a file"})]
