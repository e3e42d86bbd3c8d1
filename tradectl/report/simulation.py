"""Report the result of a simulation, and check that the ledger and the paper exchange agree to the paisa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from tradectl.backtest.metrics import max_drawdown
from tradectl.model.money import to_rupees
from tradectl.model.position import Folded, Trade
from tradectl.runtime.simulate import Simulated
from tradectl.world import World


class Line(Protocol):
    """Shares of one symbol at the exchange, with their cost in paise."""

    @property
    def symbol(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def cost(self) -> int: ...


class Statement(Protocol):
    """The account by the paper exchange, calculated without the ledger. Amounts are in paise.

    `realised` is before charges. `difference` is the amount by which the exchange's own sums disagree.
    """

    @property
    def cash(self) -> int: ...
    @property
    def holdings(self) -> Sequence[Line]: ...
    @property
    def charges_total(self) -> int: ...
    @property
    def dividends(self) -> int: ...
    @property
    def cash_in_lieu(self) -> int: ...
    @property
    def realised(self) -> int: ...
    @property
    def difference(self) -> int: ...


class Account(Struct, frozen=True):
    """The account at the end, by the ledger. Amounts are in paise.

    Attributes:
        value, cost: Of the shares held.
        spun_off: The cost that demergers moved to other securities.
        realised, unrealised: Net of charges.
    """

    cash: int
    value: int
    cost: int
    spun_off: int
    realised: int
    unrealised: int
    charges: int
    dividends: int
    cash_in_lieu: int
    trades: tuple[Trade, ...]

    @property
    def equity(self) -> int:
        """Return cash plus the value of the shares, with spun-off shares at cost."""
        return self.cash + self.value + self.spun_off


def account(world: World) -> Account:
    """Return the account from all positions of the ledger. Shares count at their last price, or at cost without a price."""
    book = world.ledger.book
    folds: list[tuple[str, Folded]] = [(position.symbol, book.folded(position.id)) for position in book.positions()]
    held = [position.symbol for position in book.snapshot().positions]
    quotes = world.broker.quotes(held) if held else {}
    trades = sorted((trade for _, state in folds for trade in state.trades), key=_by_time)
    open_folds = [(symbol, state) for symbol, state in folds if state.quantity]
    value = sum(state.quantity * quotes[symbol].last if symbol in quotes else state.cost for symbol, state in open_folds)
    cost = sum(state.cost for _, state in open_folds)
    paid = sum(lot.charges for _, state in open_folds for lot in state.lots)
    return Account(
        cash=book.cash(),
        value=value,
        cost=cost,
        spun_off=sum(state.spun_off for _, state in folds),
        realised=sum(trade.net for trade in trades),
        unrealised=value - cost - paid,
        charges=sum(state.charges for _, state in folds),
        dividends=sum(state.dividends for _, state in folds),
        cash_in_lieu=sum(state.cash_in_lieu for _, state in folds),
        trades=tuple(trades),
    )


def _by_time(trade: Trade) -> tuple[Any, ...]:
    return trade.exit_session, trade.symbol, trade.entry_session, trade.quantity, trade.entry_price, trade.exit_price


def differences(world: World, mine: Account, theirs: Statement) -> list[str]:
    """Return one line for each difference between ledger and exchange; empty if they agree to the paisa.

    After a demerger the exchange keeps the whole cost of the holding, but the ledger moves a part of it away. So the comparison
    uses the proceeds of sales minus the cost of buys, which must be equal.
    """
    capital = world.ledger.users.get(world.user).capital
    gross = mine.realised + sum(trade.charges for trade in mine.trades)
    pairs = {
        "cash": (mine.cash, theirs.cash),
        "charges": (mine.charges, theirs.charges_total),
        "dividends": (mine.dividends, theirs.dividends),
        "cash in lieu": (mine.cash_in_lieu, theirs.cash_in_lieu),
        "sales less buys": (gross - mine.cost - mine.spun_off, theirs.realised - sum(line.cost for line in theirs.holdings)),
        "equity": (mine.equity, capital + mine.realised + mine.unrealised + mine.dividends + mine.cash_in_lieu),
        "the exchange's own sums": (0, theirs.difference),
    }
    found = [f"{name}: {to_rupees(ours)} against {to_rupees(other)}" for name, (ours, other) in pairs.items() if ours != other]
    ours = {position.symbol: position.quantity for position in world.ledger.book.snapshot().positions}
    shares = {line.symbol: line.quantity for line in theirs.holdings}
    return found + [
        f"{symbol}: {ours.get(symbol, 0)} shares in the ledger, {shares.get(symbol, 0)} at the exchange"
        for symbol in sorted(set(ours) | set(shares))
        if ours.get(symbol, 0) != shares.get(symbol, 0)
    ]


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return a trade as JSON values, with rupees as text with two decimals."""
    return {
        "symbol": trade.symbol,
        "entry_session": trade.entry_session.isoformat(),
        "exit_session": trade.exit_session.isoformat(),
        "quantity": trade.quantity,
        "entry_quantity": trade.entry_quantity,
        "entry_price": to_rupees(trade.entry_price),
        "exit_price": to_rupees(trade.exit_price),
        "gross": to_rupees(trade.gross),
        "charges": to_rupees(trade.charges),
        "net": to_rupees(trade.net),
    }


def by_strategy(world: World) -> dict[str, Any]:
    """Return, under `strategies`, the trades and open positions of each strategy; nothing if only the shipped rule runs."""
    chosen = world.ledger.strategies.chosen()
    if not any(item.hash for item in chosen):
        return {}
    book = world.ledger.book
    found: dict[str, dict[str, Any]] = {}
    for item in chosen:
        mine = [(position, book.folded(position.id)) for position in book.positions() if position.strategy == item.name]
        trades = [trade for _, state in mine for trade in state.trades]
        found[item.name] = {
            "hash": item.hash[:12],
            "share": format(item.share.normalize(), "f"),
            "trades": len(trades),
            "winners": sum(trade.net > 0 for trade in trades),
            "net": to_rupees(sum(trade.net for trade in trades)),
            "open": sum(state.quantity > 0 for _, state in mine),
        }
    return {"strategies": found}


def result(world: World, done: Simulated, theirs: Statement, seconds: float) -> dict[str, Any]:
    """Return the JSON result of a simulation that took some `seconds`.

    All values except `sessions_per_second` are the same in every run.
    """
    mine = account(world)
    unequal = differences(world, mine, theirs)
    orders = world.ledger.book.orders()
    days = world.ledger.statistics.all()
    capital = world.ledger.users.get(world.user).capital
    return {
        "sessions": len(done.sessions),
        "first": done.sessions[0].date.isoformat(),
        "last": done.sessions[-1].date.isoformat(),
        "capital": to_rupees(capital),
        "orders": dict(sorted(Counter(str(order.status) for order in orders).items())),
        "fills": len(world.ledger.book.fills()),
        "trades": [trade_row(trade) for trade in mine.trades],
        "open_positions": [
            {
                "symbol": item.symbol,
                "quantity": item.quantity,
                "cost": to_rupees(item.cost),
                "opened": item.opened_session.isoformat(),
            }
            for item in world.ledger.book.snapshot().positions
        ],
        "cash": to_rupees(mine.cash),
        "equity": to_rupees(mine.equity),
        "realised_pnl": to_rupees(mine.realised),
        "unrealised_pnl": to_rupees(mine.unrealised),
        "charges": to_rupees(mine.charges),
        "dividends": to_rupees(mine.dividends),
        "cash_in_lieu": to_rupees(mine.cash_in_lieu),
        "spun_off": to_rupees(mine.spun_off),
        "max_drawdown": round(max_drawdown([capital, *(day.equity for day in days)]), 6),
        "charges_of": {"table": world.parameters.tariff.name, "title": world.parameters.tariff.title},
        "reconciled": not unequal,
        "differences": unequal,
        "troubles": [
            {"session": str(item.session), "task": item.task, "outcome": item.outcome, "error": item.error}
            for item in done.troubles
        ],
        **by_strategy(world),
        "sessions_per_second": round(len(done.sessions) / seconds, 2) if seconds > 0 else None,
    }
