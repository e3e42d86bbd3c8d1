"""Answer the calls of a replayed run from its recording, each as the recorded broker did, and move the clock to that moment.

A command that the recorded run did not send has no recorded reply. From then on the answers for its symbol are not known: its
orders and trades stay as they were last read, and each further command gets `Ambiguous`. No fill is invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from signal import SIGTERM
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from tradectl.brokers.recording.encoding import capabilities_from_json, request_from_json
from tradectl.errors import Ambiguous, BrokerUnavailable, Interrupted
from tradectl.model.market import Quote
from tradectl.model.odd_rows import Quotes, Rows, odd_of
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
from tradectl.model.recording import Call, Divergence, RecordedRun, RecordedStep, RunHead
from tradectl.ports import Capabilities, OrderRules

R = TypeVar("R", OrderReport, TradeReport, Holding)
NOT_RECORDED = "the recording has no reply to this command, so its outcome is not known"
_COMMANDS = frozenset({"place", "modify", "cancel"})
_LISTS = frozenset({"orders", "trades"})


class Movable(Protocol):
    """A clock that can be moved forward."""

    def now(self) -> datetime: ...
    def move_to(self, moment: datetime) -> None: ...


@dataclass(slots=True)
class Answers:
    """What the replayed runs of a session share.

    Attributes:
        placed: The client tags of all recorded orders of the session.
        last: The last reply of each kind.
        quotes: The last quote of each symbol.
        tags: The replay's client tag of each recorded one. They differ if the user has another name.
        divergences: The first command of each symbol that differs.
        unknown: Since when the broker's answers for a symbol are not known.
        further: How many further commands of these symbols had no reply.
        unread: How many reads had no recorded reply, by kind.
    """

    placed: frozenset[str] = frozenset()
    last: dict[str, Any] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    divergences: list[Divergence] = field(default_factory=list)
    unknown: dict[str, datetime] = field(default_factory=dict)
    further: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[RecordedRun]) -> Answers:
        """Return the answers for a replay of these runs."""
        calls = (call for run in runs for step in run.steps for call in step.calls if call.kind == "place")
        return cls(frozenset(call.arguments["tag"] for call in calls))

    def diverge(self, divergence: Divergence) -> None:
        """Record that a command differs. The rows of its symbol stay as they were last read."""
        self.divergences.append(divergence)
        symbol = divergence.symbol
        self.unknown[symbol] = divergence.at
        for kind in ("orders", "trades", "holdings"):
            rows = self.last.get(kind, ())
            self._kept.setdefault(kind, {})[symbol] = tuple(row for row in rows if row.symbol == symbol)

    def known(self, kind: str, rows: Sequence[R]) -> Sequence[R]:
        """Return the rows of a list, those of unknown symbols as they were last read."""
        if not self.unknown:
            return rows
        kept = self._kept.get(kind, {})
        found: list[R] = [row for row in rows if row.symbol not in self.unknown]
        for symbol in self.unknown:
            found += kept.get(symbol, ())
        return Rows(found, odd_of(rows))


class RecordedBroker:
    """A broker and a `StepRecorder` for one run: it steps through the recording as the run steps through its window."""

    def __init__(self, run: RecordedRun, steps: Sequence[RecordedStep], clock: Movable, answers: Answers) -> None:
        """`steps`: the whole steps of the run."""
        self._run, self._steps, self._clock, self._answers = run, steps, clock, answers
        self._waiting = list(run.before)
        self._step: RecordedStep | None = None
        self._next = 0
        self._seen: tuple[Any, Any] = (None, None)

    @property
    def name(self) -> str:
        return self._run.broker

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_from_json(self._run.capabilities)

    @property
    def next_step_at(self) -> datetime | None:
        """Return the moment of the next recorded step; None after the last."""
        return self._steps[self._next].at if self._next < len(self._steps) else None

    # the steps

    def begin_run(self, run: RunHead) -> None:
        """Do nothing: the run is known."""

    def begin_step(self) -> None:
        """Begin the next recorded step. Raises Interrupted after the last one: that releases the claim and fails nothing."""
        if self._next >= len(self._steps):
            raise Interrupted(SIGTERM)
        self._step = self._steps[self._next]
        self._next += 1
        self._waiting = list(self._step.calls)
        self._move_to(self._step.at)

    def end_step(self) -> None:
        """Record the commands of the recorded step that the replay did not send."""
        self._miss_commands(len(self._waiting))

    def end_run(self) -> None:
        """Record the commands of the steps that the replay did not make, because its run ended earlier."""
        while self._next < len(self._steps):
            self._waiting = list(self._steps[self._next].calls)
            self._move_to(self._steps[self._next].at)
            self._next += 1
            self._miss_commands(len(self._waiting))

    def trouble(self) -> str:
        """Return an empty text: nothing is written."""
        return ""

    # commands

    def place(self, request: OrderRequest) -> str:
        """Return the recorded reply to the same order, or raise its error."""
        asked = replace(request, tag="")
        call = self._command(
            "place",
            request.symbol,
            lambda given: replace(request_from_json(given), tag="") == asked,
            {"side": str(request.side), "quantity": request.quantity, "price": request.price},
            side=str(request.side),
        )
        self._answers.tags[call.arguments["tag"]] = request.tag
        return str(_answer(call))

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Reply as the recorded broker did to the same change."""
        wanted = {"id": broker_order_id, "quantity": quantity, "price": price}
        symbol = self._symbol("modify", wanted)
        _answer(self._command("modify", symbol, lambda given: given == wanted, {"quantity": quantity, "price": price}))

    def cancel(self, broker_order_id: str) -> None:
        """Reply as the recorded broker did to the same cancel."""
        wanted = {"id": broker_order_id}
        _answer(self._command("cancel", self._symbol("cancel", wanted), lambda given: given == wanted, {}))

    # reads

    def orders(self) -> Sequence[OrderReport]:
        """Return the recorded list, with the replay's client tags."""
        return self._list("orders", self._tagged)

    def trades(self) -> Sequence[TradeReport]:
        return self._list("trades")

    def holdings(self) -> Sequence[Holding]:
        return self._list("holdings")

    def funds(self) -> Funds:
        found: Funds = self._read("funds")
        return found

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the recorded quotes; those that the step or an earlier one read, if it read them for other symbols."""
        wanted = {"symbols": list(symbols)}
        call = self._take("quotes", lambda given: given == wanted)
        if call is not None:
            found: Mapping[str, Quote] = _answer(call)
            self._answers.quotes |= found
            return found
        self._count("quotes")
        of_step = [item.value for item in (self._step.calls if self._step else ()) if item.kind == "quotes" and item.value]
        known = self._answers.quotes | {symbol: quote for value in of_step for symbol, quote in value.items()}
        return Quotes({symbol: known[symbol] for symbol in symbols if symbol in known})

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        """Return the recorded prices of these symbols."""
        wanted = {"symbols": list(symbols)}
        call = self._take("preopen_prices", lambda given: given == wanted) or self._take("preopen_prices")
        found: Mapping[str, int] = _answer(call) if call is not None else self._last("preopen_prices")
        return {symbol: price for symbol, price in found.items() if symbol in symbols}

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the recorded rules (`ListsOrderRules`); None where the recorded broker had no list."""
        call = self._take("order_rules", lambda given: given == {"symbol": symbol})
        if call is None:
            known: OrderRules | None = self._answers.last.get(f"order_rules {symbol}")
            return known
        self._answers.last[f"order_rules {symbol}"] = call.value
        found: OrderRules | None = _answer(call)
        return found

    @property
    def stream_trouble(self) -> str | None:
        """Return the recorded state of the stream (`ReportsStream`)."""
        call = self._take("stream_trouble")
        return call.value if call is not None else None

    def stream_news(self) -> str | None:
        """Return the recorded change of the stream (`ReportsStream`)."""
        call = self._take("stream_news")
        return call.value if call is not None else None

    # parts

    def _take(self, kind: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True) -> Call | None:
        """Return the next recorded call of a kind that fits, at its moment; None if there is none in this step."""
        for place, call in enumerate(self._waiting):
            if call.kind == kind and fits(call.arguments):
                self._move_to(call.at)
                if kind in _LISTS:  # the list shows what these commands did
                    self._miss_commands(place)
                self._waiting.remove(call)
                return call
        return None

    def _miss_commands(self, before: int) -> None:
        """Record that the first calls that wait have commands which the replay did not send."""
        for call in [item for item in self._waiting[:before] if item.kind in _COMMANDS]:
            self._waiting.remove(call)
            symbol = self._symbol(call.kind, call.arguments)
            if symbol not in self._answers.unknown:
                self._diverge(call.kind, symbol, recorded=_terms(call.arguments), replayed=None)

    def _read(self, kind: str) -> Any:
        call = self._take(kind)
        if call is None:
            return self._last(kind)
        value = _answer(call)
        self._answers.last[kind] = value
        return value

    def _last(self, kind: str) -> Any:
        """Return the last reply of a kind for a read that the recorded step did not make."""
        self._count(kind)
        if kind not in self._answers.last:
            raise BrokerUnavailable(f"the recording has no reply to {kind}")
        return self._answers.last[kind]

    def _count(self, kind: str) -> None:
        self._answers.unread[kind] = self._answers.unread.get(kind, 0) + 1

    def _list(self, kind: str, shown: Callable[[Sequence[R]], Sequence[R]] = lambda rows: rows) -> Sequence[R]:
        return shown(self._answers.known(kind, self._sent(self._read(kind))))

    def _sent(self, rows: Sequence[R]) -> Sequence[R]:
        """Return the rows without those of recorded orders of this session that the replay has not sent."""
        answers = self._answers
        unsent = answers.placed - answers.tags.keys()
        if not unsent:
            return rows
        listed: Iterable[OrderReport] = answers.last.get("orders", ())
        hidden = {row.broker_order_id for row in listed if row.tag in unsent}
        shown = [row for row in rows if isinstance(row, Holding) or row.broker_order_id not in hidden]
        return rows if len(shown) == len(rows) else Rows(shown, odd_of(rows))

    def _tagged(self, rows: Sequence[OrderReport]) -> Sequence[OrderReport]:
        """Return the rows with the replay's client tags; the same object as before for the same rows."""
        tags = {recorded: ours for recorded, ours in self._answers.tags.items() if recorded != ours}
        if not any(row.tag in tags for row in rows):
            return rows
        if self._seen[0] is not rows:
            self._seen = rows, Rows((replace(row, tag=tags.get(row.tag or "", row.tag)) for row in rows), odd_of(rows))
        found: Sequence[OrderReport] = self._seen[1]
        return found

    def _command(
        self,
        command: str,
        symbol: str,
        fits: Callable[[dict[str, Any]], bool],
        terms: dict[str, Any],
        *,
        side: str = "",
    ) -> Call:
        """Return the recorded call of the same command. Raises Ambiguous if there is none."""
        if symbol in self._answers.unknown:
            self._answers.further += 1
            raise Ambiguous(NOT_RECORDED)
        call = self._take(command, fits)
        if call is not None:
            return call
        other = self._take(command, lambda given: self._symbol(command, given) == symbol and given.get("side", "") == side)
        self._diverge(command, symbol, recorded=_terms(other.arguments) if other is not None else None, replayed=terms)
        raise Ambiguous(NOT_RECORDED)

    def _diverge(self, command: str, symbol: str, *, recorded: dict[str, Any] | None, replayed: dict[str, Any] | None) -> None:
        head = self._run.head
        self._answers.diverge(
            Divergence(self._clock.now(), head.task, head.slot, symbol, command, recorded=recorded, replayed=replayed)
        )

    def _symbol(self, command: str, arguments: Mapping[str, Any]) -> str:
        """Return the symbol of a command; the broker order id if no list had the order."""
        if command == "place":
            return str(arguments["symbol"])
        rows: Iterable[OrderReport] = self._answers.last.get("orders", ())
        return next((row.symbol for row in rows if row.broker_order_id == arguments["id"]), str(arguments["id"]))

    def _move_to(self, moment: datetime) -> None:
        if moment > self._clock.now():
            self._clock.move_to(moment)


def _answer(call: Call) -> Any:
    """Return the reply of a call, or raise its error."""
    if call.error is not None:
        raise call.error
    return call.value


def _terms(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms of a command as a difference shows them."""
    return {name: arguments[name] for name in ("side", "quantity", "price") if name in arguments}
