"""Give the tasks that buy the rules of own strategies: what a buy decided, on the bars that are known now.

The text of a strategy comes from the ledger by its hash, so a buy and a position keep the rule that decided them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from tradectl.errors import ConfigurationError, UsageError
from tradectl.execution.session_close import provisional_bars
from tradectl.model.rule_names import REVERSION
from tradectl.strategy.rule_set import HeldBuys
from tradectl.strategy.sizing import scaled

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.rows import OrderTerms
    from tradectl.ledger.store import Ledger
    from tradectl.ports import Broker, Clock, MarketData
    from tradectl.screener.own_rules import KnownBars
    from tradectl.strategy.column_rules import ColumnRules, Rule
    from tradectl.strategy.parameters import Parameters
    from tradectl.strategy.strategy import Strategy


class BuyWorld(Protocol):
    """The parts of a task's world that the rules of buys need."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def market(self) -> MarketData: ...
    @property
    def broker(self) -> Broker: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def sessions(self) -> SessionTable: ...
    @property
    def parameters(self) -> Parameters: ...


class OwnStrategy(Struct, frozen=True):
    """A strategy with its rule."""

    strategy: Strategy
    rule: Rule


@lru_cache(maxsize=32)
def own_strategy(name: str, form: str, text: str, file: str = "") -> OwnStrategy:
    """Return a strategy from its text, with the default values of its parameters. The same text is read once."""
    from tradectl.strategy.strategy_forms import strategy_of

    found = strategy_of(name, form, text, file)
    return OwnStrategy(found, found.rule())


def stored_strategy(ledger: Ledger, name: str, hash_: str) -> OwnStrategy:
    """Return the strategy whose text the ledger stores under a hash. Raises ConfigurationError if it stores none."""
    stored = ledger.strategies.stored(hash_)
    if stored is None:
        raise ConfigurationError(f"the ledger has no text of the strategy {name} with the hash {hash_[:12]}")
    return own_strategy(stored.name, stored.form, stored.text)


class DecidedBuy(Struct, frozen=True):
    """A buy of an own strategy. `rules`: on the bars that are known now. `decided`: the index of the bar that decided it."""

    own: OwnStrategy
    rules: ColumnRules
    decided: int

    @property
    def holds(self) -> bool:
        """Return whether the entry condition is true on the close that decided the buy."""
        return bool(self.rules.entries[self.decided])

    def prepare(self) -> None:
        """Calculate what the rule says of the buy, so that an error of a rule in Python is raised here. Raises UsageError."""
        last = len(self.rules.history) - 1
        _ = self.holds, self.part
        self.rules.prepare(HeldBuys(buys=1, entered=last + 1, price=float(self.rules.history.close[last])), last)

    @property
    def part(self) -> float | None:
        """Return the part of `capital_per_trade` that the buy may cost; None for all of it."""
        return self.rules.size(self.decided)

    def reward_gone(self, price: int, limit: int, scale: float) -> bool:
        """Return whether a fill at the open would leave nothing to gain. Prices in paise; `scale`: M of the session."""
        return self.rules.reward_gone(self.decided, len(self.rules.history) - 1, scale, price, limit)


class OwnBuys(Struct, frozen=True):
    """The buys of own strategies, by the strategy's hash, the instrument and the session that decided them.

    `troubles`: why the rules of a strategy cannot be used, by its hash.
    """

    known: Mapping[tuple[str, str, date], DecidedBuy] = {}
    troubles: Mapping[str, str] = {}

    @classmethod
    def on_close(cls, world: BuyWorld, buys: Iterable[OrderTerms], session: date) -> OwnBuys:
        """Return the buys decided on the close of a session, on the bars that are known by now."""
        wanted = _by_strategy(buys)
        if not wanted:
            return cls()
        from tradectl.screener.own_rules import KnownBars

        made = _Making(world, wanted)
        bars = provisional_bars(
            made.names, session, broker=world.broker, market=world.market, clock=world.clock, sessions=world.sessions
        )
        return made.on(KnownBars(world.market, session, bars))

    @classmethod
    def before(cls, world: BuyWorld, buys: Iterable[OrderTerms], session: date) -> OwnBuys:
        """Return the buys of a session in its morning, on the final bars of the sessions before it."""
        wanted = _by_strategy(buys)
        if not wanted:
            return cls()
        from tradectl.screener.own_rules import KnownBars

        return _Making(world, wanted).on(KnownBars(world.market, session - timedelta(days=1)))

    def of(self, buy: OrderTerms) -> DecidedBuy | None:
        """Return what an own strategy decided; None for the shipped rule, or where it cannot be calculated."""
        return self.known.get((buy.strategy_hash, buy.instrument_id, buy.decided)) if buy.strategy != REVERSION else None

    def parameters(self, buy: OrderTerms, parameters: Parameters) -> Parameters | None:
        """Return the parameters by which a buy is sized; None if what its strategy decided cannot be calculated."""
        if buy.strategy == REVERSION:
            return parameters
        found = self.of(buy)
        return scaled(parameters, found.part) if found is not None else None

    def trouble(self, buy: OrderTerms) -> str:
        """Return why what an own strategy decided cannot be calculated."""
        return self.troubles.get(buy.strategy_hash) or f"no bar of {buy.decided}"


def keep_texts(ledger: Ledger, owner: str, buys: Iterable[OrderTerms], now: datetime) -> None:
    """Store the texts of the strategies of buys whose signals another user made: the positions need them."""
    theirs = ledger.for_user(owner).strategies
    for hash_ in {buy.strategy_hash for buy in buys if buy.strategy != REVERSION}:
        if ledger.strategies.stored(hash_) is None and (text := theirs.stored(hash_)) is not None:
            ledger.strategies.store(text, now)


def _by_strategy(buys: Iterable[OrderTerms]) -> dict[str, list[OrderTerms]]:
    """Return the buys of own strategies by the hash of the strategy."""
    found: dict[str, list[OrderTerms]] = {}
    for buy in buys:
        if buy.strategy != REVERSION:
            found.setdefault(buy.strategy_hash, []).append(buy)
    return found


class _Making:
    """Calculate what own strategies decided. `troubles`: why a strategy cannot be used."""

    def __init__(self, world: BuyWorld, buys: Mapping[str, Sequence[OrderTerms]]) -> None:
        self.world, self.buys = world, buys
        self.troubles: dict[str, str] = {}
        self.read: dict[str, tuple[OwnStrategy, tuple[str, ...]]] = {}
        for hash_, terms in buys.items():
            try:
                own = stored_strategy(world.ledger, terms[0].strategy, hash_)
                self.read[hash_] = own, self._compared(own)
            except (ConfigurationError, UsageError) as error:
                self.troubles[hash_] = str(error)

    @property
    def names(self) -> list[str]:
        """Return the instruments whose bars are needed."""
        needed = [*(one for _, compared in self.read.values() for one in compared)]
        return list(dict.fromkeys([*needed, *(buy.instrument_id for hash_ in self.read for buy in self.buys[hash_])]))

    def on(self, known: KnownBars) -> OwnBuys:
        """Return the buys on the known bars."""
        from tradectl.screener.own_rules import own_rules

        found = {}
        for hash_, (own, compared) in self.read.items():
            try:
                rules = own_rules(own.rule, known, [buy.instrument_id for buy in self.buys[hash_]], compared)
            except (ConfigurationError, UsageError) as error:
                self.troubles[hash_] = str(error)
                continue
            for buy in self.buys[hash_]:
                one = rules.get(buy.instrument_id)
                index = one.history.index(buy.decided) if one is not None else None
                if one is None or index is None:
                    continue
                decided = DecidedBuy(own, one, index)
                try:
                    decided.prepare()
                except (ConfigurationError, UsageError) as error:
                    self.troubles[hash_] = str(error)
                    continue
                found[hash_, buy.instrument_id, buy.decided] = decided
        return OwnBuys(found, self.troubles)

    def _compared(self, own: OwnStrategy) -> tuple[str, ...]:
        """Return the list among whose symbols a rule compares; empty for a rule that does not compare."""
        world = self.world
        return world.market.universe(own.strategy.universe or world.parameters.universe) if own.rule.across else ()
