"""Know since when the sell monitor has had no fresh price for a position with a stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tradectl.context import Context
from tradectl.execution.own_sells import STOP_RULE, rule_name
from tradectl.execution.position_rules import PositionRules, has_own_rules
from tradectl.execution.unprotected_positions import REACTION, Unprotected
from tradectl.execution.unwatched_stops import TASK, finding, stop_of
from tradectl.ledger.rows import Position
from tradectl.model.market import Quote
from tradectl.model.moment import to_ist


@dataclass(slots=True)
class StopWatch:
    """Since when positions with a stop have had no fresh price. The ledger keeps that moment for the next process of the monitor.

    Attributes:
        opened: The open of the session; None where no stop is checked: on no session, in a dry run, and in a simulation.
        limit: How long a position may have no fresh price.
    """

    context: Context
    rules: PositionRules
    opened: datetime | None
    limit: timedelta
    _seen: dict[int, datetime] = field(default_factory=dict)
    _unseen: dict[int, datetime | None] = field(default_factory=dict)

    @classmethod
    def of(cls, context: Context) -> StopWatch:
        """Return the watch of a run before its first step."""
        world = context.world
        session = world.sessions.session(context.session)
        checks = session is not None and not context.dry_run and world.attended
        return cls(
            context,
            PositionRules(world.ledger.book, world.ledger.strategies, world.market, world.parameters.universe),
            session.open_at() if session is not None and checks else None,
            timedelta(seconds=world.parameters.quote_max_age) + REACTION,
        )

    def findings(
        self, positions: Iterable[Position], quotes: Mapping[str, Quote], now: datetime, why: str = ""
    ) -> list[Unprotected]:
        """Return a finding for each position with a stop that has had no fresh price for too long; remember the fresh prices.

        `why`: why the step failed, if it did."""
        if self.opened is None or now < self.opened:
            return []
        found, ledger = [], self.context.world.ledger
        for position in positions:
            if not has_own_rules(position) or not self.rules.has_stop(position):
                continue
            since = self._unseen_since(position, self.opened, now)
            if position.symbol in quotes:
                self._seen[position.id] = now
                if since is not None:
                    self._store(position, None)
                continue
            if since is None:
                since = max(self._begin(position, now), self.opened)
                self._store(position, since)
            stop = stop_of(ledger, self.rules, position, self.context.session) if now - since >= self.limit else ""
            if stop:
                text = why or f"sell-monitor has had no fresh price since {to_ist(since):%H:%M:%S}"
                found.append(finding(position, stop, text, since=since, as_of=now))
        return found

    def _begin(self, position: Position, now: datetime) -> datetime:
        """Return since when a position has had no price: its last one in this process; now, if a process before had one today."""
        if position.id in self._seen:
            return self._seen[position.id]
        rule = rule_name(position.strategy, STOP_RULE)
        rows = self.context.world.ledger.decisions.by_rule(TASK, self.context.session, "", rule)
        return now if any(row.inputs["position"] == position.id for row in rows) else min(now, position.opened_at)

    def _unseen_since(self, position: Position, opened: datetime, now: datetime) -> datetime | None:
        """Return since when the ledger says that a position has had no price in this session; None if it has one."""
        if position.id not in self._unseen:
            text = self.context.world.ledger.info.get(_key(position))
            moment = datetime.fromisoformat(text) if text else None
            self._unseen[position.id] = moment if moment is not None and opened <= moment <= now else None
        return self._unseen[position.id]

    def _store(self, position: Position, since: datetime | None) -> None:
        self.context.world.ledger.info.set(_key(position), since.isoformat() if since is not None else "")
        self._unseen[position.id] = since


def _key(position: Position) -> str:
    return f"stop_without_price:{position.id}"
