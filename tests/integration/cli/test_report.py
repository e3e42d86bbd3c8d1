"""`report`: the period that its options select, its formats, and its files."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import stat
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.integration.cli.conftest import Tradectl
from tests.integration.research.world import EAGER
from tests.support.kept_simulation import kept_simulation_in


@pytest.fixture(scope="session")
def kept_simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_simulation_in(tmp_path_factory)


@pytest.fixture
def kept(kept_simulation: Path, home: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept_simulation / "home", home)
    return shutil.copytree(kept_simulation / "kept", tmp_path / "kept")


def test_a_simulation_without_a_period_is_reported_whole(tradectl: Tradectl, kept: Path) -> None:
    found = tradectl("report", "--simulation", str(kept), "--json").object["result"]
    assert found["source"] == "simulation"
    assert found["sessions"] == 22
    assert found["trades"], "nothing was traded, so nothing is shown"
    page = Path(found["file"])
    assert (page.parent, page.stat().st_size) == (kept, found["bytes"])
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_terminal_has_a_summary_and_the_path(tradectl: Tradectl, kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "page.html"
    said = tradectl("report", "--simulation", str(kept), "--out", str(out))
    assert said.out.splitlines()[-1] == f"report: {out}"
    assert "█" in said.out
    assert out.is_file()


def test_formats_have_the_same_trades(tradectl: Tradectl, kept: Path) -> None:
    words = ("report", "--simulation", str(kept), "--format")
    object_ = json.loads(tradectl(*words, "json").out)
    assert all(len(str(month["growth"])) <= 7 for month in object_["months"])  # four decimals, as in `--json`
    rows = list(csv.DictReader(io.StringIO(tradectl(*words, "csv").out)))
    wanted = [(row["symbol"], row["net"]) for row in (*object_["trades"], *object_["held"])]
    assert [(row["symbol"], row["net"]) for row in rows] == wanted
    table = [line for line in tradectl(*words, "md").out.splitlines() if line.startswith("| SYM")]
    assert [(line.split(" | ")[0].removeprefix("| "), line.split(" | ")[8]) for line in table] == wanted


def test_a_workbook_has_the_figures_as_numbers(tradectl: Tradectl, kept: Path, tmp_path: Path) -> None:
    words = ("report", "--simulation", str(kept))
    found = tradectl(*words, "--json").object["result"]
    assert tradectl(*words, "--out", str(tmp_path / "made.xlsx")).code == 0
    book = load_workbook(tmp_path / "made.xlsx")
    assert book.sheetnames == ["summary", "trades", "fills", "days", "charges", "skipped"]
    sheets = {name: list(book[name].iter_rows()) for name in book.sheetnames}
    assert {cell.data_type for rows in sheets.values() for row in rows for cell in row} <= {"s", "n", "d", "b"}
    columns = {name: {cell.value: place for place, cell in enumerate(rows[0])} for name, rows in sheets.items()}

    def total(sheet: str, column: str) -> str:
        cells = [row[columns[sheet][column]] for row in sheets[sheet][1:]]
        assert {cell.number_format for cell in cells} == {"0.00"}
        return f"{sum(Decimal(str(cell.value)) for cell in cells):.2f}"

    assert total("charges", "amount") == total("fills", "charges") == total("days", "charges") == found["charges"]
    assert total("days", "change") == found["result"]
    nets = sum(Decimal(row["net"]) for row in (*found["trades"], *found["held"]))
    assert (total("trades", "net"), len(sheets["trades"]) - 1) == (f"{nets:.2f}", len(found["trades"]) + len(found["held"]))
    summary = {row[0].value: next((cell.value for cell in row[1:] if cell.value is not None), None) for row in sheets["summary"]}
    assert (f"{summary['result']:.2f}", summary["closed trades"]) == (found["result"], len(found["trades"]))
    assert min(found["skipped"], 400) == len(sheets["skipped"]) - 1


def test_a_period_has_its_own_sessions_and_trades(tradectl: Tradectl, kept: Path) -> None:
    def report(*words: str) -> dict[str, object]:
        found = json.loads(tradectl("report", "--simulation", str(kept), "--format", "json", *words).out)
        assert isinstance(found, dict)
        return found

    whole = report()
    days = whole["days"]
    assert isinstance(days, list)
    last = days[-1]["session"]
    one = report("--session", last)
    assert (one["from"], one["to"], one["days"]) == (last, last, days[-1:])
    month = report("--month", last[:7])
    assert month["days"] == [day for day in days if day["session"].startswith(last[:7])]
    year = report("--year", last[:4])
    assert year["days"] == days
    assert report("--year", "2019-20")["days"] == [day for day in days if day["session"] >= "2019-04-01"]
    late = report("--from", days[3]["session"], "--to", days[5]["session"])
    assert late["days"] == days[3:6]
    assert report("--from", days[3]["session"])["days"] == days[3:]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--session", "2019-02-30"), "is not a date"),
        (("--month", "2019-13"), "is not a month: write YYYY-MM"),
        (("--month", "19-01"), "is not a month"),
        (("--year", "2019-21"), "is not a year: write YYYY, or YYYY-YY"),
        (("--year", "0000"), "is not a year"),
        (("--month", "2019-01", "--year", "2019"), "--month and --year: choose one period"),
        (("--session", "2019-01-02", "--to", "2019-01-03"), "--session and --from: choose one period"),
        (("--from", "2019-01-03", "--to", "2019-01-02"), "--to 2019-01-02 is before --from 2019-01-03"),
        (("--format", "pdf"), "a format is one of html, md, json, csv, xlsx, png"),
        (("--format", "csv", "--open"), "--open needs the format html"),
        (("--simulation", "/nowhere"), "/nowhere has no simulation"),
    ],
)
def test_a_wrong_option_is_a_usage_error(tradectl: Tradectl, words: tuple[str, ...], text: str) -> None:
    said = tradectl("report", *words)
    assert (said.code, said.out) == (2, "")
    assert text in said.err


def test_a_file_that_cannot_be_written_is_named(tradectl: Tradectl, kept: Path) -> None:
    said = tradectl("report", "--simulation", str(kept), "--out", str(kept / "ledger.db" / "page.html"))
    assert said.code == 4
    assert "page.html cannot be written" in said.err


def test_a_new_home_has_an_empty_report(tradectl: Tradectl, home: Path) -> None:
    found = tradectl("report", "--json").object["result"]
    assert (found["trades"], found["sessions"], found["result"]) == ([], 0, "0.00")
    assert Path(found["file"]).parent == home / "reports"


def test_the_folder_of_reports_is_a_setting(tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    folder_of_reports(home, tmp_path / "elsewhere")
    found = tradectl("report", "--session", "2023-07-21", "--json").object["result"]
    assert Path(found["file"]) == tmp_path / "elsewhere" / "me-2023-07-21.html"


def folder_of_reports(home: Path, folder: Path) -> None:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'report_folder = "{folder}"\n', encoding="utf-8")


def test_eod_writes_the_report_of_its_session(tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    folder_of_reports(home, tmp_path / "elsewhere")
    tradectl("--at", "2023-07-21 16:00", "status")
    assert tradectl("--at", "2023-07-21 18:00", "eod").code == 0
    page = tmp_path / "elsewhere" / "me-2023-07-21.html"
    assert "Friday, 21 July 2023" in page.read_text(encoding="utf-8")
    said = tradectl("--at", "2023-07-21 18:10", "logs", "--action", "report_written", "--json").object["result"]
    assert [line["message"] for line in said] == [f"the report of 2023-07-21 is {page}"]


def test_a_report_that_cannot_be_written_does_not_stop_eod(tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder_of_reports(home, tmp_path / "file" / "reports")
    tradectl("--at", "2023-07-21 16:00", "status")
    assert tradectl("--at", "2023-07-21 18:00", "eod").code == 0
    said = tradectl("--at", "2023-07-21 18:10", "logs", "--level", "warning", "--json").object["result"]
    assert "cannot be written" in next(line["message"] for line in said if line["action"] == "report_not_written")


def outbox(home: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        return list(ledger.execute("SELECT title, body, picture FROM outbox WHERE kind = 'daily_summary' ORDER BY id"))


def test_eod_queues_a_picture_of_the_day_once(tradectl: Tradectl, home: Path) -> None:
    tradectl("--at", "2023-07-21 16:00", "status")
    assert tradectl("--at", "2023-07-21 16:01", "config", "set", "notify.picture", "on").code == 0
    for words in (("eod",), ("eod", "--force")):
        assert tradectl("--at", "2023-07-21 18:00", *words).code == 0
    [(summary, _, no_picture), (title, _, picture)] = outbox(home)
    assert (summary, no_picture) == ("tradectl 2023-07-21", "")
    assert (title, picture) == ("tradectl 2023-07-21: picture of the day", str(home / "reports" / "me-2023-07-21.png"))
    assert Path(picture).read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_drawn_is_reported_once(tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder_of_reports(home, tmp_path / "file" / "reports")
    tradectl("--at", "2023-07-21 16:00", "status")
    assert tradectl("--at", "2023-07-21 16:01", "config", "set", "notify.picture", "on").code == 0
    for words in (("eod",), ("eod", "--force")):
        assert tradectl("--at", "2023-07-21 18:00", *words).code == 0
    [(summary, _, _), (title, text, picture)] = outbox(home)
    assert (summary, title, picture) == ("tradectl 2023-07-21", "No picture of the day", "")
    assert "the picture of 2023-07-21 was not drawn" in text


def test_eod_writes_no_report_without_the_setting(tradectl: Tradectl, home: Path) -> None:
    tradectl("--at", "2023-07-21 16:00", "status")
    assert tradectl("--at", "2023-07-21 18:00", "eod").code == 0
    assert not (home / "reports").exists()


def test_a_page_of_a_backtest_has_the_figures_of_the_backtest(tradectl: Tradectl, kept: Path, tmp_path: Path) -> None:
    page = tmp_path / "backtest.html"
    eager = [word for name, value in EAGER.items() for word in ("--set", f"{name}={value}")]
    words = ("backtest", "all", "--from", "2019-01-01", "--portfolio", "--capital", "1000000", "--look-ahead", "0", *eager)
    found = tradectl(*words, "--report", str(page), "--json").object["result"]
    assert found["report"] == str(page)
    assert found["trades"], "nothing was traded, so nothing is shown"
    data = json.loads(page.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0])
    assert [[day, f"{equity / 100:.2f}"] for day, equity in zip(data["days"], data["equity"], strict=True)] == found["curve"]
    closed = [row for row in data["trades"] if row[3]]
    assert sorted(f"{row[10] / 100:.2f}" for row in closed) == sorted(row["net"] for row in found["trades"])
    assert len(data["trades"]) - len(closed) == found["open_total"]["lots"]
    assert f"{100 * found['figures']['drawdown']:.1f}" in f"{-100 * min(data['drawdown']):.4f}"
    assert list(data["benchmarks"]) == ["Buy and hold all"]


def test_a_report_of_symbols_alone_has_trades_and_no_equity(tradectl: Tradectl, kept: Path, tmp_path: Path) -> None:
    eager = [word for name, value in EAGER.items() for word in ("--set", f"{name}={value}")]
    words = ("backtest", "all", "--from", "2019-01-01", "--look-ahead", "0", *eager)
    found = tradectl(*words, "--report", str(tmp_path / "alone.html"), "--json").object["result"]
    page = (tmp_path / "alone.html").read_text(encoding="utf-8")
    assert "Net of closed trades" in page
    assert ">Growth<" not in page
    assert "eod</code> writes" not in page
    closed = [row for row in json.loads(page.split('id="data">')[1].split("</script>")[0])["trades"] if row[3]]
    assert sorted(f"{row[10] / 100:.2f}" for row in closed) == sorted(row["net"] for row in found["trades"]) != []


def test_a_report_of_a_backtest_has_every_format(tradectl: Tradectl, kept: Path, tmp_path: Path) -> None:
    assert tradectl("backtest", "all", "--report", str(tmp_path / "page.pdf")).code == 2
    words = ("backtest", "all", "--from", "2019-01-01", "--to", "2019-03-29", "--look-ahead", "0")
    for form in ("md", "csv", "json", "xlsx", "png"):
        file = tmp_path / f"alone.{form}"
        assert tradectl(*words, "--report", str(file)).code == 0
        assert file.stat().st_size > 0


def test_a_page_of_a_sweep_has_each_pair_of_its_two_settings(tradectl: Tradectl, kept: Path, tmp_path: Path) -> None:
    page = tmp_path / "sweep.html"
    axes = ("--set", "rsi_entry_above=40,45", "--set", "rsi_exit=50,55,60")
    words = ("sweep", "--universe", "all", "--from", "2019-01-01", "--rules-only", "--draws", "100", "--jobs", "1", *axes)
    found = tradectl(*words, "--report", str(page), "--json").object["result"]
    assert found["report"] == str(page)
    cells = re.findall(r'<td class="n \w+" title="([^"]*), \d+ trades">', page.read_text(encoding="utf-8"))
    nets = sorted(float(text.replace(",", "").replace("−", "-")) for text in cells)
    assert nets == sorted(float(row["net"]) for row in found["settings"])
    for form in ("csv", "xlsx", "json", "md"):
        assert tradectl(*words, "--report", str(tmp_path / f"sweep.{form}")).code == 0
    rows = list(csv.DictReader((tmp_path / "sweep.csv").read_text(encoding="utf-8").splitlines()))
    wanted = [(row["changes"]["rsi_exit"], row["net"]) for row in found["settings"]]
    assert [(row["rsi_exit"], row["net"]) for row in rows] == wanted
    head, *cells_of = load_workbook(tmp_path / "sweep.xlsx")["settings"].iter_rows(values_only=True)
    assert [f"{row[head.index('net')]:.2f}" for row in cells_of] == [net for _, net in wanted]
    assert len(json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))["settings"]) == len(wanted)
    assert (tmp_path / "sweep.md").read_text(encoding="utf-8").startswith(f"# Sweep of {len(wanted)} settings")
    assert tradectl(*words, "--report", str(tmp_path / "sweep.png")).code == 2


@pytest.mark.slow
def test_the_demo_ends_with_a_report(tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    page = tmp_path / "demo.html"
    said = tradectl("demo", "--report", str(page), "--json").object
    assert said["exit_code"] == 0
    assert said["result"]["report"] == str(page)
    data = json.loads(page.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0])
    assert len(data["days"]) == said["result"]["simulation"]["sessions"] == 20
    closed = [f"{row[10] / 100:.2f}" for row in data["trades"] if row[3]]
    assert sorted(closed) == sorted(trade["net"] for trade in said["result"]["simulation"]["trades"])
    assert list(data["benchmarks"]) == ["Buy and hold demo"]
    assert not home.exists(), "the demo leaves the user's home alone"
