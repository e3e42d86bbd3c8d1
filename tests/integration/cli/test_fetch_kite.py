"""`data fetch --source kite`: a broker's candles as traded again, from an account that is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.integration.cli.conftest import Said, Tradectl
from tests.support.brokers.exchange import bar, ist, listing
from tests.support.zerodha import KEY, SECRET, House, house
from tradectl.model.market import ActionKind, CorporateAction

THURSDAY, FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2023, 7, day) for day in (13, 14, 17, 18, 19))
SPLIT = CorporateAction("ACME", MONDAY, ActionKind.SPLIT, Fraction(2), subject="Face Value Split From Rs 10 To Rs 5")
BARS = [
    bar(THURSDAY, 10005, 10105, 9995, 10015, 1001),
    bar(FRIDAY, 10015, 10205, 10005, 10115, 1003),
    bar(MONDAY, 5060, 5110, 5005, 5075, 4000),
]
BETA = [bar(day, 20000, 20000, 20000, 20000, 10, series="BE") for day in (THURSDAY, FRIDAY, MONDAY)]
STORED = "date,symbol,series,open,high,low,close,volume\n" + "".join(
    f"{THURSDAY},{symbol},{series},{close},{close},{close},{close},10\n"
    for symbol, series, close in (("ACME", "EQ", "100.15"), ("BETA", "BE", "200.00"))
)
ACTIONS = f"symbol,series,ex_date,subject\nACME,EQ,{MONDAY},{SPLIT.subject}\n"
WORDS = ("data", "fetch", "--source", "kite", "--since", "2023-07-14", "--to", "2023-07-17", "--json")


@pytest.fixture
def kite(tmp_path: Path) -> Iterator[House]:
    """Kite on Tuesday morning: it has halved what ACME did before its split."""
    shares = (listing("ACME", BARS, actions=[SPLIT]), listing("BETA", BETA, series="BE"))
    with house(tmp_path, *shares, at=ist(TUESDAY, "08:00")) as made:
        yield made


def tell(tradectl: Tradectl, kite: House) -> Said:
    """Say where Kite is and who we are."""
    addresses = (f"--address=api={kite.sandbox.url}", f"--address=login={kite.sandbox.url}/connect/login")
    return tradectl("broker", "set", "kite", *addresses, stdin=f"api_key={KEY}\napi_secret={SECRET}\n")


def log_in(tradectl: Tradectl, kite: House) -> Said:
    with urlopen(f"{kite.sandbox.url}/connect/login?api_key={KEY}&v=3") as page:
        return tradectl("login", stdin=page.read().decode() + "\n")


def import_stored(tradectl: Tradectl, folder: Path) -> None:
    for name, content in {"bars.csv": STORED, "actions.csv": ACTIONS}.items():
        (folder / name).write_text(content, encoding="utf-8")
        assert tradectl("data", "import", str(folder / name)).code == 0


@pytest.fixture
def live(tradectl: Tradectl, kite: House, tmp_path: Path) -> Tradectl:
    """A live home that knows Thursday and the split, and whose user has told Kite's credentials."""
    assert tradectl("init", "--mode", "live", "--broker", "kite").code == 0
    assert tell(tradectl, kite).code == 0
    import_stored(tradectl, tmp_path)
    return tradectl


def bars(home: Path) -> list[tuple[object, ...]]:
    from tradectl.marketdata.reading import read_archive

    query = "SELECT symbol, session, series, open, high, low, close, volume FROM bars WHERE session > '2023-07-13' ORDER BY 1, 2"
    return [tuple(row) for row in read_archive(home / "market").execute(query)]


def test_candles_come_as_they_were_traded_and_a_stranger_is_told(live: Tradectl, kite: House, home: Path) -> None:
    assert log_in(live, kite).code == 0
    said = live(*WORDS, "--symbols", "ACME,GHOST,BETA")
    assert (said.code, said.object["error"]) == (8, "GHOST: Kite does not know this symbol")
    assert said.object["result"]["missing"] == [{"name": "GHOST", "reason": "Kite does not know this symbol", "pending": False}]
    assert bars(home) == [
        ("ACME", "2023-07-14", "EQ", 10015, 10205, 10005, 10115, 1003),
        ("ACME", "2023-07-17", "EQ", 5060, 5110, 5005, 5075, 4000),
        ("BETA", "2023-07-14", "BE", 20000, 20000, 20000, 20000, 10),
        ("BETA", "2023-07-17", "BE", 20000, 20000, 20000, 20000, 10),
    ]
    asked = len(kite.sandbox.requests)
    again = live(*WORDS, "--symbols", "ACME,BETA")
    assert (again.code, again.object["result"]["files"], len(kite.sandbox.requests)) == (0, [], asked)


def test_without_a_session_it_ends_with_5(live: Tradectl, kite: House, home: Path) -> None:
    said = live(*WORDS, "--symbols", "ACME")
    assert (said.code, said.object["error"]) == (5, "there is no session at Kite yet: `tradectl login`")
    log_in(live, kite)
    kite.clock.move_to(ist(WEDNESDAY, "08:00"))  # Kite has flushed the tokens of Tuesday
    said = live(*WORDS, "--symbols", "ACME")
    assert (said.code, "Kite rejected the session" in said.object["error"]) == (5, True)
    assert bars(home) == []


def test_the_account_that_is_asked_is_the_named_users(live: Tradectl, kite: House) -> None:
    log_in(live, kite)
    assert live("user", "add", "ravi").code == 0
    words = [*WORDS, "--symbols", "BETA"]
    assert live(*words, "--user", "ravi").object["error"] == "ravi has set no broker: run `tradectl broker set NAME`"
    assert live("broker", "set", "openalgo", "--user", "ravi", stdin="").code == 0
    other = live(*words, "--user", "ravi")
    assert (other.code, other.object["error"]) == (4, "the broker of ravi is openalgo, not kite")
    assert live(*words, "--user", "me").code == 0


def test_a_paper_home_has_candles_where_it_has_quotes(tradectl: Tradectl, kite: House, home: Path, tmp_path: Path) -> None:
    assert tradectl("init").code == 0
    import_stored(tradectl, tmp_path)
    said = tradectl(*WORDS, "--symbols", "BETA")
    assert (said.code, "this home is paper" in said.object["error"]) == (4, True)
    (home / "tradectl.toml").write_text('quotes = "kite"\n', encoding="utf-8")
    assert (tell(tradectl, kite).code, log_in(tradectl, kite).code) == (0, 0)
    assert tradectl(*WORDS, "--symbols", "BETA").code == 0
    assert len(bars(home)) == 2
