"""Find the strategies that scan today, and the text of each: the file as it is now, if its check has passed.

Without a passed check a changed file buys nothing. The other strategies scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from tradectl.context import Context
from tradectl.errors import ConfigurationError, UsageError
from tradectl.execution.own_strategies import OwnStrategy, own_strategy, stored_strategy
from tradectl.ledger.strategies import StoredStrategy, UsedStrategy
from tradectl.model.message_kind import MessageKind
from tradectl.model.rule_names import REVERSION

if TYPE_CHECKING:
    from tradectl.ledger.strategies import Strategies
    from tradectl.ports import StrategyText


class ScanningStrategy(Struct, frozen=True):
    """A strategy of the day.

    Attributes:
        own: None for the shipped rule, and for a strategy that cannot scan.
        universe: The instrument ids that it scans.
        trouble: Why it buys nothing today; empty otherwise.
    """

    name: str
    own: OwnStrategy | None = None
    universe: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def hash(self) -> str:
        """Return the hash of its text; empty for the shipped rule."""
        return self.own.strategy.hash if self.own is not None else ""

    @property
    def list_name(self) -> str:
        """Return the list that its file names; empty for that of the user."""
        return self.own.strategy.universe if self.own is not None else ""


def strategies_of_day(context: Context) -> list[ScanningStrategy]:
    """Return the used strategies, in the order in which they were first used. Report each that cannot scan."""
    world = context.world
    usual = world.market.universe(world.parameters.universe)
    found = []
    for used in world.ledger.strategies.used():
        if used.name == REVERSION:
            found.append(ScanningStrategy(REVERSION, universe=usual))
            continue
        try:
            own = _own(context, used)
            list_name = own.strategy.universe
            found.append(ScanningStrategy(used.name, own, world.market.universe(list_name) if list_name else usual))
        except (ConfigurationError, UsageError) as error:
            found.append(refused(context, used.name, str(error)))
    return found


def refused(context: Context, name: str, trouble: str) -> ScanningStrategy:
    """Report that a strategy cannot scan, and return it as one that buys nothing."""
    text = f"{name} buys nothing: {trouble}"
    context.log("strategy_refused", text, level="warning")
    key = f"strategy_refused:{name}:{context.session}"
    context.notify(f"the strategy {name} buys nothing", text, key, MessageKind.NOTICE)
    return ScanningStrategy(name, trouble=trouble)


def _own(context: Context, used: UsedStrategy) -> OwnStrategy:
    """Return the strategy with the text that scans today. Raises ConfigurationError or UsageError."""
    ledger, files = context.world.ledger, context.world.strategies
    if files is None:
        return stored_strategy(ledger, used.name, used.hash)
    text = files.text_of(used.name)
    own = own_strategy(text.name, text.form, text.text, text.file)
    if own.strategy.hash == used.hash:
        check = ledger.strategies.check_of(used.hash)
        if check is not None and not check.passed:
            raise ConfigurationError(f"its last check failed; `tradectl strategy show {used.name}` shows why")
        if ledger.strategies.stored(used.hash) is None and not context.dry_run:
            ledger.strategies.store(_stored(own, text), context.now)
        return own
    _take_changed(context, ledger.strategies, used, own, text)
    return own


def _take_changed(context: Context, known: Strategies, used: UsedStrategy, own: OwnStrategy, text: StrategyText) -> None:
    """Let a changed file take effect if its check has passed. Raises ConfigurationError otherwise."""
    hash_ = own.strategy.hash
    check = known.check_of(hash_)
    stays = "its open positions stay with the text that opened them"
    if check is None or not check.passed:
        state = "was not checked" if check is None else "did not pass its check"
        raise ConfigurationError(
            f"{text.file} was changed and {state} ({hash_[:12]}); {stays}. `tradectl strategy check {used.name}` checks it, and "
            "the next analyze uses it once it passes"
        )
    if not context.dry_run:
        with context.world.ledger.database.note():
            known.store(_stored(own, text), context.now)
            known.use(replace(used, hash=hash_), context.now)
    message = f"{text.file} was changed: from this analysis on its new text decides ({hash_[:12]}); {stays}"
    context.log("strategy_changed", message, level="warning")
    key = f"strategy_changed:{used.name}:{hash_[:32]}"
    context.notify(f"the strategy {used.name} has a new text", message, key, MessageKind.NOTICE)


def _stored(own: OwnStrategy, text: StrategyText) -> StoredStrategy:
    return StoredStrategy(own.strategy.hash, text.name, text.form, text.text)


def scanned_lists(strategies: Sequence[ScanningStrategy], usual: str) -> str:
    """Return the names of the lists that the strategies scan. `usual`: that of the user."""
    return " and ".join(dict.fromkeys(item.list_name or usual for item in strategies if not item.trouble))
