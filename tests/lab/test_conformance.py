"""Every adapter passes every card of the kit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.benches import BENCHES, LateKiteBench, PaperBench
from tradectl.brokers.paper import PaperBroker
from tradectl.lab.conformance import CARDS, Broken
from tradectl.lab.sandboxes.fixture import CASH, FRIDAY, PART, Fixture, ist
from tradectl.model.market import Quote
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, OrderStatus

REFUSALS = [number for number, card in CARDS.items() if any(word in card.name for word in ("money", "not sold", "closed market"))]
PLAYED = [(name, number) for name, make in BENCHES.items() for number, card in CARDS.items() if make.wired or not card.wired]
"""Where nothing lies between, no wire can break."""


@pytest.mark.parametrize(("name", "number"), PLAYED, ids=[f"{name}-{number:02}" for name, number in PLAYED])
def test_an_adapter_passes_the_card(name: str, number: int, tmp_path: Path) -> None:
    bench = BENCHES[name](Fixture(tmp_path, ist(FRIDAY, "10:00")))
    try:
        CARDS[number].run(bench)
    finally:
        bench.close()


@pytest.mark.parametrize("number", REFUSALS)
def test_kite_passes_the_cards_of_refusals_where_they_come_late(number: int, tmp_path: Path) -> None:
    """Its risk checks refuse in the order's row, not in the answer."""
    bench = LateKiteBench(Fixture(tmp_path, ist(FRIDAY, "10:00")))
    try:
        CARDS[number].run(bench)
    finally:
        bench.close()


def test_every_card_says_what_it_promises() -> None:
    assert all(card.promise.endswith(".") for card in CARDS.values())


class Wrong(PaperBroker):
    """A paper exchange whose promises tests break one by one."""


class Twice(Wrong):
    def place(self, request: OrderRequest) -> str:
        super().place(replace(request, tag=request.tag + "x"))
        return super().place(request)


class NoTag(Wrong):
    def orders(self) -> tuple[OrderReport, ...]:
        return tuple(replace(item, tag=None) for item in super().orders())


class NothingFilled(Wrong):
    def orders(self) -> tuple[OrderReport, ...]:
        return tuple(replace(item, filled_quantity=0) for item in super().orders())


class NoCancel(Wrong):
    def cancel(self, broker_order_id: str) -> None:
        """Says that it did."""


class NoChange(Wrong):
    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Says that it did."""


class AllSellable(Wrong):
    def holdings(self) -> tuple[Holding, ...]:
        return tuple(replace(item, sellable=item.quantity + item.t1_quantity + 10) for item in super().holdings())


class RichForEver(Wrong):
    def funds(self) -> Funds:
        return Funds(CASH, 0, CASH)


class OldQuotes(Wrong):
    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return {name: replace(item, at=item.at - timedelta(hours=1)) for name, item in super().quotes(symbols).items()}


class HalfABand(Wrong):
    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return {name: replace(item, lower_band=None, upper_band=1) for name, item in super().quotes(symbols).items()}


class SaysNoTags(Wrong):
    """Shows tags that it says it does not keep."""

    capabilities = replace(PaperBroker.capabilities, tag_length=0)


class SaysNoAmo(Wrong):
    """Takes what it says it does not take, and passes on to the exchange what is too early for it."""

    capabilities = replace(PaperBroker.capabilities, amo=False)


class NeverEnds(SaysNoAmo):
    def orders(self) -> tuple[OrderReport, ...]:
        return tuple(replace(item, status=OrderStatus.ONGOING) for item in super().orders())


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (Twice, "a placed order is in the book"),
        (NoTag, "a placed order is in the book"),
        (NothingFilled, "parts fill before a cancel"),
        (NoCancel, "a cancelled order has ended"),
        (NoChange, "a modified order is read back"),
        (AllSellable, "holdings grow with delivery"),
        (RichForEver, "funds are what may be spent"),
        (OldQuotes, "quotes have a time and a source"),
        (HalfABand, "quotes have a time and a source"),
        (SaysNoTags, "a tag that does not fit is not sent"),
        (SaysNoAmo, "an amo waits over the night"),
        (SaysNoAmo, "nothing is sent while amos are released"),
        (NeverEnds, "an amo is cancelled in the morning"),
    ],
)
def test_a_card_breaks_where_its_promise_is_broken(kind: type[Wrong], broken: str, tmp_path: Path) -> None:
    fixture = Fixture(tmp_path, ist(FRIDAY, "10:00"))
    (card,) = (card for card in CARDS.values() if card.name == broken)
    broker = kind(
        tmp_path / "paper.db", "kit", fixture.clock, fixture.market, fixture.sessions, participation=PART, opening_cash=CASH
    )
    bench = PaperBench(fixture, broker)
    with pytest.raises(Broken):
        card.run(bench)
    bench.close()
