"""The ids of stored rows after a change of the list of renames: each company keeps its rows, its position and its history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from tests.integration.ledger.conftest import NOW
from tradectl.ledger import schema
from tradectl.ledger.audit import verify_journal
from tradectl.ledger.instrument_ids import ChangedId, follow_renames
from tradectl.ledger.rows import Decision
from tradectl.ledger.store import Ledger
from tradectl.model.order import OrderStatus, OrderType, Purpose, Side, Variety
from tradectl.model.renames import Rename, Renames
