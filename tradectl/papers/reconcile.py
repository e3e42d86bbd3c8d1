"""Compare a broker's papers with the ledger. The content of a file decides what it is, never its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tradectl.errors import DataError, UsageError
from tradectl.marketdata.importers.source import read_source
from tradectl.model.symbols import spelled
from tradectl.papers.account import read_account
from tradectl.papers.account_trades import ledger_fills, with_series
from tradectl.papers.charge_check import Compared, compare_lines, sides_of_days
from tradectl.papers.charge_lines import ChargeLine, are_charge_lines, parse_charge_lines, parse_kite_json
from tradectl.papers.findings import PaperReport, RateChange
from tradectl.papers.rate_changes import rate_changes
from tradectl.papers.tax_statement import compare_statement, read_statement
from tradectl.papers.tradebook import is_tradebook, parse_tradebook
from tradectl.papers.tradebook_check import compare_tradebook
from tradectl.world import World

MOST_BYTES = 64 * 2**20


class Papers:
    """Compares papers with one ledger. `session`: the day of a Kite JSON, which has none."""

    def __init__(self, world: World, home: Path, today: date, session: date | None = None) -> None:
        self._world, self._home, self._today, self._session = world, home, today, session
        self._fills = ledger_fills(world.ledger).trades
        self._compared: list[Compared] = []
        self._instruments: dict[str, set[str]] = defaultdict(set)
        for fill in self._fills:
            self._instruments[fill.symbol].add(fill.instrument)

    def report(self, path: Path) -> PaperReport:
        """Return the findings of one paper. Raises DataError for a file that is none of them, UsageError without a session."""
        raw = _content(path)
        if raw[:2] == b"PK" and b"xl/" in raw:
            account = read_account(self._world, self._home, self._today)
            found = compare_statement(read_statement(path.name, raw), account.tax, self._find)
            return PaperReport(path.name, "tax P&L", tuple(found))
        text = raw.lstrip(b"\xef\xbb\xbf \r\n\t")
        if text[:1] in {b"{", b"["}:
            return self._charges(
                path.name, "Kite charges", parse_kite_json(path.name, _decoded(path.name, text), self._day(path))
            )
        source = read_source(path)
        if is_tradebook(source):
            return PaperReport(path.name, "tradebook", tuple(compare_tradebook(parse_tradebook(source), self._fills, self._find)))
        if are_charge_lines(source):
            return self._charges(path.name, "charge lines", parse_charge_lines(source))
        raise DataError(
            f"{path.name}: is no tradebook (symbol, trade_date, trade_type, quantity, price) and no charge lines (date, line, "
            f"amount); its columns are {', '.join(source.header)[:200]}"
        )

    def rates(self) -> list[RateChange]:
        """Return the rates on which all papers so far differ from the table of charges."""
        return rate_changes(self._compared, self._world.ledger.tariff)

    def _charges(self, name: str, kind: str, lines: Sequence[ChargeLine]) -> PaperReport:
        tariff = self._world.ledger.tariff
        days = {line.session for line in lines}
        first, last = (min(days), max(days)) if days else (self._today, self._today)
        fills = [with_series(fill, self._world.market) for fill in self._fills if first <= fill.session <= last]
        found, compared = compare_lines(name, lines, sides_of_days(fills, tariff), self._find, tariff)
        self._compared += compared
        return PaperReport(name, kind, tuple(found))

    def _day(self, path: Path) -> date:
        if self._session is None:
            raise UsageError(f"{path.name} has no date: name the day of its orders with --session YYYY-MM-DD")
        return self._session

    def _find(self, symbol: str, day: date) -> str:
        """Return the instrument of a symbol: as the fills of that symbol have it, else by the market data."""
        own = self._instruments.get(symbol, set())
        if len(own) == 1:
            return next(iter(own))
        try:
            return self._world.market.find(symbol, day)
        except (UsageError, DataError):
            return spelled(symbol)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path.name}: has more than {MOST_BYTES // 2**20} MB, too much for a paper")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _decoded(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not UTF-8 text (byte {error.start})") from error
