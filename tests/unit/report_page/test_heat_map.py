"""The table of two settings of a sweep."""

from __future__ import annotations

import pytest

from tests.support.report_content import sweep_result
from tradectl.report_page.heat_map import HeatMap, heat_map


def table(*more: str, own: dict[str, str] | None = None) -> HeatMap:
    found = heat_map(sweep_result(*more)["settings"], own or {})
    assert found is not None
    return found


def test_the_setting_with_more_values_goes_down_in_numeric_order() -> None:
    found = table()
    assert (found.row_name, found.column_name, found.columns) == ("rsi_entry_above", "rsi_exit", ("50", "60"))
    assert [row for row, _ in found.rows] == ["9", "30", "100"]
    assert [[cell.net if cell else None for cell in cells] for _, cells in found.rows] == [
        [-2000_00, 0], [20000_00, 22000_00], [40000_00, 42000_00]
    ]  # fmt: skip
    assert [cell.shade if cell else "" for _, cells in found.rows for cell in cells] == ["l1", "zero", "g2", "g2", "g3", "g3"]
    assert found.others == 0


def test_a_cell_is_the_mean_over_a_third_setting() -> None:
    found = table("1", "2")
    assert found.others == 2
    assert [cell.net if cell else None for _, cells in found.rows for cell in cells][2] == 20000_50


def test_only_the_users_own_pair_is_marked() -> None:
    marked = [cell.own for _, cells in table(own={"rsi_entry_above": "30", "rsi_exit": "50"}).rows for cell in cells if cell]
    assert marked == [False, False, True, False, False, False]


def test_a_pair_that_was_not_tried_is_empty() -> None:
    settings = sweep_result()["settings"]
    found = heat_map(settings[1:], {})
    assert found is not None
    assert found.rows[0][1][0] is None


@pytest.mark.parametrize(("names", "columns"), [(("rsi_exit",), ("net",)), ((), None)])
def test_one_setting_has_one_column_and_none_has_no_table(names: tuple[str, ...], columns: tuple[str, ...] | None) -> None:
    settings = [
        {**item, "changes": {name: value for name, value in item["changes"].items() if name in names}}
        for item in sweep_result()["settings"]
    ]
    found = heat_map(settings, {})
    assert (found.columns if found else None) == columns
