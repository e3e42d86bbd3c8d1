"""Twenty lots with figures computed by hand. Without charges unless a test says so; rupees are written as text."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from msgspec.structs import replace

from tests.unit.tax.made import action, bought, gains, sold, without_charges
from tradectl.exchange.rates import ZERODHA, shipped
from tradectl.model.money import to_paise, to_rupees
from tradectl.tax.account import account_tax
from tradectl.tax.gains import Gain
from tradectl.tax.rules import Term


def line(gain: Gain) -> tuple[str, str, str, str, str]:
    """Return term, rate, proceeds, cost and gain of one disposal."""
    rate = "" if gain.rate is None else str(float(gain.rate))
    return str(gain.term), rate, to_rupees(gain.proceeds), to_rupees(gain.cost), to_rupees(gain.gain)


def test_01_a_sale_within_a_year_is_short_term() -> None:
    (gain,) = gains([bought("2025-04-10", 10, "100"), sold("2025-06-10", 10, "125")])
    assert line(gain) == ("short", "20.0", "1250.00", "1000.00", "250.00")
    assert gain.section == "111A"


def test_02_a_sale_after_a_year_is_long_term() -> None:
    (gain,) = gains([bought("2023-01-10", 10, "100"), sold("2024-06-10", 10, "125")])
    assert line(gain) == ("long", "10.0", "1250.00", "1000.00", "250.00")
    assert gain.section == "112A"


def test_03_twelve_months_to_the_day_is_short_and_is_marked() -> None:
    (gain,) = gains([bought("2024-09-02", 1, "100"), sold("2025-09-02", 1, "90")])
    assert line(gain) == ("short", "20.0", "90.00", "100.00", "-10.00")
    assert gain.doubts == ("exactly_12_months",)


def test_04_one_day_more_than_twelve_months_is_long() -> None:
    (gain,) = gains([bought("2024-09-02", 1, "100"), sold("2025-09-03", 1, "90")])
    assert line(gain) == ("long", "12.5", "90.00", "100.00", "-10.00")
    assert gain.doubts == ()


def test_05_a_leap_day_is_held_by_months_and_not_by_days() -> None:
    kept = gains([bought("2024-02-29", 2, "100"), sold("2025-02-28", 1, "110"), sold("2025-03-01", 1, "110")])
    assert [gain.term for gain in kept] == [Term.SHORT, Term.LONG]


def test_06_the_last_day_of_the_old_rates_is_2024_07_22() -> None:
    short, long = gains(
        [
            *(bought("2022-01-03", 5, "100"), sold("2024-07-22", 5, "300")),
            *(bought("2024-03-01", 5, "100", instrument="NEW"), sold("2024-07-22", 5, "300", instrument="NEW")),
        ]
    )
    assert {short.rate, long.rate} == {Fraction(10), Fraction(15)}


def test_07_the_new_rates_begin_on_2024_07_23() -> None:
    found = gains(
        [
            *(bought("2022-01-03", 5, "100"), sold("2024-07-23", 5, "300")),
            *(bought("2024-03-01", 5, "100", instrument="NEW"), sold("2024-07-23", 5, "300", instrument="NEW")),
        ]
    )
    assert {gain.rate for gain in found} == {Fraction(25, 2), Fraction(20)}


def test_08_the_fair_value_of_2018_becomes_the_cost() -> None:
    (gain,) = gains([bought("2015-05-04", 10, "100"), sold("2025-05-05", 10, "900")], fair_values={"INE000A01010": "650"})
    assert line(gain) == ("long", "12.5", "9000.00", "6500.00", "2500.00")


def test_09_a_fair_value_above_the_sale_price_is_cut_to_it() -> None:
    (gain,) = gains([bought("2015-05-04", 10, "100"), sold("2025-05-05", 10, "500")], fair_values={"ACME": "650"})
    assert line(gain) == ("long", "12.5", "5000.00", "5000.00", "0.00")


def test_10_a_cost_above_the_fair_value_stays() -> None:
    (gain,) = gains([bought("2018-01-31", 10, "700"), sold("2025-05-05", 10, "600")], fair_values={"ACME": "650"})
    assert line(gain) == ("long", "12.5", "6000.00", "7000.00", "-1000.00")


def test_11_a_day_after_2018_01_31_nothing_is_grandfathered() -> None:
    (gain,) = gains([bought("2018-02-01", 10, "100"), sold("2025-05-05", 10, "900")], fair_values={"ACME": "650"})
    assert line(gain) == ("long", "12.5", "9000.00", "1000.00", "8000.00")
    assert gain.doubts == ()


def test_12_without_an_imported_fair_value_the_gain_is_marked() -> None:
    (gain,) = gains([bought("2015-05-04", 10, "100"), sold("2025-05-05", 10, "900")])
    assert line(gain) == ("long", "12.5", "9000.00", "1000.00", "8000.00")
    assert gain.doubts == ("fair_value_missing",)


def test_13_a_split_keeps_the_date_and_spreads_the_cost() -> None:
    """Ten shares at 1,000 become 100. 50 of them cost 5,000; their value of 2018 is 5 x 1,300."""
    (gain,) = gains(
        [bought("2016-03-01", 10, "1000"), sold("2025-05-05", 50, "200")],
        [action("split", "2021-09-01", "10")],
        {"ACME": "1300"},
    )
    assert line(gain) == ("long", "12.5", "10000.00", "6500.00", "3500.00")
    assert (gain.actual_cost, gain.disposal.lot.entry_quantity) == (5000_00, 5)


def test_14_bonus_shares_are_free_and_held_from_allotment() -> None:
    """100 shares and 100 bonus shares: the sale of 150 takes 100 of the purchase and 50 of the bonus."""
    first, bonus = gains(
        [bought("2023-01-02", 100, "80"), sold("2025-03-14", 150, "60")],
        [action("bonus", "2024-09-12", "2")],
    )
    assert line(first) == ("long", "12.5", "6000.00", "8000.00", "-2000.00")
    assert line(bonus) == ("short", "20.0", "3000.00", "0.00", "3000.00")
    assert bonus.doubts == ("bonus_from_ex_date",)


def test_15_a_day_of_allotment_that_is_given_counts() -> None:
    given = action("bonus", "2024-09-12", "2", allotted=date(2024, 9, 16))
    _, bonus = gains([bought("2023-01-02", 100, "80"), sold("2025-09-16", 150, "60")], [given])
    assert (bonus.term, bonus.doubts) == (Term.SHORT, ("exactly_12_months",))


def test_16_a_demerger_divides_the_cost_by_the_published_ratio() -> None:
    """10 shares at 2,000; 4.68 % of the cost, 936, goes to ten shares of the new company, held from 2022."""
    found = gains(
        [bought("2022-05-02", 10, "2000"), sold("2024-01-10", 10, "2500"), sold("2024-01-10", 10, "230", instrument="JFS")],
        [action("demerger", "2023-07-20", to="JFS", cost_moved=Fraction("0.0468"))],
    )
    assert [line(gain) for gain in found] == [
        ("long", "10.0", "25000.00", "19064.00", "5936.00"),
        ("long", "10.0", "2300.00", "936.00", "1364.00"),
    ]


def test_17_a_demerger_without_its_ratio_marks_the_gain() -> None:
    (gain,) = gains([bought("2022-05-02", 10, "2000"), sold("2024-01-10", 10, "2500")], [action("demerger", "2023-07-20")])
    assert (gain.cost, gain.doubts) == (20000_00, ("demerger_ratio_missing",))


def test_18_a_rename_keeps_lots_and_dates() -> None:
    (gain,) = gains(
        [bought("2022-05-02", 10, "200"), sold("2024-01-10", 10, "250", instrument="NEWNAME")],
        [action("rename", "2023-07-20", to="NEWNAME")],
    )
    assert line(gain) == ("long", "10.0", "2500.00", "2000.00", "500.00")


def test_19_same_day_shares_are_speculative_and_stay_apart() -> None:
    """Bought 30 at 100.00, sold 20 at 103.00 on the day: 20 are speculative, the other ten are delivered."""
    found = account_tax([bought("2025-06-02", 30, "100"), sold("2025-06-02", 20, "103")], [], {}, ZERODHA)
    (pair,) = found.speculative
    assert (pair.trade.quantity, pair.trade.cost, pair.trade.proceeds) == (20, 2000_00, 2060_00)
    assert [(lot.quantity, lot.cost) for lot in found.matched.lots] == [(10, 1000_00)]
    assert found.gains == ()
    # buy: brokerage 0.60, transaction 0.06 of 0.09, stamp 0.06 of 0.21, GST 0.11 of 0.12; sale: 0.62, 0.06 and GST 0.12
    assert pair.gain == 60_00 - (60 + 6 + 6 + 11) - (62 + 6 + 12)
    assert pair.trade.sale_charges.not_deducted == 1_00  # STT 0.025 % of 2,060 is 0.515, so 1 rupee


def test_20_partial_sells_take_the_oldest_lots_first() -> None:
    held = without_charges(
        [
            *(bought("2024-01-01", 10, "100.05"), bought("2024-02-01", 10, "110")),
            *(sold("2024-03-01", 3, "120"), sold("2024-04-01", 12, "130")),
        ]
    )
    taken = [(item.lot.acquired.isoformat()[5:7], item.quantity, item.lot.cost) for item in held.disposals if item.lot.acquired]
    assert taken == [("01", 3, 300_15), ("01", 7, 700_35), ("02", 5, 550_00)]
    assert [(lot.quantity, lot.cost) for lot in held.lots] == [(5, 550_00)]


@pytest.mark.parametrize(
    ("day", "gain", "dividend", "section"),
    [
        ("2024-09-30", "0.00", "0.00", "exempt"),
        ("2024-10-01", "-1000.00", "1500.00", "112A"),
        ("2026-03-31", "-1000.00", "1500.00", "112A"),
        ("2026-04-01", "500.00", "0.00", "198"),
    ],
)
def test_21_a_buyback_follows_the_rule_of_its_day(day: str, gain: str, dividend: str, section: str) -> None:
    (found,) = gains([bought("2022-05-02", 10, "100"), sold(day, 10, "150", buyback=True)])
    assert (to_rupees(found.gain), to_rupees(found.deemed_dividend), found.section) == (gain, dividend, section)
    assert ("buyback_rule_unsure" in found.doubts) is (section in {"exempt", "198"})


def test_22_delivery_charges_are_deducted_except_stt_dp_and_ipft() -> None:
    """The example of the fact sheet: 100 x 1,000 and 100 x 1,050 under the rates since 2026-03-01."""
    found = account_tax([bought("2026-03-10", 100, "1000"), sold("2026-03-20", 100, "1050")], [], {}, ZERODHA)
    (gain,) = found.gains
    assert gain.actual_cost == 100000_00 + 3_07 + 10 + 15_00 + 57  # transaction, SEBI, stamp, GST; STT of 100 is not
    assert gain.expenses == 3_22 + 11 + 60  # STT of 105 and DP of 15.34 are not
    assert gain.disposal.charges.not_deducted == 105_00
    assert gain.disposal.charges.doubtful == 15_34
    assert gain.gain == 105000_00 - 100018_74 - 3_93
    assert gain.doubts == ("doubtful_charges",)


def test_23_a_sale_without_its_purchase_is_reported_not_guessed() -> None:
    known, unknown = gains([bought("2024-01-01", 4, "100"), sold("2024-03-01", 10, "120")])
    assert (known.disposal.quantity, known.term) == (4, Term.SHORT)
    assert (unknown.disposal.quantity, unknown.term, unknown.rate) == (6, Term.UNKNOWN, None)
    assert unknown.doubts == ("purchase_unknown",)


def test_24_a_consolidation_to_no_share_keeps_the_cost_once() -> None:
    """5 shares at 100 become none. The 10 shares bought later are sold, split before: their cost is 1,200 and no more."""
    trades = [bought("2024-01-01", 5, "100"), bought("2024-05-01", 10, "120"), sold("2024-08-01", 20, "70")]
    acts = [action("consolidation", "2024-03-01", "1/10"), action("split", "2024-06-03", "2")]
    found = without_charges(trades, acts)
    assert [(lot.quantity, lot.cost, lot.doubts) for lot in found.lots] == [
        (0, 500_00, ("split_rule_unsure", "no_whole_share", "fraction_in_cash"))
    ]
    (gain,) = gains(trades, acts)
    assert line(gain) == ("short", "20.0", "1400.00", "1200.00", "200.00")
    assert "no_whole_share" in gain.doubts


def test_25_lots_without_a_share_join_the_one_that_has_it() -> None:
    found = without_charges(
        [bought("2024-01-01", 6, "100"), bought("2024-02-01", 4, "110")], [action("consolidation", "2024-03-01", "1/10")]
    )
    assert [(lot.quantity, lot.entry_quantity, lot.cost) for lot in found.lots] == [(1, 10, 1040_00)]


@pytest.mark.parametrize(("kind", "ratio"), [("bonus", "3/2"), ("split", "5/2"), ("consolidation", "1/2")])
def test_26_the_cash_for_a_fraction_is_marked_as_missing(kind: str, ratio: str) -> None:
    acts = [action(kind, "2024-03-01", ratio)]
    (odd, *_) = gains([bought("2024-01-01", 5, "100"), sold("2024-05-02", 1, "90")], acts)
    (even, *_) = gains([bought("2024-01-01", 6, "100"), sold("2024-05-02", 1, "90")], acts)
    assert ("fraction_in_cash" in odd.doubts, "fraction_in_cash" in even.doubts) == (True, False)


@pytest.mark.parametrize(
    ("kind", "ratio", "held", "cash", "parts", "left"),
    [
        ("bonus", "3/2", 5, "40", [("short", "40.00", "0.00")], [(5, 500_00), (2, 0)]),
        ("split", "5/2", 5, "40", [("short", "40.00", "20.00")], [(12, 480_00)]),  # half of 12.5 shares at 500: 20
        ("consolidation", "1/10", 5, "450", [("short", "450.00", "500.00")], []),
    ],
)
def test_26b_the_known_cash_for_a_fraction_is_a_sale(
    kind: str, ratio: str, held: int, cash: str, parts: list[tuple[str, str, str]], left: list[tuple[int, int]]
) -> None:
    act = action(kind, "2024-03-01", ratio, cash=to_paise(cash), held=held)
    found = without_charges([bought("2024-01-01", 5, "100")], [act])
    made = gains([bought("2024-01-01", 5, "100")], [act])
    assert [(str(gain.term), to_rupees(gain.proceeds), to_rupees(gain.cost)) for gain in made] == parts
    assert [(lot.quantity, lot.cost) for lot in found.lots] == left
    assert all("fraction_by_close" in gain.doubts and not gain.in_112a for gain in made)
    other = without_charges([bought("2024-01-01", 6, "100")], [replace(act, ratio=act.ratio / 7)])
    assert (other.disposals, "fraction_in_cash" in other.lots[0].doubts) == ((), True)


def test_26c_a_fraction_is_of_the_oldest_shares() -> None:
    """Lots of 3 and 6 become 0.9 shares of ten for three: the first has 0.9, the second 1.8; 0.7 are of the first."""
    act = action("consolidation", "2025-03-03", "3/10", cash=700_00, held=9)
    made = gains([bought("2024-01-01", 3, "100"), bought("2025-02-03", 6, "200")], [act])
    assert [line(gain) for gain in made] == [("long", "12.5", "700.00", "233.33", "466.67")]  # 300 x 0.7 / 0.9


def test_27_a_fraction_of_a_demerged_share_is_marked() -> None:
    (gain,) = gains(
        [bought("2022-05-02", 5, "2000"), sold("2024-01-10", 2, "230", instrument="JFS")],
        [action("demerger", "2023-07-20", "1/2", to="JFS", cost_moved=Fraction("0.0468"))],
    )
    assert (gain.cost, gain.doubts) == (468_00, ("fraction_in_cash",))


@pytest.mark.parametrize(("more", "doubts"), [(0, ()), (1, ("charges_differ",))])
@pytest.mark.parametrize("of", ["purchase", "sale"])
def test_28_other_stored_charges_mark_the_gain(of: str, more: int, doubts: tuple[str, ...]) -> None:
    """The table gives 118.74 for the purchase and 124.27 for the sale: see test 22. What is more is not deducted."""
    trades = [bought("2026-03-10", 100, "1000"), sold("2026-03-20", 100, "1050")]
    stored = {trades[0].trade_id: 118_74, trades[1].trade_id: 124_27}
    stored[trades[0 if of == "purchase" else 1].trade_id] += more
    (gain,) = account_tax(trades, [], {}, ZERODHA, stored).gains
    (usual,) = account_tax(trades, [], {}, ZERODHA).gains
    assert (gain.doubts, gain.gain) == ((*doubts, "doubtful_charges"), usual.gain)
    charges = gain.disposal.charges + gain.disposal.lot.charges
    assert charges.total == sum(stored.values())


def test_28b_stored_charges_below_the_table_are_deducted_less() -> None:
    trades = [bought("2026-03-10", 100, "1000"), sold("2026-03-20", 100, "1050")]
    stored = {trades[0].trade_id: 118_74 - 2_00, trades[1].trade_id: 124_27}
    (gain,) = account_tax(trades, [], {}, ZERODHA, stored).gains
    (usual,) = account_tax(trades, [], {}, ZERODHA).gains
    assert gain.gain - usual.gain == 2_00


def test_28c_charges_of_an_earlier_broker_have_its_lines() -> None:
    """Dhan charged the fills, and the account is at Zerodha now: no doubt, and Dhan's sale charges count. Buys cost the same."""
    trades = [bought("2026-03-10", 100, "1000"), sold("2026-03-20", 100, "1050")]
    at_dhan = account_tax(trades, [], {}, shipped("dhan"))
    stored = {day.instrument + str(day.session): day.lines.total for day in at_dhan.charges}
    charges = {trade.trade_id: stored[trade.instrument + str(trade.session)] for trade in trades}
    found = account_tax(trades, [], {}, ZERODHA, charges)
    assert found.gains == at_dhan.gains
    assert found.gains != account_tax(trades, [], {}, ZERODHA).gains
    assert [(day.table, day.difference) for day in found.charges] == [("Zerodha", 0), ("Dhan", 0)]


def test_29_bonus_shares_are_not_sold_before_their_allotment() -> None:
    """Held 10, and 10 bonus shares from 16 September: the sale of 12 on the 13th has only 10 shares to take."""
    given = action("bonus", "2024-09-12", "2", allotted=date(2024, 9, 16))
    trades = [bought("2023-01-02", 10, "80"), sold("2024-09-13", 12, "60")]
    known, unknown = gains(trades, [given])
    assert (known.disposal.quantity, known.doubts) == (10, ())
    assert (unknown.disposal.quantity, unknown.doubts) == (2, ("purchase_unknown", "bonus_not_allotted"))
    assert [(lot.origin, lot.quantity) for lot in without_charges(trades, [given]).lots] == [("bonus", 10)]


def test_30_shares_bought_before_the_allotment_go_first() -> None:
    given = action("bonus", "2024-09-12", "2", allotted=date(2024, 9, 16))
    found = gains([bought("2023-01-02", 10, "80"), bought("2024-09-13", 5, "45"), sold("2024-09-20", 15, "60")], [given])
    assert [(gain.disposal.quantity, gain.disposal.lot.origin, gain.cost) for gain in found] == [
        (10, "bought", 800_00),
        (5, "bought", 225_00),
    ]


@pytest.mark.parametrize(
    ("series", "speculative", "doubts"),
    [
        ("EQ", 20, ()),
        ("", 20, ("series_unknown",)),
        ("BE", 0, ()),
        ("BZ", 0, ()),
    ],
)
def test_31_trade_for_trade_shares_are_delivered(series: str, speculative: int, doubts: tuple[str, ...]) -> None:
    """Held 50 at 80; on one day 30 bought at 100 and 20 sold at 103. In BE and BZ the 20 are of the 50."""
    trades = [bought("2025-01-02", 50, "80"), bought("2025-06-02", 30, "100"), sold("2025-06-02", 20, "103")]
    found = account_tax([replace(trade, series=series) for trade in trades], [], {}, ZERODHA)
    assert [(item.trade.quantity, item.doubts) for item in found.speculative] == ([(20, doubts)] if speculative else [])
    held = [(lot.entry_price, lot.quantity) for lot in found.matched.lots]
    if speculative:
        assert (held, found.gains) == ([(80_00, 50), (100_00, 10)], ())
    else:
        assert held == [(80_00, 30), (100_00, 30)]
        (gain,) = found.gains
        assert (gain.term, gain.disposal.lot.cost, gain.proceeds) == (Term.SHORT, 1600_00, 2060_00)
    # STT: 0.1 % of 3,000 and 2,060; netted, 0.1 % of 1,000 and 0.025 % of 2,060, each rounded to the rupee
    assert found.charges[-1].lines.stt == (1_00 + 1_00 if speculative else 3_00 + 2_00)


def test_32_a_trade_for_trade_sale_never_takes_shares_of_its_day() -> None:
    """Held 5; 30 bought and 20 sold on one day in BE: 15 of the sold shares were bought earlier, and nothing records it."""
    trades = [bought("2025-01-02", 5, "80"), bought("2025-06-02", 30, "100"), sold("2025-06-02", 20, "103")]
    known, unknown = account_tax([replace(trade, series="BE") for trade in trades], [], {}, ZERODHA).gains
    assert (known.disposal.quantity, unknown.disposal.quantity) == (5, 15)
    assert "purchase_unknown" in unknown.doubts
    assert unknown.term is Term.UNKNOWN


def test_33_shares_of_the_day_before_may_be_sold() -> None:
    trades = [bought("2025-06-02", 30, "100"), sold("2025-06-03", 30, "103")]
    (gain,) = account_tax([replace(trade, series="BZ") for trade in trades], [], {}, ZERODHA).gains
    assert gain.disposal.lot.acquired == date(2025, 6, 2)
