"""The guide to a new broker names everything that an adapter, a sandbox and a bench must have."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from msgspec import Struct

from tradectl import errors
from tradectl.brokers.adapter import GROUP as BROKERS
from tradectl.brokers.adapter import Adapter, BrokerAccount, LoginSession
from tradectl.lab.conformance.bench import AdapterBench
from tradectl.lab.sandboxes.broker_sandbox import GROUP as SANDBOXES
from tradectl.lab.sandboxes.broker_sandbox import BrokerSandbox
from tradectl.model.market import Quote
from tradectl.model.order import Funds, Holding, OrderReport, TradeReport
from tradectl.ports import Broker, Capabilities

GUIDE = (Path(__file__).parents[3] / "docs" / "how-to" / "add-a-broker.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`|```.*?```", GUIDE, re.DOTALL)) + GUIDE))
RAISED = (
    errors.OrderRefused, errors.Ambiguous, errors.LoginNeeded, errors.NotWhitelisted, errors.ConfigurationError,
    errors.BrokerUnavailable, errors.RateLimited, errors.Blocked, errors.DataError, errors.UsageError,
)  # fmt: skip


def members(kind: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(kind) if not name.startswith("_")]


@pytest.mark.parametrize("protocol", [Adapter, Broker, BrokerSandbox])
def test_every_method_of_a_protocol_is_named(protocol: type) -> None:
    assert [name for name in members(protocol) if f"`{name}" not in GUIDE] == []


@pytest.mark.parametrize("kind", [Capabilities, BrokerAccount, LoginSession, OrderReport, TradeReport, Holding, Funds, Quote])
def test_every_field_is_named(kind: type[Struct]) -> None:
    assert [name for name in kind.__struct_fields__ if f"`{name}`" not in GUIDE] == []


def test_every_error_is_named_with_its_exit_code() -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("|")]
    for error in RAISED:
        (row,) = [line for line in rows if f"`{error.__name__}" in line.split("|")[1]]
        assert row.rstrip().endswith(f"| {error.exit_code} |"), row


def test_what_a_bench_must_have_is_named() -> None:
    assert AdapterBench.__abstractmethods__ - WORDS == set()
    assert f'entry-points."{BROKERS}"' in GUIDE
    assert f'entry-points."{SANDBOXES}"' in GUIDE
