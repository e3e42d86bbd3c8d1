"""The results of the commands about taxes, imports of trades, and the broker's papers."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from tradectl.cli.contract.values import Count, Day, Detail, Rupees, Shares, Side
from tradectl.papers.findings import Outcome
from tradectl.tax.rules import Term

Doubts = Annotated[list[str], Detail({"description": "marks of this figure; `doubts` of the result gives their meaning"})]
TradeId = Annotated[str, Detail({"description": "the trade id of a fill, or exchange, date and id of an outside trade"})]
RatePercent = Annotated[float | None, Detail({"description": "per cent; null if no fixed rate applies"})]


class ChargesByTreatment(TypedDict):
    """Charges by their treatment: STT is not deducted, DP charges and IPFT are doubtful and not deducted."""

    deducted: Rupees
    not_deducted: Rupees
    doubtful: Rupees


class DoubtCount(TypedDict):
    """A doubt, its meaning, and how many figures carry it."""

    doubt: str
    figures: Count
    meaning: str


class TaxLot(TypedDict):
    """Shares of one purchase that are held."""

    symbol: str
    isin: str
    acquired: Day | None
    long_from: Annotated[Day | None, Detail({"description": "the first day on which a sale is long term"})]
    quantity: Shares
    cost: Annotated[Rupees, Detail({"description": "without charges"})]
    charges: ChargesByTreatment
    origin: Literal["bought", "bonus", "demerger", "unknown"]
    entry_quantity: Annotated[Shares, Detail({"description": "the same shares as they were bought"})]
    entry_price: Rupees
    trade: TradeId
    source: str
    doubts: Doubts


class TaxNotes(TypedDict):
    """What every result about taxes has."""

    charges_of: Annotated[str, Detail({"description": "the table of charges"})]
    doubts: list[DoubtCount]
    notes: list[str]
    advice: Annotated[str, Detail({"description": "that this is not tax advice"})]


class LotsResult(TaxNotes):
    """The shares that are held, lot by lot."""

    lots: list[TaxLot]


class WindowAmounts(TypedDict):
    """Amounts by the windows of advance tax."""

    to_15_june: Rupees
    to_15_september: Rupees
    to_15_december: Rupees
    to_15_march: Rupees
    to_31_march: Rupees


class GainBucket(TypedDict):
    """The gains of one term, section and rate."""

    term: Term
    section: str
    rate_percent: RatePercent
    lots: Count
    proceeds: Rupees
    cost: Rupees
    expenses: Rupees
    gain: Rupees
    profits: Rupees
    losses: Rupees
    windows: WindowAmounts


class SoldLot(TypedDict):
    """A lot, or a part of it, that one trade sold."""

    symbol: str
    isin: str
    acquired: Day | None
    sold: Day
    quantity: Shares
    term: Term
    section: str
    rate_percent: RatePercent
    proceeds: Rupees
    price: Rupees
    actual_cost: Annotated[Rupees, Detail({"description": "with the deductible charges of the purchase"})]
    fair_value: Annotated[Rupees | None, Detail({"description": "of 2018-01-31; null if it does not apply or is not known"})]
    cost: Annotated[Rupees, Detail({"description": "the cost that counts"})]
    expenses: Annotated[Rupees, Detail({"description": "the deductible charges of the sale"})]
    gain: Annotated[Rupees | None, Detail({"description": "null if the purchase is not recorded"})]
    deemed_dividend: Rupees
    buyback: bool
    origin: str
    charges_of_purchase: ChargesByTreatment
    charges_of_sale: ChargesByTreatment
    purchase: TradeId
    purchase_source: str
    sale: TradeId
    sale_source: str
    doubts: Doubts


class SameDayTrade(TypedDict):
    """Shares that were bought and sold on one day."""

    symbol: str
    session: Day
    quantity: Shares
    cost: Rupees
    proceeds: Rupees
    charges: ChargesByTreatment
    gain: Rupees
    section: str
    purchase: TradeId
    sale: TradeId
    doubts: Doubts


class PnlBridge(TypedDict):
    """From the net of `pnl` to the gains: `net` and the lines after it sum to `gains`."""

    net: Annotated[Rupees, Detail({"description": "of the year's trades, as `pnl` has it"})]
    not_deducted: Annotated[Rupees, Detail({"description": "STT of these trades"})]
    doubtful: Annotated[Rupees, Detail({"description": "DP charges and IPFT of these trades, and charges that no table gives"})]
    fractions: Annotated[Rupees, Detail({"description": "cash for fractions of shares, which `pnl` shows apart"})]
    outside: Annotated[Rupees, Detail({"description": "proceeds of sales in no position, less those without a purchase"})]
    cost: Annotated[Rupees, Detail({"description": "cost of the sold shares in `pnl`, less that of the lots sold for taxes"})]
    charges: Annotated[Rupees, Detail({"description": "the same of their deductible charges"})]
    law: Annotated[Rupees, Detail({"description": "fair value of 2018-01-31 instead of the cost, and buybacks"})]
    gains: Annotated[Rupees, Detail({"description": "speculative, short and long term, before exemption and set-off"})]


class YearResult(TaxNotes):
    """The gains of a financial year."""

    year: Annotated[str, Detail({"pattern": r"^\d{4}-\d{2}$"})]
    buckets: list[GainBucket]
    pnl_bridge: PnlBridge
    exemption: Rupees
    exempt: Annotated[Rupees, Detail({"description": "the exempt part of the long-term gains, before any set-off"})]
    deemed_dividends: Rupees
    dividends: Annotated[Rupees, Detail({"description": "of the ledger's positions, by ex-date"})]
    charges: ChargesByTreatment
    charge_lines: Annotated[dict[str, Rupees], Detail({"description": "all charges of the year's trades, by line"})]
    disposals: list[SoldLot]
    speculative: list[SameDayTrade]
    unmatched: Annotated[Count, Detail({"description": "sold lots without a recorded purchase"})]
    files: Annotated[list[str], Detail({"description": "the files that were written"})]


class ImportedFile(TypedDict):
    """A file of trades. `skipped`: rows of other segments."""

    file: str
    trades: Count
    skipped: Count


class ImportedTradebook(TypedDict):
    """What an import of trades changed."""

    files: list[ImportedFile]
    new: Count
    unchanged: Count
    replaced: Count
    symbols: list[str]


class EnteredTrade(TypedDict):
    """A trade that was entered by hand, or removed."""

    symbol: str
    side: Side
    quantity: Shares
    price: Rupees
    session: Day
    isin: str
    buyback: bool
    removed: bool


class ImportedList(TypedDict):
    """A list that was checked and stored in the home."""

    file: str
    rows: Count
    stored: str


class PaperDifference(TypedDict):
    """One field that differs. `by`: the paper's amount minus ours, null for what is no amount."""

    field: str
    theirs: str
    ours: str
    by: Rupees | None


class PaperFinding(TypedDict):
    """A line of a paper that differs from the ledger, or that only one of them has."""

    outcome: Outcome
    row: Annotated[int, Detail({"minimum": 0, "description": "the line in the file; 0 if the paper does not have it"})]
    session: Day
    symbol: str
    line: str
    key: str
    differences: list[PaperDifference]
    note: str


class ComparedPaper(TypedDict):
    """A paper with its number of lines by outcome, and every line that is not equal."""

    paper: str
    kind: Literal["tradebook", "charge lines", "Kite charges", "tax P&L"]
    lines: Count
    equal: Count
    differs: Count
    missing_here: Count
    missing_there: Count
    findings: list[PaperFinding]


class DifferingRate(TypedDict):
    """A rate that the papers use and the table of charges does not, with the days on which it shows."""

    line: str
    since: Day
    until: Day
    agreed: Annotated[Day | None, Detail({"description": "the last day before that excludes this rate"})]
    theirs: str
    ours: str
    unit: str
    lines: Count


class PapersResult(TypedDict):
    """The broker's papers compared with the ledger."""

    papers: list[ComparedPaper]
    rates: list[DifferingRate]
    charges_of: str
    agrees: bool
