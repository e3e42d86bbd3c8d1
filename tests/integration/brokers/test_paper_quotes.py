"""Quotes and pre-open prices: the market up to now, the whole session after its close, never what comes later."""

from datetime import date, timedelta

from tests.support.brokers.exchange import bar, ist, listing, quiet

FRIDAY, MONDAY, TUESDAY = (date(2023, 7, day) for day in (14, 17, 18))
BARS = [
    bar(FRIDAY, 9900, 10100, 9800, 10000, 750),
    bar(MONDAY, 10000, 10900, 9400, 10600, 37_500),
    bar(TUESDAY, 10700, 10800, 10600, 10750),
]


def test_a_quote_in_the_session_knows_the_path_up_to_now(floor) -> None:
    market = floor(listing("ACME", BARS), at=ist(MONDAY, "11:20"))
    quote = market.broker.quotes(["ACME", "NONE"])["ACME"]
    assert (quote.last, quote.open, quote.high, quote.low, quote.volume) == (9400, 10000, 10000, 9400, 12_500)
    assert (quote.at, quote.last_trade_at, quote.source) == (ist(MONDAY, "11:20"), ist(MONDAY, "11:20"), "paper")
    assert (quote.lower_band, quote.upper_band) == (8000, 12000)


def test_no_moment_shows_more_than_has_happened(floor) -> None:
    market = floor(listing("ACME", BARS), at=ist(MONDAY, "09:12"))
    high, low = 0, 10**9
    while market.clock.now() < ist(MONDAY, "15:30"):
        quote = market.broker.quotes(["ACME"])["ACME"]
        high, low = max(high, quote.last), min(low, quote.last)
        assert (quote.high, quote.low) == (high, low)
        market.clock.sleep(60)
    assert (high, low) == (10900, 9400)


def test_after_the_close_the_day_is_complete(floor) -> None:
    market = floor(listing("ACME", BARS), at=ist(MONDAY, "16:00"))
    evening = market.broker.quotes(["ACME"])["ACME"]
    assert (evening.open, evening.high, evening.low, evening.last, evening.volume) == (10000, 10900, 9400, 10600, 37_500)
    assert (evening.at, evening.last_trade_at) == (ist(MONDAY, "16:00"), ist(MONDAY, "15:30"))
    market.to(TUESDAY, "09:05")
    morning = market.broker.quotes(["ACME"])["ACME"]
    assert (morning.last, morning.at, morning.last_trade_at) == (10600, ist(MONDAY, "15:30"), ist(MONDAY, "15:30"))
    assert (morning.lower_band, morning.upper_band) == (8480, 12720)
    market.to(TUESDAY, "09:15")
    assert market.broker.quotes(["ACME"])["ACME"].last == 10700


def test_on_a_sunday_the_quote_is_fridays(floor) -> None:
    market = floor(listing("ACME", BARS), at=ist(FRIDAY + timedelta(2), "12:00"))
    assert market.broker.quotes(["ACME"])["ACME"].at == ist(FRIDAY, "15:30")


def test_pre_open_prices_are_the_open_and_there_only_before_it(floor) -> None:
    market = floor(listing("ACME", BARS), quiet("OTHER", [FRIDAY]), at=ist(MONDAY, "08:59"))
    assert market.broker.preopen_prices(["ACME"]) == {}
    for at in ("09:00", "09:05", "09:14:59"):
        market.to(MONDAY, at)
        assert market.broker.preopen_prices(["ACME", "OTHER", "NONE"]) == {"ACME": 10000}
    market.to(MONDAY, "09:15")
    assert market.broker.preopen_prices(["ACME"]) == {}


def test_a_session_that_is_not_run_has_no_pre_open_prices(floor) -> None:
    muhurat = date(2023, 11, 12)
    market = floor(quiet("ACME", [muhurat]), at=ist(muhurat, "18:05"))
    assert market.broker.preopen_prices(["ACME"]) == {}
