"""The day's list: symbols and series, kept for the day, and no buy of a share that has moved to another series."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.support.brokers.exchange import ist, listing
from tests.support.brokers.market import MemoryMarket
from tradectl.brokers.kite.instruments import KiteInstruments, listed
from tradectl.errors import BrokerUnavailable, DataError, UsageError

MONDAY, TUESDAY = date(2023, 7, 17), date(2023, 7, 18)
HEAD = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,"
    "exchange"
)
LIST = "\n".join(
    [
        HEAD,
        "408065,1594,ACME,ACME LTD,0,,0,0.05,1,EQ,NSE,NSE",
        "779521,3045,BETA-BE,BETA LTD,0,,0,0.01,1,EQ,NSE,NSE",
        "1,1,GAMMA-BE,GAMMA,0,,0,0.05,1,EQ,NSE,NSE",
        "2,1,GAMMA,GAMMA,0,,0,0.05,1,EQ,NSE,NSE",
        "3,1,ACME-N1,ACME BOND,0,,0,0.01,1,EQ,NSE,NSE",
        "4,1,BAJAJ-AUTO,BAJAJ AUTO,0,,0,0.05,1,EQ,NSE,NSE",
        "5,1,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE",
        "6,1,OTHER,OTHER,0,,0,0.05,1,EQ,BSE,BSE",
    ]
).encode()


class Kite:
    """Serves a list, and counts."""

    content = LIST
    asked = 0

    def __call__(self) -> bytes:
        self.asked += 1
        return self.content


def test_a_symbol_is_found_with_its_series() -> None:
    found = listed(LIST)
    assert {symbol: (item.tradingsymbol, item.series, item.tick_size) for symbol, item in found.items()} == {
        "ACME": ("ACME", "EQ", 5),
        "BETA": ("BETA-BE", "BE", 1),
        "GAMMA": ("GAMMA", "EQ", 5),
        "ACME-N1": ("ACME-N1", "EQ", 1),
        "BAJAJ-AUTO": ("BAJAJ-AUTO", "EQ", 5),
    }


def test_a_list_is_fetched_daily_and_again_when_renewed(tmp_path: Path) -> None:
    kite = Kite()
    first = KiteInstruments(tmp_path, kite)
    first.require("ACME", ist(MONDAY, "08:00"))
    first.require("BETA", ist(MONDAY, "08:29"))
    assert kite.asked == 1
    first.require("ACME", ist(MONDAY, "09:05"))
    KiteInstruments(tmp_path, kite).require("ACME", ist(MONDAY, "16:05"))  # another process
    assert kite.asked == 2
    first.require("ACME", ist(TUESDAY, "09:00"))
    assert (kite.asked, [file.name for file in tmp_path.iterdir()]) == (3, ["kite-nse-2023-07-18.csv"])


@pytest.mark.parametrize("content", [b"", b"<html>", HEAD.encode(), LIST.replace(b"tick_size", b"tock_size")])
def test_what_is_no_list_is_not_kept(tmp_path: Path, content: bytes) -> None:
    kite = Kite()
    kite.content = content
    with pytest.raises(BrokerUnavailable):
        KiteInstruments(tmp_path, kite).find("ACME", ist(MONDAY, "10:00"))
    assert list(tmp_path.iterdir()) == []


def test_a_share_that_moved_to_another_series_is_not_bought(tmp_path: Path) -> None:
    instruments, now = KiteInstruments(tmp_path, Kite()), ist(MONDAY, "10:00")
    market = MemoryMarket(listing("ACME"), listing("BETA"))
    assert instruments.to_buy("ACME", now, market).token == 408065
    with pytest.raises(DataError, match="BETA is in series BE at Kite and EQ"):
        instruments.to_buy("BETA", now, market)
    assert instruments.require("BETA", now).tradingsymbol == "BETA-BE"
    with pytest.raises(UsageError, match="does not list NOBODY"):
        instruments.to_buy("NOBODY", now, market)
