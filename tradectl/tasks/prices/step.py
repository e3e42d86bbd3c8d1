"""Fetch what is missing of each kind of market data, one part a step; a kind that fails does not stop the others.

The evening slot fetches what the exchange published after the close. The morning slot fetches what the evening did not get.
A kind that is current is not requested again, so a second run sends nothing. Every part is stored before the next request: a run
that was interrupted continues where it was. What did not come ends the run as failed, and it is tried again in its window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from msgspec import Struct

from tradectl.context import Context
from tradectl.errors import (
    BrokerUnavailable,
    ConfigurationError,
    DataError,
    LoginNeeded,
    TradectlError,
    UncoveredDate,
    UsageError,
)
from tradectl.exchange.data_age import sessions_since
from tradectl.model.moment import ist_date
from tradectl.ports import Brought, DataFeed, FeedRequest
from tradectl.task import Outcome

EXPECTED = (BrokerUnavailable, LoginNeeded, DataError, ConfigurationError, UsageError)
"""What may go wrong with one kind while the others are fetched. A ledger or an archive that fails ends the run."""


AGAIN = "`tradectl prices --force` tries again at once; `tradectl help fetch-prices` lists what to import by hand"
"""The advice where one cause hits several kinds: the kinds' own advice is in the log."""


class Failure(Struct, frozen=True):
    """A kind of data that did not come. `age`: how old the stored data are, as text."""

    feed: DataFeed
    error: TradectlError
    age: str


@dataclass
class Round:
    """One pass over the feeds: what is left to fetch, what came, and what failed."""

    waiting: list[DataFeed]
    through: date
    at_work: Iterator[Brought] | None = None
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def run(context: Context) -> Outcome:
    """Do the next part of the pass. `dry_run` lists what would be fetched."""
    current = context.part(Round, lambda: _begin(context))
    if context.dry_run:
        return Outcome({"through": current.through.isoformat(), "due": [feed.kind for feed in current.waiting]})
    if current.waiting:
        _advance(context, current)
    result = {"through": current.through.isoformat(), "kinds": current.results}
    if current.waiting:
        left = ", ".join(feed.title for feed in current.waiting)
        unfinished = DataError(f"the window closed before {left} came; what came is stored, and the next run continues")
        return Outcome(result, again_after=0, missing=(*_findings(current.failures), unfinished))
    return Outcome(result, missing=_findings(current.failures))


def _begin(context: Context) -> Round:
    """Return a new pass with the feeds that are due."""
    world = context.world
    through, known = _through(context), world.freshness()
    current = Round([], through)
    for feed in world.feeds():
        record = known.get(feed.kind)
        due = feed.is_due(record, through)
        current.waiting += [feed] if due else []
        as_of = record.as_of.isoformat() if record is not None else None
        current.results[feed.kind] = {"as_of": as_of, "new": 0, "note": "" if due else "is current"}
    return current


def _through(context: Context) -> date:
    """Return the last session whose trading has ended: the run's own, or the one before it in the morning slot."""
    session = context.world.sessions.session(context.session)
    if session is not None and context.now >= session.last_fill_at():
        return context.session
    try:
        return context.world.sessions.previous_run_session(context.session).date
    except UncoveredDate:
        return context.session


def _advance(context: Context, current: Round) -> None:
    """Let the first waiting feed do its next part, and note what came or failed."""
    feed = current.waiting[0]
    if current.at_work is None:
        current.at_work = feed.bring(FeedRequest(current.through, context.now, context.progress, context.look))
    try:
        brought = next(current.at_work, None)
    except EXPECTED as error:
        _fail(context, current, feed, error)
        return
    found = current.results[feed.kind]
    if brought is not None:
        found["as_of"] = brought.as_of.isoformat() if brought.as_of is not None else found["as_of"]
        found["new"] += brought.new
        found["note"] = brought.note or found["note"]
        return
    if _is_old(context, current, feed):
        _fail(context, current, feed, DataError(found["note"] or "nothing newer came"))
        return
    _next_feed(current)


def _next_feed(current: Round) -> None:
    current.waiting.pop(0)
    current.at_work = None


def _is_old(context: Context, current: Round, feed: DataFeed) -> bool:
    """Return whether the stored data of a feed are older than it tolerates, or missing."""
    record = context.world.freshness().get(feed.kind)
    return record is None or sessions_since(context.world.sessions, record.as_of, current.through) > feed.tolerance


def _fail(context: Context, current: Round, feed: DataFeed, error: TradectlError) -> None:
    """Note what did not come and log it."""
    record = context.world.freshness().get(feed.kind)
    current.results[feed.kind] |= {"as_of": record.as_of.isoformat() if record else None, "note": str(error)}
    failure = Failure(feed, error, _age(context, feed))
    current.failures.append(failure)
    context.log("data_missing", str(_finding(failure)), level="error")
    _next_feed(current)


def _findings(failures: Sequence[Failure]) -> tuple[TradectlError, ...]:
    """Return an error for each cause, the kinds that failed for the same cause in one."""
    causes: dict[tuple[type[TradectlError], str], list[Failure]] = {}
    for failure in failures:
        causes.setdefault((type(failure.error), str(failure.error)), []).append(failure)
    return tuple(_finding(found[0]) if len(found) == 1 else _shared(found) for found in causes.values())


def _finding(failure: Failure) -> TradectlError:
    """Return what is missing, since when, what that means for trading, and the command that helps."""
    feed, error = failure.feed, failure.error
    return type(error)(f"{feed.title}: {str(error).rstrip('.')}. {failure.age}: {feed.meaning}. {feed.remedy}")


def _shared(failures: Sequence[Failure]) -> TradectlError:
    """Return the same of several kinds with one cause, and the meaning of the first: the feeds are in order of their weight."""
    first = failures[0]
    ages: dict[str, list[str]] = {}
    for failure in failures:
        ages.setdefault(failure.age, []).append(failure.feed.title)
    kinds = ". ".join(f"{', '.join(titles)}. {age}" for age, titles in ages.items())
    cause = str(first.error).rstrip(".")
    meaning = f"{first.feed.meaning[0].upper()}{first.feed.meaning[1:]}"
    return type(first.error)(f"{cause}, so {len(failures)} kinds of data did not come: {kinds}. {meaning}. {AGAIN}")


def _age(context: Context, feed: DataFeed) -> str:
    """Return how old the stored data of a feed are, as text."""
    record = context.world.freshness().get(feed.kind)
    if record is None:
        return "None is stored"
    age = sessions_since(context.world.sessions, record.as_of, ist_date(context.now))
    return f"The stored data are of {record.as_of}, {age} session{'' if age == 1 else 's'} old"
