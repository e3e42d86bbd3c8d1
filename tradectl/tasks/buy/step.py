"""Place after-market buys for the next run session: re-entries first, then the signals by rank, within every limit.

If a session on which tradectl does not run (Muhurat, a drill) lies before the next run session, brokers would release the
orders into it. Then nothing is sent, and the intents wait for 08:00 of the run session. A broker without after-market orders
takes nothing in the evening, and the task reports that. With the setting `preopen_orders` the intents then wait for 09:05, when
the exchange takes regular orders.

With the setting `buy_approval` the first step only makes the list and stores it (`approval`). A later step sends what the list
and its verdict allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from tradectl.context import Context
from tradectl.execution.buying import (
    BuyingPower,
    DayResult,
    PlannedBuy,
    breached_limit,
    day_result,
    quantity_for,
    stopped_buys,
)
from tradectl.execution.orders import CommandResult, CommandStatus
from tradectl.execution.own_strategies import OwnBuys, keep_texts
from tradectl.execution.strategy_shares import StrategyShares
from tradectl.execution.surveillance_findings import report_watched_positions
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.approvals import ApprovalLine
from tradectl.ledger.rows import Decision, Intent
from tradectl.model.order import OrderStatus, Purpose, Side, Variety
from tradectl.model.refusal import Refusal
from tradectl.model.rule_names import REVERSION
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.sizing import Sizing
from tradectl.task import Outcome
from tradectl.tasks.buy import approval
from tradectl.tasks.buy.approval import EVERYTHING, Permission
from tradectl.tasks.buy.proposed_buys import ProposedBuy, proposed_buys, signals_owner

FOR_THE_MORNING = "waits for 08:00 of its session: there is a session before it in which tradectl does not run"
FOR_THE_OPEN = "waits for 09:05: the broker takes no after-market orders"
NO_AMO = (
    "{} takes no after-market orders, so nothing can be placed in the evening; "
    "with the setting preopen_orders buys are sent at 09:05 instead"
)
RESULT_KEYS = ("placed", "skipped_duplicate", "skipped_limit", "skipped_data", "skipped_quantity", "skipped_funds")


class BuyPass(Struct, frozen=True):
    """The state of one pass.

    Attributes:
        following: The session of the buys.
        buying_power: The funds left.
        traded: The instruments traded today.
        day: The day's result so far.
        variety: The variety of the orders.
        wait: Why the orders are recorded and not sent; empty if they are sent.
        refused: The reasons of orders refused in an earlier step of this run, by instrument.
        own: What own strategies decided.
        shares: The strategies' shares of the capital.
        permission: What the operator allowed to be bought.
    """

    context: Context
    trading: TradingSession
    following: date
    buying_power: BuyingPower
    traded: frozenset[str]
    day: DayResult
    variety: Variety
    wait: str
    refused: Mapping[str, str]
    own: OwnBuys
    shares: StrategyShares
    permission: Permission = EVERYTHING

    def size(self, proposed: ProposedBuy, parameters: Parameters, buying_power: BuyingPower | None) -> Sizing:
        """Return the number of shares. `buying_power` None: the funds do not limit the buy."""
        return quantity_for(
            proposed.intent.price,
            session=self.following,
            parameters=parameters,
            average_turnover=proposed.average_turnover,
            buying_power=buying_power,
            reentry=proposed.intent.purpose is Purpose.REENTRY,
        )

    def breached_limit(self, proposed: ProposedBuy, quantity: int, planned: Sequence[PlannedBuy] | None = None) -> Refusal | None:
        """Return the limit that a buy of this many shares would breach; None if there is none.

        `planned`: the buys of the list before it, while the list is made."""
        buy = proposed.intent
        return self._limit_of_account(proposed, quantity, planned) or self.shares.refusal(
            self.trading, self.day, buy, quantity, buy.price, planned=planned or ()
        )

    def _limit_of_account(self, proposed: ProposedBuy, quantity: int, planned: Sequence[PlannedBuy] | None) -> Refusal | None:
        return breached_limit(
            self.trading,
            self.context.world.parameters,
            self.day,
            instrument_id=proposed.intent.instrument_id,
            session=self.following,
            price=proposed.intent.price,
            quantity=quantity,
            last_close=proposed.last_close,
            reentry=proposed.intent.purpose is Purpose.REENTRY,
            planned=planned,
        )


class Sized(Struct, frozen=True):
    """A buy that may be placed: the number of shares, and whether the funds are too small today."""

    quantity: int
    short: bool


class PlannedProposal(Struct, frozen=True):
    """A proposed buy in the list that the operator gets: its line, or why it has none."""

    proposed: ProposedBuy
    line: ApprovalLine | None
    verdict: str = ""
    reason: str = ""


def run(context: Context) -> Outcome:
    """Process all proposed buys once; orders that an interrupted run placed count as placed."""
    waits = approval.outcome_while_waiting(context)
    if waits is not None:
        return waits
    world, trading = context.world, context.trading()
    trading.reconcile()
    counts: Counter[str] = Counter(dict.fromkeys(RESULT_KEYS, 0))
    session = world.sessions.next_run_session(context.session)
    if (stopped := stopped_buys(trading)) is not None:
        return Outcome(dict(counts), blocked=str(stopped))
    if context.now >= session.begins_at():
        return Outcome(
            dict(counts), blocked=f"the session {session.date} has begun: no after-market buy is placed for it any more"
        )
    amo = world.broker.capabilities.amo
    if not amo and not world.parameters.preopen_orders:
        return Outcome(dict(counts), blocked=NO_AMO.format(world.broker.name))
    between = world.sessions.next_session(context.session).date != session.date
    proposals = list(
        proposed_buys(context, trading, trading.snapshot.positions, session.date, Variety.AMO if amo else Variety.REGULAR)
    )
    owner, intents = signals_owner(context), [item.intent for item in proposals]
    if owner != world.user and not context.dry_run:
        keep_texts(world.ledger, owner, intents, context.now)
    buy_pass = BuyPass(
        context,
        trading,
        session.date,
        BuyingPower(world.broker.funds().available, world.parameters.tariff),
        frozenset(trading.book.traded(context.session)),
        day_result(world.ledger.statistics, trading, context.session),
        variety=Variety.AMO if amo else Variety.REGULAR,
        wait=FOR_THE_OPEN if not amo else FOR_THE_MORNING if between else "",
        refused=_refused(context, trading),
        own=OwnBuys.on_close(world, intents, context.session),
        shares=StrategyShares.of(world.ledger, owner),
    )
    report_watched_positions(trading, trading.snapshot.positions, context.session)
    if approval.is_needed(context):
        answered = approval.find(context)
        if answered is None:
            plan = _plan(buy_pass, proposals)
            if lines := [line for item in plan if (line := item.line) is not None]:
                return _ask(buy_pass, plan, lines, counts)
        buy_pass = replace(buy_pass, permission=approval.permission(context, answered))
    decisions: list[Decision] = []
    for proposed in proposals:
        verdict, reason = _buy_one(buy_pass, proposed)
        counts[verdict] += 1
        decisions.append(_decision(proposed, verdict, reason))
    context.decide(decisions)
    trading.follow()
    result = dict(counts) | {"for_session": session.date.isoformat()}
    unknown, again_after = trading.unresolved()
    return Outcome(result, again_after, refused=counts["refused"] if again_after is None else 0, unknown=unknown)


def _refused(context: Context, trading: TradingSession) -> Mapping[str, str]:
    """Return the reasons of orders refused in earlier steps of this run, by instrument; they are not sent again."""
    orders = trading.book.orders(execution_id=context.claim.execution_id) if context.steps else []
    return {order.instrument_id: order.reason for order in orders if order.status is OrderStatus.REJECTED}


def _decision(proposed: ProposedBuy, verdict: str, reason: str) -> Decision:
    buy = proposed.intent
    rule = str(buy.purpose) if buy.strategy == REVERSION else f"{buy.strategy}:{buy.purpose}"
    return Decision(buy.instrument_id, buy.symbol, verdict, rule, reason, proposed.inputs)


def _plan(buy_pass: BuyPass, proposals: Sequence[ProposedBuy]) -> list[PlannedProposal]:
    """Return what would be placed now, in the order of the proposals. Nothing is sent or recorded."""
    power = BuyingPower(buy_pass.buying_power.available, buy_pass.buying_power.tariff)
    planned: list[PlannedBuy] = []
    found = []
    for proposed in proposals:
        sized = _size(buy_pass, proposed, power, planned)
        if not isinstance(sized, Sized):
            found.append(PlannedProposal(proposed, None, *sized))
            continue
        intent = _intent(buy_pass, proposed, sized.quantity)
        line = ApprovalLine(intent.instrument_id, intent.symbol, str(intent.purpose), intent.quantity, intent.price)
        found.append(PlannedProposal(proposed, line))
        if not (buy_pass.wait or sized.short):
            power.spend(buy_pass.following, line.quantity, line.price)
            planned.append(PlannedBuy(line.instrument_id, line.amount, intent.purpose is Purpose.REENTRY, intent.strategy))
    return found


def _ask(buy_pass: BuyPass, plan: Sequence[PlannedProposal], lines: Sequence[ApprovalLine], counts: Counter[str]) -> Outcome:
    """Store the list and wait for its verdict."""
    context = buy_pass.context
    for item in plan:
        if item.line is None:
            counts[item.verdict] += 1
    with context.world.ledger.database.write():
        asked = approval.ask(context, buy_pass.following, lines)
        waits = approval.waits_until(asked)
        context.decide(
            _decision(item.proposed, *((item.verdict, item.reason) if item.line is None else ("waiting", waits))) for item in plan
        )
    context.world.ledger.outbox.deliver(context.world.notifier, context.world.clock)
    return approval.waiting_outcome(asked, counts)


def _size(
    buy_pass: BuyPass, proposed: ProposedBuy, power: BuyingPower, planned: Sequence[PlannedBuy] | None = None
) -> Sized | tuple[str, str]:
    """Return the size of a buy that may be placed, else the result key and the reason. `planned` as in `breached_limit`."""
    if proposed.last_close == 0:
        return "skipped_data", f"no bar of {buy_pass.context.session}"
    if proposed.distrusted:
        return "skipped_data", proposed.distrusted
    already = _already(buy_pass, proposed)
    if already is not None:
        return already
    watched = buy_pass.context.world.market.surveillance(buy_pass.context.session).excluding(proposed.intent.instrument_id)
    if watched:
        return "skipped_surveillance", f"under surveillance: {watched}"
    parameters = buy_pass.own.parameters(proposed.intent, buy_pass.context.world.parameters)
    if parameters is None:
        return "skipped_data", buy_pass.own.trouble(proposed.intent)
    sizing = buy_pass.size(proposed, parameters, power)
    short = sizing.short_of_funds
    if short:
        sizing = buy_pass.size(proposed, parameters, None)
    if sizing.refusal is not None:
        return "skipped_quantity", str(sizing.refusal)
    permitted = buy_pass.permission.quantity(proposed.intent, sizing.quantity)
    if isinstance(permitted, str):
        return "skipped_approval", permitted
    limit = buy_pass.breached_limit(proposed, permitted, planned)
    if limit is not None:
        return "skipped_limit", str(limit)
    return Sized(permitted, short)


def _buy_one(buy_pass: BuyPass, proposed: ProposedBuy) -> tuple[str, str]:
    """Place one proposed buy; return the result key under which it counts, and the reason."""
    sized = _size(buy_pass, proposed, buy_pass.buying_power)
    if not isinstance(sized, Sized):
        return sized
    intent = _intent(buy_pass, proposed, sized.quantity)
    result = buy_pass.trading.buy(intent, send=not (buy_pass.wait or sized.short))
    if result.status is CommandStatus.WAITING:
        return ("skipped_funds", "short of funds") if sized.short else ("waiting", buy_pass.wait)
    verdict, reason = _count_result(buy_pass, proposed, result, sized.quantity)
    return verdict, f"{reason}; {buy_pass.permission.by}" if buy_pass.permission.by else reason


def _already(buy_pass: BuyPass, proposed: ProposedBuy) -> tuple[str, str] | None:
    """Return the result key and reason of a buy that needs no order: placed by this run, held, in flight or traded today.

    An UNKNOWN order of either side blocks its symbol; this run's own may be sent again where that is harmless."""
    snapshot, claim = buy_pass.trading.snapshot, buy_pass.context.claim
    if proposed.intent.instrument_id in buy_pass.refused:
        return "refused", buy_pass.refused[proposed.intent.instrument_id]
    doubtful = [order for order in snapshot.unknown if order.instrument_id == proposed.intent.instrument_id]
    for order in doubtful:
        ours = order.execution_id == claim.execution_id and order.purpose is proposed.intent.purpose
        if not (ours and buy_pass.trading.may_repeat(order)):
            return "unknown" if ours else "skipped_duplicate", f"order {order.id} is UNKNOWN: {order.reason}"
    if doubtful:
        return None
    mine = [order for order in snapshot.orders if order.instrument_id == proposed.intent.instrument_id and order.side is Side.BUY]
    for order in mine:
        ours = order.execution_id == claim.execution_id and order.purpose is proposed.intent.purpose
        if ours and order.sending_at is not None:
            return ("placed" if order.alive else "skipped_funds"), f"order {order.id} of this run is {order.status}"
    with_broker = next((order for order in mine if order.alive and not order.waiting), None)
    if with_broker is not None:
        return "skipped_duplicate", f"order {with_broker.id} is {with_broker.status}"
    if proposed.intent.purpose is Purpose.ENTRY and snapshot.position_of(proposed.intent.instrument_id) is not None:
        return "skipped_duplicate", "held"
    if proposed.intent.purpose is Purpose.ENTRY and proposed.intent.instrument_id in buy_pass.traded:
        return "skipped_duplicate", "traded in this session"
    return None


def _intent(buy_pass: BuyPass, proposed: ProposedBuy, quantity: int) -> Intent:
    """Return the order of a proposed buy, with its quantity and the symbol that it has in its session."""
    named = buy_pass.context.world.market.instrument(proposed.intent.instrument_id, buy_pass.following)
    return replace(proposed.intent, symbol=named.symbol, quantity=quantity)


def _count_result(buy_pass: BuyPass, proposed: ProposedBuy, result: CommandResult, quantity: int) -> tuple[str, str]:
    """Return the result key of a command and the reason; log placed and refused orders."""
    done = f"BUY {quantity} {proposed.intent.symbol} at {proposed.intent.price / 100:.2f}"
    match result.status:
        case CommandStatus.PLACED | CommandStatus.EXISTS | CommandStatus.DRY:
            buy_pass.buying_power.spend(buy_pass.following, quantity, proposed.intent.price)
            buy_pass.context.log("order_placed", f"{done} for {buy_pass.following}", proposed.intent.symbol)
            return "placed", done
        case CommandStatus.RETRY:
            return "skipped_funds", result.reason
        case CommandStatus.BLOCKED:
            return "skipped_limit", result.reason
        case CommandStatus.UNKNOWN:
            return "unknown", result.reason
        case _:
            buy_pass.context.log("order_refused", f"{done}: {result.reason}", proposed.intent.symbol, level="warning")
            return "refused", result.reason
