"""Case 02: a fall of 80 % is explained only by an action whose factor fits it; `data check` names every symbol."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.cases.inputs import Tradectl, cases, home, tradectl

__all__ = ["cases", "home", "tradectl"]

UNEXPLAINED = "opening gaps that no corporate action explains"


def findings(tradectl: Tradectl) -> dict[str, list[str]]:
    found = tradectl("data", "check", "--no-indicators", "--json").object["result"]
    return {item["kind"]: item["examples"] for item in found if item["count"]}


def test_data_check_names_all_five(tradectl: Tradectl, cases: Path):
    folder = cases / "02-jump-masked"
    assert tradectl("data", "import", str(folder / "bars.csv"), str(folder / "actions.csv")).code == 0
    said = tradectl("data", "check", "--no-indicators")
    assert said.code == 0
    for symbol in ("AAA", "BBB", "CCC", "DDD", "EEE"):
        assert f"  {symbol} 2024-03-01: " in said.out
    found = findings(tradectl)
    assert [text.split()[0] for text in found[UNEXPLAINED]] == ["BBB", "CCC", "DDD", "EEE"]
    (read,) = found["share changes whose text has a corrected typing error"]
    assert read == "AAA 2024-03-01: 5 for 1 (Fv Splt Frm Rs 10 To Rs 2)"


def test_a_decision_settles_a_jump_and_survives_an_import(tradectl: Tradectl, cases: Path):
    folder = cases / "02-jump-masked"
    files = (str(folder / "bars.csv"), str(folder / "actions.csv"))
    tradectl("data", "import", *files)
    assert tradectl("data", "actions", "set", "BBB", "2024-03-01", "5", "--note", "seen on the site of BSE").code == 0
    assert tradectl("data", "actions", "ignore", "EEE", "2024-03-01").code == 0
    (wrong,) = [item for item in findings(tradectl)[UNEXPLAINED] if item.startswith("CCC")]
    assert "close 1000.00 on 2024-02-29, open 200.20, announced in actions.csv" in wrong
    assert tradectl("data", "import", *files, "--replace").code == 0
    assert [text.split()[0] for text in findings(tradectl)[UNEXPLAINED]] == ["CCC", "DDD"]
    listed = tradectl("data", "actions", "list", "--json").object["result"]
    assert [(item["symbol"], item["rule"]) for item in listed["open"]] == [(name, "unexplained_jump") for name in ("CCC", "DDD")]
    decided = [(item["symbol"], item["verdict"], item["ratio"], item["note"]) for item in listed["decisions"]]
    assert decided == [("BBB", "set", "5", "seen on the site of BSE"), ("EEE", "ignore", "", "")]
    assert tradectl("data", "actions", "undo", "BBB", "2024-03-01").code == 0
    assert [text.split()[0] for text in findings(tradectl)[UNEXPLAINED]] == ["BBB", "CCC", "DDD"]


def test_a_wrong_decision_is_refused_in_one_line(tradectl: Tradectl, cases: Path):
    folder = cases / "02-jump-masked"
    tradectl("data", "import", str(folder / "bars.csv"), str(folder / "actions.csv"))
    for words, message in (
        (("set", "BBB", "2024-03-01", "5:1"), "'5:1' is not a ratio"),
        (("set", "BBB", "2024-03-01", "0"), "'0' cannot be a ratio"),
        (("set", "BBB", "2024-03-01", "1"), "'1' cannot be a ratio"),
        (("set", "BBB", "2024-03-03", "5"), "2024-03-03 is no session of the exchange"),
        (("set", "NOPE", "2024-03-01", "5"), "NOPE is unknown"),
        (("undo", "BBB", "2024-03-01"), "there is no decision about BBB on 2024-03-01"),
    ):
        said = tradectl("data", "actions", *words)
        assert said.code == 2
        assert message in said.err
        assert len(said.err.splitlines()) == 1
