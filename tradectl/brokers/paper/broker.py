"""Implement `ports.Broker` for the paper exchange. Each command is one transaction; a read with nothing due needs none.

Each call first settles the account up to `clock.now()`. The account stays in memory and is read again after another process
has written. Each command checks that again under the write lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from tradectl.brokers.paper.acceptance import sellable_lots
from tradectl.brokers.paper.account import AccountChanges, EntryKind, ExchangeAccount, ExchangeOrder
from tradectl.brokers.paper.commands import OrderCommands
from tradectl.brokers.paper.identity import ExchangeMarks, NoMarks, check_mark, check_new, check_there
from tradectl.brokers.paper.instrument_ids import FormerId
from tradectl.brokers.paper.live import LivePrices
from tradectl.brokers.paper.market_days import MarketDays
from tradectl.brokers.paper.matching import ends_at, takes_part
from tradectl.brokers.paper.quotation import Quotation
from tradectl.brokers.paper.settlement import Settlement
from tradectl.brokers.paper.statement import Statement, draw_up
from tradectl.brokers.paper.store import Store
from tradectl.brokers.paper.unobserved import LAST_LOOK, DataLacking, refuse_unknown_sessions
from tradectl.brokers.paper.views import Views
from tradectl.errors import ConfigurationError, DatabaseError, OrderRefused, UsageError
from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.ledger.exchange_mark import Mark
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import show_rupees
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, Side, TradeReport
from tradectl.ports import Capabilities, Clock, MarketData, PriceSource

T = TypeVar("T")
SKEW = timedelta(minutes=1)
"""How far the account may be settled ahead of this process's clock. A larger difference means that the clock was set back."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class PaperBroker:
    """Trade with one account at the paper exchange in `file`.

    Args:
        step: Minutes to which the turning points of a daily price path are moved.
        participation: The part of a minute's volume that one order may take; with 1 every order fills completely.
        durable: False skips the writes that protect against power failure, for throw-away simulations.
        alone: Whether to lock the file for other processes.
        opening_cash: Paise with which the first call opens the account. None: only `open_account` opens it.
        prices: A source of live prices. Its quotes are stored and settle orders. None: the stored bars are the market.
        marks: What the ledger recorded of the exchange. A file that does not agree with it raises DatabaseError.
        tariff: The table of charges.
        lacking: Which stored data of closed sessions are missing. None: nothing is checked.

    Raises:
        OrderRefused: A command was rejected.
        DatabaseError: The file cannot be used.
        ConfigurationError: The account was not opened.
        UsageError: The virtual clock is before the account's last event.
        UncoveredDate: The date lies outside the session table.
        DataError: Sessions closed without the account, and their data are not stored.
    """

    name = "paper"
    capabilities = Capabilities(visibility_lag=timedelta(0), refuses_repeated_tag=True, preopen_prices=True, open_weekdays=True)

    def __init__(
        self,
        file: Path,
        account: str,
        clock: Clock,
        market: MarketData,
        sessions: SessionTable,
        *,
        step: int = 1,
        participation: float = 1.0,
        durable: bool = True,
        alone: bool = False,
        opening_cash: int | None = None,
        prices: PriceSource | None = None,
        marks: ExchangeMarks | None = None,
        tariff: Tariff = ZERODHA,
        lacking: DataLacking | None = None,
    ) -> None:
        if not 0 < participation <= 1:
            raise ConfigurationError(f"participation must be above 0 and at most 1, not {participation}")
        self._account = account
        self._tariff = tariff
        self._lacking = lacking
        self._opening_cash = opening_cash
        self._clock = clock
        self._market = market
        self._sessions = sessions
        self._file = file
        self._marks = marks or NoMarks()
        self._known = self._marks.last()
        check_there(file, self._known, self._marks)
        self._store = Store(file, durable=durable, alone=alone, create=self._known is None)
        if prices is not None:
            self.capabilities = replace(self.capabilities, preopen_prices=False, quote_delay=prices.delay, open_weekdays=False)
        complete, snapshots = clock.virtual and prices is None, self._store.seen if prices is not None else None
        self._market_days = MarketDays(market, step=step, complete=complete, snapshots=snapshots)
        self._settlement = Settlement(self._market_days, market, sessions, participation)
        self._quotation = Quotation(self._market_days, market, sessions, self._settlement.session_of)
        self._live = (
            LivePrices(prices, self._store, self._market_days, self._quotation.market_day) if prices is not None else None
        )
        self._commands = OrderCommands(self._market_days, market, sessions, self.capabilities.max_modifications)
        self._book: ExchangeAccount | None = None
        self._version = -1
        self._due = _NEVER
        self._views = Views()

    def close(self) -> None:
        if self._live is not None:
            self._live.close()
        self._store.close()
        with suppress(DatabaseError):
            self._marks.store()

    def open_account(self, cash: int) -> None:
        """Open the account with `cash` paise. If it is open with the same amount, do nothing.

        Raises:
            ConfigurationError: The account was opened with another amount.
        """
        now = self._clock.now()
        with self._store.writing():
            if self._store.load(self._account) is None:
                self._store.open(self._account, now, ist_date(now) - timedelta(days=1))
                book = ExchangeAccount(self._account, now, ist_date(now) - timedelta(days=1))
                book.post(now, EntryKind.DEPOSIT, cash, note="opening")
                self._store.write(book)
                return
            deposits = sum(entry.amount for entry in self._store.cash_entries(self._account) if entry.kind is EntryKind.DEPOSIT)
        if deposits != cash:
            amounts = f"{show_rupees(deposits)}, not {show_rupees(cash)}"
            raise ConfigurationError(f"paper account {self._account} was opened with {amounts}")

    # commands

    def place(self, request: OrderRequest) -> str:
        return self._change(lambda book, now: self._commands.place(book, now, request))

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        self._change(lambda book, now: self._commands.modify(book, now, broker_order_id, quantity=quantity, price=price))

    def cancel(self, broker_order_id: str) -> None:
        self._change(lambda book, now: self._commands.cancel(book, now, broker_order_id))

    def manual_trade(self, symbol: str, side: Side, quantity: int, price: int) -> str:
        """Fill a trade as if the user made it outside tradectl, at once at this price (paise). Return the broker order id."""
        return self._change(
            lambda book, now: self._commands.manual_trade(book, now, symbol, Side(side), quantity=quantity, price=price)
        )

    # reads

    def orders(self) -> tuple[OrderReport, ...]:
        """Return every order that is live or changed in the last 10 days, oldest first."""
        self._current()
        return self._views.orders

    def trades(self) -> tuple[TradeReport, ...]:
        """Return the executions of the last 10 days, oldest first."""
        self._current()
        return self._views.trades

    def holdings(self) -> tuple[Holding, ...]:
        """Return the holdings. New shares that the depository has not credited yet count as not delivered."""
        book = self._current()
        if self._views.holdings is None:
            self._views.holdings = tuple(self._holding(book, instrument_id) for instrument_id in book.held())
        return self._views.holdings

    def funds(self) -> Funds:
        book = self._current()
        if self._views.funds is None:
            self._views.funds = Funds(book.available, book.blocked, book.cash)
        return self._views.funds

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes from the live source if there is one, else from the stored market, with the band of today's session.

        Quotes of a live source are stored.
        """
        now = self._clock.now()
        if self._live is not None:
            return self._live.quotes(symbols, now)
        return self._quotation.quotes(symbols, ist_date(now), now)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        """Return opening prices (paise) from the first phase of a run session to the start of continuous trading.

        Return none with a live source.
        """
        if self._live is not None:
            return {}
        now = self._clock.now()
        return self._quotation.preopen_prices(symbols, ist_date(now), now)

    def statement(self) -> Statement:
        """Return the account's cash, holdings, charges and results, with every cash entry."""
        book = self._current()
        symbols = {instrument_id: self._symbol(instrument_id, book.day) for instrument_id in book.held()}
        with self._store.reading():
            entries, realised = self._store.cash_entries(self._account), self._store.realised(self._account)
        return draw_up(book, symbols, realised, entries, at=self._clock.now())

    # the book

    def _current(self) -> ExchangeAccount:
        """Return the account, settled up to now. It comes from memory if nothing is due and no other process has written."""
        book, now, news = self._book, self._clock.now(), False
        if book is None or self._changed_elsewhere:
            self._open_if_new()
            with self._store.reading():
                book = self._load()
                former = self._former_ids(book)
            self._check_time(now)
            if former:
                self._book = None  # the change reads the account again, under the write lock
                return self._change(lambda book, _: book)
        if self._live is not None:
            self._live.watch(book, self._settlement.session_of(ist_date(now)), now)
            news = self._live.news()
        if news or now >= self._due or self._is_ahead(book, now):
            return self._change(lambda book, _: book)
        return book

    @property
    def _changed_elsewhere(self) -> bool:
        """Return whether another process has written since the account was read. A store that is alone has no other."""
        return not self._store.alone and self._store.version() != self._version

    def _open_if_new(self) -> None:
        if self._opening_cash is not None and self._book is None:
            with self._store.reading():
                known = self._store.load(self._account) is not None
            if not known:
                check_mark(self._file, self._known, Mark(self._store.identity, 0))
                check_new(self._file, self._known, self._marks)
                self.open_account(self._opening_cash)
            self._opening_cash = None

    def _load(self) -> ExchangeAccount:
        """Read the account from the file. Call it inside `reading` or `writing`."""
        self._version = self._store.version()
        book = self._store.load(self._account, self._marks.unfinished())
        if book is None:
            raise ConfigurationError(f"paper account {self._account} has not been opened")
        book.tariff = self._tariff
        self._record_mark(book)
        self._settlement.forget()
        self._settlement.note_settled(book)
        self._book, self._due = book, self._settlement.due(book, book.settled_at)
        self._views.read(book)
        return book

    def _former_ids(self, book: ExchangeAccount) -> list[FormerId]:
        """Return the former ids of an account. One without shares and live orders works without market data."""
        return self._store.former_ids(book, self._market.renames()) if book.lots or book.live else []

    def _follow_renames(self, book: ExchangeAccount) -> ExchangeAccount:
        """Give the account's rows the ids of the present list of renames; return the account. Call it inside `writing`."""
        former = self._former_ids(book)
        if not former:
            return book
        renames = self._market.renames()
        self._store.follow_renames(book, renames, former)
        book = self._load()
        self._settlement.catch_up(book, former, renames)
        return book

    def forget_names(self) -> None:
        """Read the account again at the next use, because the market data name instruments in another way now."""
        self._book = None
        self._market_days.forget_all()
        self._settlement.forget()

    def _record_mark(self, book: ExchangeAccount) -> None:
        """Compare the file with the last mark that the ledger recorded, and record the new mark. Raises DatabaseError."""
        mark = Mark(self._store.identity, book.change_count)
        check_mark(self._file, self._known, mark)
        self._known = mark
        self._marks.record(mark)

    def _check_time(self, now: datetime) -> None:
        """Raise UsageError if a virtual clock goes back. `_change` handles a machine clock that went back."""
        if self._clock.virtual and self._book is not None and self._is_ahead(self._book, now):
            lived = to_ist(self._book.settled_at)
            raise UsageError(f"account {self._account} was already run until {lived:%Y-%m-%d %H:%M} IST: use a later --at")

    @staticmethod
    def _is_ahead(book: ExchangeAccount, now: datetime) -> bool:
        return now < book.settled_at and now + SKEW < book.settled_at

    def _change(self, command: Callable[[ExchangeAccount, datetime], T]) -> T:
        """Settle the account, run a command, settle again, and store all of it in one transaction. Return the command's result.

        A rejected command still stores the settlement. After any other failure the next call reads the file again.
        """
        self._open_if_new()
        done = False
        try:
            with self._store.writing():
                book = self._book
                if book is None or self._changed_elsewhere:
                    book = self._follow_renames(self._load())
                clock_now = self._clock.now()
                self._check_time(clock_now)
                rewound = self._is_ahead(book, clock_now)
                if rewound:
                    self._settlement.rewind(book, clock_now)
                now = max(clock_now, book.settled_at)
                if self._lacking is not None and now >= self._due:
                    refuse_unknown_sessions(book, self._sessions, now, self._lacking, self._ends_unseen)
                day = book.day
                if rewound or not self._market_days.complete or now >= self._due:
                    self._settlement.settle(book, now)
                answer: T | OrderRefused
                try:
                    answer = command(book, now)
                except OrderRefused as refusal:
                    answer = refusal
                due = self._settlement.settle(book, now)
                changed = bool(book.changes)
                if changed or rewound:
                    self._store.write(book)
            done = True
        finally:
            if not done:
                self._book = None
        if changed or book.day != day:
            if book.day != day:
                self._views.read(book)
            else:
                self._views.changed(book, book.changes)
            book.changes = AccountChanges()
            self._record_mark(book)
        self._due = due
        if isinstance(answer, OrderRefused):
            raise answer
        return answer

    # the market

    def _symbol(self, instrument_id: str, day: date) -> str:
        return self._market.instrument(instrument_id, day).symbol

    def _ends_unseen(self, order: ExchangeOrder, session: Session, now: datetime) -> bool:
        """Return whether a live order has ended in a session by `now`, and nothing shows how.

        A snapshot or a bar shows it. So does a read near the close that found no trade of the day."""
        market_day = self._market_days.market_day(order.instrument_id, session, now)
        if not takes_part(order, market_day) or now < ends_at(order, market_day) or market_day.close is not None:
            return False
        untraded = self._store.untraded_until(order.instrument_id, session.date)
        return untraded is None or untraded < market_day.hours.close_at - LAST_LOOK

    def _holding(self, book: ExchangeAccount, instrument_id: str) -> Holding:
        lots = book.lots_of(instrument_id)
        session = self._settlement.session_of(book.day)
        restricted = session is not None and self._market_days.market_day(instrument_id, session, book.settled_at).trade_for_trade
        sellable = sum(lot.quantity for lot in sellable_lots(book, instrument_id, book.day, trade_for_trade=restricted))
        delivered = sum(lot.quantity for lot in lots if lot.delivered and not lot.locked)
        total = sum(lot.quantity for lot in lots)
        return Holding(self._symbol(instrument_id, book.day), delivered, total - delivered, sellable)
