"""Define the cards about failures between an adapter and its broker."""

from __future__ import annotations

from functools import partial

from tradectl.errors import Ambiguous, BrokerUnavailable, LoginNeeded, NotWhitelisted, RateLimited
from tradectl.lab.conformance.bench import Bench
from tradectl.lab.conformance.card import card, check, raises
from tradectl.lab.sandboxes.fixture import OPEN
from tradectl.lab.sandboxes.server import Trouble
from tradectl.model.order import OrderStatus

S = OrderStatus


@card(wired=True)
def a_command_that_was_lost_is_ambiguous(bench: Bench) -> None:
    """A connection that breaks before the command is executed raises Ambiguous, and the book shows no order."""
    request = bench.request(10, OPEN - 500)
    bench.trouble(Trouble.LOST)
    raises(Ambiguous, lambda: bench.broker.place(request))
    check("no order", bench.under(request) == [])


@card(wired=True)
def a_command_whose_answer_was_lost_is_ambiguous(bench: Bench) -> None:
    """A lost or unreadable reply to an executed command raises Ambiguous. The book shows one order, not two."""
    for number, trouble in enumerate((Trouble.CUT, Trouble.HALF, Trouble.MALFORMED, Trouble.BAD_GATEWAY, Trouble.SLOW)):
        request = bench.request(10 + number, OPEN - 500)  # different terms identify the order at a broker without tags
        bench.trouble(trouble)
        raises(Ambiguous, partial(bench.broker.place, request))
        check(f"one order after {trouble}", len(bench.under(request)) == 1)


@card(wired=True)
def a_server_in_trouble_is_ambiguous_for_commands(bench: Bench) -> None:
    """A 5xx reply to a command raises Ambiguous, and the command is not sent again."""
    request = bench.request(10, OPEN - 500)
    bench.trouble(Trouble.UNAVAILABLE)
    raises(Ambiguous, lambda: bench.broker.place(request))
    check("no order", bench.under(request) == [])


@card(wired=True)
def too_many_requests_prove_nothing_of_a_command(bench: Bench) -> None:
    """A 429 reply to a command raises Ambiguous, because no broker documents that a 429 means not accepted. A 429 reply to a
    read raises RateLimited."""
    request = bench.request(10, OPEN - 500)
    bench.trouble(Trouble.TOO_MANY)
    raises(Ambiguous, lambda: bench.broker.place(request))
    check("no order", bench.under(request) == [])
    bench.trouble(Trouble.TOO_MANY, read=True, times=3)
    raises(RateLimited, bench.broker.orders)


@card(wired=True)
def a_cancel_whose_answer_was_lost_is_ambiguous(bench: Bench) -> None:
    """A lost reply to a cancel raises Ambiguous, and the book shows the order CANCELLED."""
    placed = bench.buy(10, OPEN - 500)
    bench.trouble(Trouble.CUT)
    raises(Ambiguous, lambda: bench.broker.cancel(placed))
    check("CANCELLED", bench.order(placed).status is S.CANCELLED)


@card(wired=True)
def a_modify_whose_answer_was_lost_is_ambiguous(bench: Bench) -> None:
    """A lost reply to a modify raises Ambiguous, and the book shows the changed order."""
    placed = bench.buy(10, OPEN - 500)
    bench.trouble(Trouble.CUT)
    raises(Ambiguous, lambda: bench.broker.modify(placed, quantity=11, price=OPEN - 500))
    check("changed", bench.order(placed).quantity == 11)


@card(wired=True)
def a_read_that_fails_is_never_an_empty_answer(bench: Bench) -> None:
    """A failed read is repeated. If all tries fail, it raises BrokerUnavailable and never returns an empty book."""
    placed = bench.buy(10, OPEN - 500)
    reads = (bench.broker.orders, bench.broker.trades, bench.broker.holdings, bench.broker.funds)
    for read in reads:
        bench.trouble(Trouble.MALFORMED, read=True)
        read()
    for trouble in (Trouble.LOST, Trouble.HALF, Trouble.MALFORMED, Trouble.UNAVAILABLE, Trouble.TOO_MANY):
        bench.trouble(trouble, read=True, times=3)
        raises(BrokerUnavailable, bench.broker.orders, but=Ambiguous)
    check("the order is unchanged after the failed reads", bench.order(placed).quantity == 10)


@card(wired=True)
def an_expired_session_asks_for_a_login(bench: Bench) -> None:
    """After the end of the session, reads and commands raise LoginNeeded, and no command is carried out."""
    bench.expire()
    raises(LoginNeeded, lambda: bench.buy(10, OPEN - 500))
    raises(LoginNeeded, bench.broker.orders)


@card(wired=True)
def an_unlisted_address_is_named(bench: Bench) -> None:
    """An order from an address that the broker does not list raises NotWhitelisted. Reads still work."""
    bench.ban()
    raises(NotWhitelisted, lambda: bench.buy(10, OPEN - 500))
    check("reads still work", not [item for item in bench.broker.orders() if item.status is not S.REJECTED])


CARDS = (
    a_command_that_was_lost_is_ambiguous,
    a_command_whose_answer_was_lost_is_ambiguous,
    a_server_in_trouble_is_ambiguous_for_commands,
    too_many_requests_prove_nothing_of_a_command,
    a_cancel_whose_answer_was_lost_is_ambiguous,
    a_modify_whose_answer_was_lost_is_ambiguous,
    a_read_that_fails_is_never_an_empty_answer,
    an_expired_session_asks_for_a_login,
    an_unlisted_address_is_named,
)
