"""An operator's hands in a trading world of a test: the real command line, over its real ledger and its real paper exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from typer.testing import CliRunner

from tests.integration.cli.conftest import Said
from tests.support.trading import Trading
from tradectl.brokers.paper import PaperBroker
from tradectl.cli.app import app
from tradectl.cli.invocation import Invocation
from tradectl.errors import BrokerUnavailable
from tradectl.model.order import OrderReport, TradeReport
from tradectl.ports import Capabilities


class Opaque:
    """The paper exchange as a broker that promises nothing of its book: absence proves nothing, a repeated tag is no matter.

    `hidden`: tags of orders that its book does not show, nor their trades. `untagged`: broker order ids that it shows without
    our tag. `deaf`: it cannot be reached for commands. Everything else is the exchange itself.
    """

    capabilities = Capabilities(visibility_lag=None, refuses_repeated_tag=False, preopen_prices=True, tag_survives_modify=False)

    def __init__(self, exchange: PaperBroker) -> None:
        self.exchange = exchange
        self.hidden: set[str] = set()
        self.untagged: set[str] = set()
        self.deaf = False

    def orders(self) -> Sequence[OrderReport]:
        shown = [item for item in self.exchange.orders() if item.tag not in self.hidden]
        return [replace(item, tag=None) if item.broker_order_id in self.untagged else item for item in shown]

    def trades(self) -> Sequence[TradeReport]:
        ids = {item.broker_order_id for item in self.orders()}
        return [item for item in self.exchange.trades() if item.broker_order_id in ids]

    def cancel(self, broker_order_id: str) -> None:
        if self.deaf:
            raise BrokerUnavailable("nobody answers")
        self.exchange.cancel(broker_order_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)


def opaque(market: Trading) -> Opaque:
    """Put such a broker before a world's exchange."""
    broker = Opaque(market.broker)
    market.world = replace(market.world, broker=broker)  # type: ignore[arg-type]
    return broker


def operate(market: Trading, *words: str) -> Said:
    """Say a command in that world."""
    invocation = Invocation(worlds={False: market.world, True: market.world})
    home = ("--home", str(market.folder), "--user", market.world.user)
    result = CliRunner().invoke(app, [*home, *words], obj=invocation, catch_exceptions=False)
    return Said(result.exit_code, result.stdout, result.stderr)


def result_of(market: Trading, *words: str, code: int = 0) -> Mapping[str, Any]:
    """The `result` of a command with --json, which must end with this exit code."""
    said = operate(market, *words, "--json")
    assert said.code == said.object["exit_code"] == code, said
    found: Mapping[str, Any] = said.object["result"]
    return found
