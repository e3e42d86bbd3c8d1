"""Read market data for tasks, scans and reports. `Store` implements the port `MarketData` over the panel store and the archive.

A store that is opened `through` a session returns no later bar, so a simulation cannot use data from its future.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import UsageError
from tradectl.exchange.ticks import tick_size
from tradectl.freshness import ARCHIVE, archive_error
from tradectl.marketdata.adjustment import Step, step, steps
from tradectl.marketdata.instrument_dumps import Dump, InstrumentDumps
from tradectl.marketdata.minute_bars import Minute, MinuteBars
from tradectl.marketdata.panel.refresh import open_panel, renew
from tradectl.marketdata.reading import read_archive
from tradectl.model.market import CorporateAction, Instrument
from tradectl.model.panel import NAMES
from tradectl.model.surveillance import Spells, Surveillance
from tradectl.model.symbols import spelled

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.marketdata.panel.stored import StoredPanel
    from tradectl.marketdata.reference_data import ReferenceData
    from tradectl.marketdata.surveillance import SurveillanceLists
    from tradectl.marketdata.terms import StoredTerms
    from tradectl.model.history import History
    from tradectl.model.panel import Panel
    from tradectl.model.renames import Renames

DEFAULT_TICK = 5
"""The tick size (paise) of an instrument without a bar and without an entry in a dump. It is not traded."""


class Store:
    """Read the market data of one folder. Each part is read at its first use and cached.

    `through`: last session whose bars are returned; None for no limit. Methods raise DataError without an archive, and
    DatabaseError if the archive cannot be read.
    """

    def __init__(self, folder: Path, sessions: SessionTable, *, through: date | None = None) -> None:
        self.folder = folder
        self.sessions = sessions
        self.through = through
        self._opened: StoredPanel | None = None
        self._verified = False
        self._undecided: dict[str, date] | None = None
        self._panel: Panel | None = None
        self._histories: dict[str, History | None] = {}
        self._actions: dict[str, tuple[CorporateAction, ...]] = {}
        self._steps: dict[str, tuple[Step, ...]] = {}
        self._instruments: dict[tuple[str, date], Instrument] = {}
        self._found: dict[tuple[str, date], str] = {}
        self._multipliers: dict[str, tuple[date, float, tuple[CorporateAction, ...]]] = {}
        self._auctions: dict[date, bool] = {}
        self._ends: dict[date, int] = {}
        """By date: the number of panel rows whose session is on or before it."""
        self._month_closes: dict[tuple[str, date], int | None] = {}
        """By instrument and the first day of a month: the close (paise) that decides its tick size."""
        self._spells: dict[str, Spells] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """Return the constructor arguments, so that another process can open the same store."""
        return partial(Store, through=self.through), (self.folder, self.sessions)

    def reopen(self) -> None:
        """Drop everything that was read, so that the next use reads the folder as it is then."""
        folder, sessions, through, archive = self.folder, self.sessions, self.through, vars(self).get("_archive")
        if archive is not None:
            archive.close()
        vars(self).clear()
        Store.__init__(self, folder, sessions, through=through)

    def last_session(self) -> date | None:
        """Return the last session with a bar of any symbol; None without bars."""
        return self._stored.last_session(self.through)

    def stored_bars(self) -> int:
        """Return the number of bars in the panel store, of all sessions."""
        return self._stored.bars()

    def edition(self) -> str:
        """Return the id of the panel's edition. While the id stays the same, rows are added but stored rows never change."""
        return self._stored.index.edition

    def damaged(self) -> list[date]:
        """Return the sessions with damaged rows in the panel store. This reads all files of the store."""
        return self._stored.damaged()

    def verify(self) -> str:
        """Compare all rows of the panel store with their checksums, and derive the store again if one differs.

        Return one line about damaged rows; empty if there are none. Only the first call checks the rows. Raises DatabaseError if
        the store cannot be written."""
        damaged = [] if self._verified else self._stored.damaged()
        self._verified = True
        if not damaged:
            return ""
        renew(self.folder)
        self._opened = self._panel = None
        self._histories.clear()
        self._ends.clear()
        self._month_closes.clear()
        self._steps.clear()
        self._multipliers.clear()
        named = ", ".join(map(str, damaged[:3])) + (" ..." if len(damaged) > 3 else "")
        return f"{len(damaged)} rows of the panel store were damaged ({named}); the store was derived again from the archive"

    def panel(self) -> Panel:
        """Return all bars up to `through`, without copying them."""
        if self._panel is None:
            whole = self._stored.panel
            self._panel = whole if self.through is None else whole.through(self.through)
        return self._panel

    def lists(self) -> tuple[str, ...]:
        """Return the names of the imported lists."""
        return tuple(sorted(self._facts.lists))

    def universe(self, name: str) -> tuple[str, ...]:
        """Return the sorted instrument ids of a list, of `all`, of a symbol file, or of symbols such as `A,B`.

        Raises UsageError for unknown symbols."""
        members = self._facts.lists.get(name.lower())
        if members is not None:
            return tuple(sorted({self._member(symbol) for symbol in members}))
        if name.lower() == "all":
            return tuple(sorted(self._stored.columns))
        path = Path(name)
        if path.suffix in {".csv", ".txt"} or "/" in name:
            from tradectl.marketdata.symbol_file import read_symbols

            symbols = read_symbols(path)
        else:
            symbols = [symbol.strip() for symbol in name.split(",") if symbol.strip()]
        ids = {symbol: self._member(spelled(symbol)) for symbol in symbols}
        strangers = [symbol for symbol, owner in ids.items() if not self._is_instrument(owner)]
        if strangers or not ids:
            known = ", ".join((*self.lists(), "all"))
            raise UsageError(f"{', '.join(strangers) or 'nothing'} is neither a list nor a symbol; known lists: {known}")
        return tuple(sorted(set(ids.values())))

    def find(self, symbol: str, session: date) -> str:
        """Return the instrument id of a symbol on a session. The present symbol is accepted too; for some days the former one is.

        Raises UsageError if the symbol is unknown."""
        key = (symbol, session)
        known = self._found.get(key)
        if known is not None:
            return known
        name = spelled(symbol)
        for candidate in (self._facts.renames.owner(name, session), name):
            if self._is_instrument(candidate):
                self._found[key] = candidate
                return candidate
        rename = self._facts.renames.renamed_to(name)
        hint = f": it became {rename.new} on {rename.dated}" if rename and rename.dated <= session else self._similar(name)
        raise UsageError(f"{symbol} is unknown on {session}{hint}")

    def _similar(self, name: str) -> str:
        """Return a hint for an unknown symbol: the most similar one that is stored, or the command that shows what is stored."""
        from difflib import get_close_matches

        similar = get_close_matches(name, [*self._stored.columns, *self._facts.securities], 1)
        return f". Did you mean {similar[0]}?" if similar else ": `tradectl data list` shows which data are stored"

    def renames(self) -> Renames:
        """Return the chains of renames."""
        return self._facts.renames

    def instrument(self, instrument_id: str, session: date) -> Instrument:
        """Return the instrument with its symbol, series and tick size of a session."""
        key = (instrument_id, session)
        found = self._instruments.get(key)
        if found is None:
            found = self._instruments[key] = self._describe(instrument_id, session)
        return found

    def history(self, instrument_id: str) -> History | None:
        """Return all bars of an instrument up to `through`, oldest first; None without bars."""
        if instrument_id not in self._histories:
            found = self._stored.history(instrument_id)
            if found is not None and self.through is not None:
                found = found.through(self.through)
            self._histories[instrument_id] = found if found is not None and len(found) else None
        return self._histories[instrument_id]

    def names(self, instrument_ids: Sequence[str], session: date) -> list[tuple[str, str | None]]:
        """Return the symbol on a session and the ISIN of each instrument; the ISIN is None if unknown."""
        renames = self._facts.renames
        return [(renames.name_on(name, session), self._security(name)[1] or None) for name in instrument_ids]

    def actions(self, instrument_id: str, after: date, through: date) -> tuple[CorporateAction, ...]:
        """Return the corporate actions of an instrument with after < ex-date <= through, oldest first."""
        found = self._all_actions(instrument_id)
        if not found:
            return ()
        start = bisect_right(found, after, key=lambda action: action.ex_date)
        return found[start : bisect_right(found, through, key=lambda action: action.ex_date)]

    def undecided(self) -> dict[str, date]:
        """Return, by instrument, the first ex-date of an unknown action that the operator has not decided.

        Ex-dates up to the first stored bar are left out, because they change no stored bar."""
        if self._undecided is None:
            found = ((owner, date.fromisoformat(day)) for owner, days in self._facts.undecided.items() for day in reversed(days))
            self._undecided = {owner: day for owner, day in found if day > self._first_bar(owner)}
        return self._undecided

    def _first_bar(self, instrument_id: str) -> date:
        panel = self.panel()
        column = panel.columns.get(instrument_id)
        first = panel.first_bar(column) if column is not None else -1
        return date.fromordinal(int(panel.sessions[first])) if first >= 0 else date.min

    def announced_in(self, actions: Sequence[CorporateAction]) -> str:
        """Return the names of the imported files with these actions, as `, announced in a.csv`; empty if there are none."""
        query = "SELECT DISTINCT files.name FROM actions JOIN files ON files.id = actions.file WHERE ex_date = ? AND subject = ?"
        names = {str(row[0]): None for a in actions for row in self._rows(query, (a.ex_date.isoformat(), a.subject))}
        return f", announced in {', '.join(names)}" if names else ""

    def decisions(self) -> dict[str, list[list[str]]]:
        """Return the operator's decisions by instrument: ISO ex-date, verdict, ratio, note, and time (ISO, UTC)."""
        return self._facts.decisions

    def multiplier(self, instrument_id: str, session: date, open_price: int | None) -> float | None:
        """Return the multiplier M of a session; None if the session has a demerger and `open_price` (paise) is None."""
        known = self._multipliers.get(instrument_id)
        if known is None or known[0] != session:
            known = self._multipliers[instrument_id] = (session, *self._until(instrument_id, session))
        _, running, today = known
        if not today:
            return running
        if open_price is None and any(action.kind == "demerger" for action in today):
            return None
        return running * step(today, self._close_before(instrument_id, session), open_price)

    def minutes(self, instrument_id: str, session: date) -> Sequence[Minute]:
        """Return the minute bars of a session, oldest first, as described at `Minute`; empty if there are none."""
        return self._minute_bars.of(instrument_id, session)

    def minute_sessions(self, instrument_id: str) -> frozenset[date]:
        """Return the sessions for which an instrument has minute bars."""
        return self._minute_bars.sessions(instrument_id)

    @property
    def _stored(self) -> StoredPanel:
        if self._opened is None:
            self._opened = open_panel(self.folder)
        return self._opened

    @property
    def _facts(self) -> ReferenceData:
        return self._stored.facts

    @cached_property
    def _archive(self) -> sqlite3.Connection:
        return read_archive(self.folder)

    def _rows(self, query: str, parameters: tuple[object, ...]) -> list[tuple[object, ...]]:
        try:
            return self._archive.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise archive_error(self.folder / ARCHIVE, error) from error

    def _is_instrument(self, instrument_id: str) -> bool:
        return instrument_id in self._stored.columns or instrument_id in self._facts.securities

    def _member(self, symbol: str) -> str:
        """Return the instrument id of a list's member. Lists have no date, so the symbol may be a present or a former one."""
        rename = self._facts.renames.renamed_to(symbol)
        if rename is None or symbol in self._stored.columns:
            return symbol
        return self._facts.renames.resolve(symbol, rename.dated - timedelta(days=1))

    def _describe(self, instrument_id: str, session: date) -> Instrument:
        symbol = self._facts.renames.name_on(instrument_id, session)
        dump = self._dumps.last(symbol, session)
        name, isin = self._security(instrument_id)
        derivatives, known = self._dumps.has_derivatives(instrument_id, symbol, session)
        last, panel = self._last_bar(instrument_id, session), self.panel()
        return Instrument(
            instrument_id=instrument_id,
            symbol=symbol,
            series=str(NAMES[panel.state[last, panel.columns[instrument_id]]]) if last >= 0 else "EQ",
            isin=isin or None,
            tick_size=self._tick(instrument_id, session, dump),
            lot_size=dump.lot_size if dump else 1,
            closing_auction=derivatives and self._has_auctions(session),
            derivatives=derivatives,
            name=name,
            derivatives_known=known,
        )

    def terms(self) -> StoredTerms:
        """Return the tick sizes and symbols of instruments on many sessions at once."""
        from tradectl.marketdata.terms import StoredTerms

        return StoredTerms(self.history, self.instrument, self._facts.renames, self._dumps)

    def underlyings(self, session: date) -> tuple[date | None, frozenset[str]]:
        """Return the date and the instrument ids of the newest list of shares with derivatives up to a session.

        Without a list: None and an empty set."""
        return self._dumps.underlyings(session)

    def surveillance(self, session: date) -> Surveillance:
        """Return the surveillance lists in force on a session, by instrument id."""
        return self._surveillance_lists.on(session)

    def excluded(self, instrument_id: str) -> Spells:
        """Return the dates on which a surveillance list excludes an instrument."""
        known = self._spells.get(instrument_id)
        if known is None:
            known = self._spells[instrument_id] = self._surveillance_lists.spells(instrument_id)
        return known

    def surveillance_since(self) -> date | None:
        """Return the first date on which each excluding measure has a stored list; None if a measure has no list."""
        return self._surveillance_lists.first()

    @cached_property
    def _dumps(self) -> InstrumentDumps:
        return InstrumentDumps(self._rows, self._facts.renames)

    @cached_property
    def _minute_bars(self) -> MinuteBars:
        return MinuteBars(self._rows, self._facts.renames, self.through or date.max)

    @cached_property
    def _surveillance_lists(self) -> SurveillanceLists:
        from tradectl.marketdata.surveillance import SurveillanceLists

        return SurveillanceLists(self._rows, self._facts.renames, self.through or date.max)

    def _security(self, instrument_id: str) -> tuple[str, str]:
        """Return the company name and the ISIN of an instrument; empty if they are not stored."""
        current = instrument_id.partition("~")[0]
        name, isin = self._facts.securities.get(current, ("", ""))
        if not isin:
            latest = self._dumps.of(current)
            name, isin = (latest[-1].name, latest[-1].isin) if latest else ("", "")
        return name, isin

    def _last_bar(self, instrument_id: str, through: date) -> int:
        """Return the panel row of an instrument's last bar up to the session `through`; -1 without one."""
        panel = self.panel()
        column = panel.columns.get(instrument_id)
        if column is None:
            return -1
        if through not in self._ends:
            self._ends[through] = panel.last_index(through) + 1
        return panel.bar_before(self._ends[through], column)

    def _tick(self, instrument_id: str, session: date, dump: Dump | None) -> int:
        """Return the tick size in paise.

        It comes from a dump of the same month, else from the last close of the month before, else from the first close."""
        if dump and dump.dated[:7] == session.isoformat()[:7]:
            return dump.tick_size
        key = instrument_id, session.replace(day=1)
        if key not in self._month_closes:
            self._month_closes[key] = self._close_for_tick(*key)
        close = self._month_closes[key]
        return DEFAULT_TICK if close is None else tick_size(session, close)

    def _close_for_tick(self, instrument_id: str, month: date) -> int | None:
        """Return the last close (paise) before the first day of a month, else the first close; None without a bar."""
        panel = self.panel()
        column = panel.columns.get(instrument_id)
        row = self._last_bar(instrument_id, month - timedelta(days=1))
        if column is None or (row < 0 and (row := panel.first_bar(column)) < 0):
            return None
        return int(panel.close[row, column])

    def _has_auctions(self, session: date) -> bool:
        """Return whether the exchange held closing auctions on a session."""
        if session not in self._auctions:
            self._auctions[session] = self.sessions.timetables.has_auctions(session)
        return self._auctions[session]

    def _all_actions(self, instrument_id: str) -> tuple[CorporateAction, ...]:
        if instrument_id not in self._actions:
            self._actions[instrument_id] = self._facts.actions(instrument_id)
        return self._actions[instrument_id]

    def _path(self, instrument_id: str) -> tuple[Step, ...]:
        """Return the steps of an instrument's multiplier, oldest first."""
        if instrument_id not in self._steps:
            history = self.history(instrument_id)
            self._steps[instrument_id] = (
                _without_bars(self._all_actions(instrument_id))
                if history is None
                else steps(self._all_actions(instrument_id), history.sessions, history.open, history.close)
            )
        return self._steps[instrument_id]

    def _until(self, instrument_id: str, session: date) -> tuple[float, tuple[CorporateAction, ...]]:
        """Return M before a session, and the actions with this session as ex-date."""
        running = 1.0
        for ex_date, factor in self._path(instrument_id):
            if ex_date >= session:
                break
            running *= factor
        return running, self.actions(instrument_id, session - timedelta(days=1), session)

    def _close_before(self, instrument_id: str, session: date) -> int | None:
        history = self.history(instrument_id)
        last = history.last_index(session - timedelta(days=1)) if history is not None else -1
        return int(history.close[last]) if history is not None and last >= 0 else None


def _without_bars(actions: Sequence[CorporateAction]) -> tuple[Step, ...]:
    """Return the steps of an instrument that has no bars."""
    by_day = groupby(actions, key=lambda action: action.ex_date)
    return tuple((ex_date, step(list(of_day), None, None)) for ex_date, of_day in by_day)
