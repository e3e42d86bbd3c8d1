"""Calculate the holdings, the sellable shares and the funds from Kite's holdings, positions and margins.

A CNC buy of today is in the positions only. A CNC sell of today is a negative position and the `used_quantity` of its holding.
So shares = holdings + bought today - sold today. As at the paper exchange, a sale takes the shares bought today first, then
the delivered ones.

Kite's sources disagree about the shares of a holdings row: the documentation and the mocks differ on whether `quantity`
contains `t1_quantity`. `opening_quantity` is quantity + t1 in the mocks. The smaller value counts. The larger of `used_quantity`
and today's sells counts, so the result is never more than what can be sold. Kite itself checks whether shares are
authorised for sale (without a power of attorney) and refuses the order if they are not.

`net` of the margins is the amount that may be spent. It is not the cash of the account: Kite deducts charges at night and does
not report the amount blocked for waiting orders. So cash is calculated: this morning's balance, payments in and out, today's
trades, and their charges by the table (`contract_notes` compares those with Kite's). The balance of an account that also trades
other products differs from this; `eod` then reports the difference.

Sources: kiteconnect-mocks holdings.json (rows SBIN, RELIANCE: t1_quantity 7 and 2), positions.json, margins.json, profile.json;
documentation of /user/margins; pykiteconnect 5.2.0 (`profile`). That `demat_consent` reports a DDPI is a guess, so it is only
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.brokers.account.day_cash import cash_flow
from tradectl.brokers.account.securities import counted_once
from tradectl.brokers.adapter import Remark
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.row_reading import read_field, read_row, read_rows, readable_holdings
from tradectl.brokers.http.value_ranges import QUANTITY, SHARES, OddValue, whole
from tradectl.brokers.kite.rows import NAMES, PRODUCT, Row, about_paise, concerns, moment, symbol
from tradectl.exchange.rates import ZERODHA
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import OddRow, RowKind, Rows
from tradectl.model.order import ALIVE, Funds, Holding, OrderReport, Side, TradeReport
from tradectl.model.series import TRADE_FOR_TRADE

_SUFFIXES = tuple(f"-{series}" for series in sorted(TRADE_FOR_TRADE))
"""Shares of these series cannot be sold on the day they were bought."""


class _Shares(Struct, frozen=True):
    """Hold share counts of one symbol.

    `whole` are the shares of the morning and `fresh` those of them that are not delivered yet (T1). `used`, `bought` and
    `sold` are today's.
    """

    whole: int = 0
    fresh: int = 0
    used: int = 0
    bought: int = 0
    sold: int = 0
    pledged: int = 0
    trade_for_trade: bool = False


def holdings(held: Iterable[Row], positions: Mapping[str, Any]) -> Rows[Holding]:
    """Return every security with shares now, from GET /portfolio/holdings (`held`) and /portfolio/positions.

    Kite lists today's trades by symbol, so they count for each security with that symbol. A symbol with an unreadable row has
    no holding.
    """
    morning = read_rows(RowKind.HOLDING, held, _readable(_OF_HOLDING), NAMES)
    today = read_rows(RowKind.POSITION, positions["day"], _readable(_OF_DAY), NAMES)
    found: dict[tuple[str, str], _Shares] = {}
    for row in counted_once(morning, _security, _size):
        quantity, fresh, opening = whole(row["quantity"]), whole(row["t1_quantity"]), row.get("opening_quantity")
        found[symbol(row), str(row.get("isin") or "")] = _Shares(
            whole=min(quantity + fresh, quantity if opening is None else whole(opening)),
            fresh=fresh,
            used=whole(row["used_quantity"]),
            pledged=whole(row.get("collateral_quantity") or 0),
            trade_for_trade=_restricted(row),
        )
    for row in today:
        name = symbol(row)
        for key in [key for key in found if key[0] == name] or [(name, "")]:
            before = found.get(key, _Shares())
            found[key] = replace(
                before,
                bought=before.bought + whole(row["day_buy_quantity"]),
                sold=before.sold + whole(row["day_sell_quantity"]),
                trade_for_trade=before.trade_for_trade or _restricted(row),
            )
    reported = [(name, (isin, shares)) for (name, isin), shares in found.items()]
    return readable_holdings(reported, _holding, (*morning.odd, *today.odd))


def positions_of(trades: Iterable[Row], today: date) -> Mapping[str, Any]:
    """Return the positions that follow from today's trades (GET /trades), with the fields that `holdings` reads.

    A trade that cannot be read becomes an odd row, which `holdings` returns too.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    odd: list[OddRow] = []
    for trade in trades:
        row = read_row(RowKind.POSITION, trade, lambda noted: _readable_trade(noted, today), NAMES)
        if isinstance(row, OddRow):
            odd.append(row)
        elif row is not None:
            names = {name: row[name] for name in ("exchange", "tradingsymbol", "product")}
            key = (row["exchange"], row["tradingsymbol"])
            traded = found.setdefault(key, {**names, "day_buy_quantity": 0, "day_sell_quantity": 0})
            traded["day_buy_quantity" if Side(row["transaction_type"]) is Side.BUY else "day_sell_quantity"] += whole(
                row["quantity"]
            )
    return {"day": Rows(found.values(), odd)}


def _readable_trade(row: Row, today: date) -> Row | None:
    """Return a delivery trade of today, None for another trade. Raises an error of `UNREADABLE` for an unreadable row."""
    if not concerns(row):
        return None
    whole(row["quantity"], "quantity", QUANTITY)
    Side(row["transaction_type"])
    symbol(row)
    return row if ist_date(read_field(row, "fill_timestamp", moment)) == today else None


def _security(row: Row) -> str:
    return str(row.get("isin") or symbol(row))


def _size(row: Row) -> int:
    return whole(row["quantity"]) + whole(row["t1_quantity"])


_OF_HOLDING = ("quantity", "t1_quantity", "used_quantity")
_OF_DAY = ("day_buy_quantity", "day_sell_quantity")
_MAY_BE_ABSENT = ("opening_quantity", "collateral_quantity")


def _readable(fields: Sequence[str]) -> Callable[[Row], Row | None]:
    """Return a function that checks a row. It returns None for another exchange or product, and raises OddValue."""

    def check(row: Row) -> Row | None:
        if not concerns(row):
            return None
        symbol(row)
        for name in fields:
            whole(row[name], name, SHARES)
        for name in _MAY_BE_ABSENT:
            if row.get(name) is not None:
                whole(row[name], name, SHARES)
        if not isinstance(row.get("isin"), str | None):
            raise OddValue("isin", row["isin"])
        return row

    return check


def _restricted(row: Row) -> bool:
    return str(row["tradingsymbol"]).endswith(_SUFFIXES)


def _holding(name: str, reported: tuple[str, _Shares]) -> Holding | None:
    isin, shares = reported
    sold = max(shares.sold, shares.used)
    total = shares.whole + shares.bought - sold
    if total <= 0:
        return Holding(name, 0, 0, 0, shares.pledged, isin) if shares.pledged else None
    of_today = max(0, shares.bought - sold)
    delivered = min(total, max(0, shares.whole - shares.fresh - max(0, sold - shares.bought)))
    sellable = total - of_today if shares.trade_for_trade else total
    return value_ranges.holding(Holding(name, delivered, total - delivered, sellable, shares.pledged, isin))


def funds(margins: Row, trades: Iterable[TradeReport], today: date) -> Funds:
    """Return the funds (paise) from GET /user/margins/equity and the trades of `today`."""
    available, utilised = margins["available"], margins["utilised"]
    opening = about_paise(available["opening_balance"]) + about_paise(available["intraday_payin"])
    cash = opening - about_paise(utilised["payout"]) + cash_flow(trades, today, ZERODHA)
    spendable = about_paise(margins["net"])
    withheld = about_paise(utilised.get("delivery", 0))
    return value_ranges.funds(Funds(spendable, max(0, cash - spendable - withheld), cash))


def funds_without_trades(margins: Row, orders: Iterable[OrderReport]) -> Funds:
    """Return the funds (paise) if not all trades of today can be read.

    Then `cash` is the spendable amount, the amount withheld for delivery, and the amount blocked for resting buys.
    """
    resting = [item for item in orders if item.side is Side.BUY and item.status in ALIVE]
    blocked = sum((item.quantity - item.filled_quantity) * item.price for item in resting)
    spendable = about_paise(margins["net"])
    withheld = about_paise(margins["utilised"].get("delivery", 0))
    return value_ranges.funds(Funds(spendable, blocked, spendable + withheld + blocked))


CONSENT = "consent"
UNATTENDED = "sells from demat need no TPIN"
ATTENDED = "sells from demat may need your TPIN each day, until you sign a DDPI (once, in Zerodha's Console)"


def profile_remarks(profile: Mapping[str, Any]) -> Sequence[Remark]:
    """Return a remark for each checked fact of the profile, also if the profile does not report it."""
    return (
        _has(profile, "exchanges", "NSE", "the account may trade on NSE"),
        _has(profile, "products", PRODUCT, "the account may trade for delivery (CNC)"),
        _demat(profile),
    )


def _has(profile: Mapping[str, Any], name: str, what: str, text: str) -> Remark:
    reported = profile.get(name)
    if not isinstance(reported, list):
        return Remark(f"the profile does not report its {name}", fine=False)
    return (
        Remark(text)
        if what in reported
        else Remark(f"{what} is not among the account's {name}: {', '.join(map(str, reported))}", fine=False)
    )


def _demat(profile: Mapping[str, Any]) -> Remark:
    meta = profile.get("meta")
    reported = meta.get("demat_consent") if isinstance(meta, dict) else None
    if reported == CONSENT:
        return Remark(f"demat consent is {reported!r}: {UNATTENDED}")
    return Remark(f"demat consent is {reported!r}: {ATTENDED}", fine=False)
