"""One small file of each known kind, and the ways in which programs and people spell the same file."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Known:
    """A file as its source writes it. `symbols`, `prices`, `counts`, `dates` and `words` name the columns that may be spelled
    otherwise; `series` is the column that a suffix of the symbol must fit. A `fixed` file keeps the order of its columns."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    symbols: Sequence[str] = ()
    prices: Sequence[str] = ()
    counts: Sequence[str] = ()
    dates: Sequence[str] = ()
    words: Sequence[str] = ()
    series: str = ""
    fixed: bool = False


OHLC = ("open", "high", "low", "close")
_BARS = [
    ["2024-01-15", "ACME", "EQ", "1234.50", "1250.05", "1200.00", "1240.00", "1234567"],
    ["2024-01-16", "ACME", "EQ", "1240.00", "1244.00", "1230.10", "1231.00", "900"],
    ["2024-01-15", "M&M", "BE", "99.95", "100.10", "99.00", "99.05", "0"],
    ["2024-01-16", "BAJAJ-AUTO", "EQ", "12345.00", "12345.00", "12300.00", "12301.50", "98765"],
]
_MINUTES = [
    ["2024-01-15 09:15:00", "100.05", "1100.10", "100.00", "100.00", "1234"],
    ["2024-01-15 09:16:00", "100.00", "100.00", "99.00", "99.50", "0"],
    ["2024-01-15 15:29:00", "99.50", "99.50", "99.50", "99.50", "77"],
    ["2024-01-16 09:15:00", "99.00", "99.50", "99.00", "99.10", "12345"],
]
_UDIFF = ("TradDt", "Sgmt", "Src", "TckrSymb", "SctySrs", "OpnPric", "HghPric", "LwPric", "ClsPric", "TtlTradgVol")
_KITE = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "tick_size", "lot_size", "segment", "exchange",
)  # fmt: skip
_UPSTOX = (
    "segment", "name", "isin", "instrument_type", "instrument_key", "lot_size", "exchange_token", "tick_size", "symbol",
    "underlying_symbol", "download_date",
)  # fmt: skip

KNOWN: Mapping[str, Known] = {
    "daily": Known(
        "x.csv", ("date", "symbol", "series", *OHLC, "volume"), _BARS,
        ("symbol",), OHLC, ("volume",), ("date",), ("series",), "series",
    ),
    "daily-provisional": Known(
        "x.csv", ("date", "symbol", "series", *OHLC, "volume", "provisional"),
        [[*row, str(at % 2)] for at, row in enumerate(_BARS)],
        ("symbol",), OHLC, ("volume",), ("date",), ("series",), "series",
    ),
    "history-archive": Known(
        "archive.csv",
        ("Symbol", "Series", "Date", "Prev Close", "Open Price", "High Price", "Low Price", "Last Price", "Close Price",
         "Total Traded Quantity"),
        [[row[1], row[2], row[0], "1.00", *row[3:6], "2.00", *row[6:]] for row in _BARS],
        ("Symbol",), ("Open Price", "High Price", "Low Price", "Close Price"), ("Total Traded Quantity",), ("Date",), ("Series",),
        "Series",
    ),
    "history-quote-page": Known(
        "Quote-Equity-ACME-EQ-01-01-2024-to-31-01-2024.csv",
        ("Date ", "series ", "OPEN ", "HIGH ", "LOW ", "PREV. CLOSE ", "ltp ", "close ", "vwap ", "52W H", "52W L",
         "VOLUME ", "VALUE "),
        [[row[0], row[2], *row[3:6], "1.00", "2.00", row[6], "3.00", "4.00", "5.00", row[7], "6.00"] for row in _BARS[:2]],
        (), ("OPEN ", "HIGH ", "LOW ", "close "), ("VOLUME ",), ("Date ",), ("series ",),
    ),
    "bhavcopy-cm": Known(
        "cm.csv", ("SYMBOL", "SERIES", "OPEN", "HIGH", "LOW", "CLOSE", "LAST", "PREVCLOSE", "TOTTRDQTY", "TIMESTAMP", ""),
        [[row[1], row[2], *row[3:7], "1.00", "2.00", row[7], row[0], ""] for row in _BARS if row[0].endswith("15")],
        ("SYMBOL",), ("OPEN", "HIGH", "LOW", "CLOSE"), ("TOTTRDQTY",), ("TIMESTAMP",), ("SERIES",), "SERIES", fixed=True,
    ),
    "bhavcopy-sec-full": Known(
        "sec.csv",
        ("SYMBOL", " SERIES", " DATE1", " OPEN_PRICE", " HIGH_PRICE", " LOW_PRICE", " CLOSE_PRICE",
         " TTL_TRD_QNTY", " DELIV_QTY"),
        [[row[1], row[2], row[0], *row[3:8], "-"] for row in _BARS if row[0].endswith("15")],
        ("SYMBOL",), (" OPEN_PRICE", " HIGH_PRICE", " LOW_PRICE", " CLOSE_PRICE"), (" TTL_TRD_QNTY",), (" DATE1",), (" SERIES",),
        " SERIES",
    ),
    "bhavcopy-udiff": Known(
        "udiff.csv", (*_UDIFF, "Rsvd1"),
        [
            *([row[0], "CM", "NSE", *row[1:], ""] for row in _BARS if row[0].endswith("15")),
            ["2024-01-15", "CM", "NSE", "BOND", "GS", "10.1234", "11", "9", "10", "5", ""],
        ],
        ("TckrSymb",), ("OpnPric", "HghPric", "LwPric", "ClsPric"), ("TtlTradgVol",), ("TradDt",), ("SctySrs", "Sgmt", "Src"),
        "SctySrs",
    ),
    "minute": Known("ACME.csv", ("datetime", *OHLC, "volume"), _MINUTES, (), OHLC, ("volume",)),
    "minute-kite": Known(
        "ACME.csv", ("date", *OHLC, "volume"), [[f"{row[0]}+05:30", *row[1:]] for row in _MINUTES], (), OHLC, ("volume",)
    ),
    "minute-of-many": Known(
        "gdfl.csv", ("Ticker", "Date", "Time", *OHLC, "Volume"),
        [[name, *row[0].split(), *row[1:]] for name in ("ACME", "M&M") for row in _MINUTES],
        ("Ticker",), OHLC, ("Volume",), ("Date",),
    ),
    "index-list": Known(
        "ind_nifty50list.csv", ("Company Name", "Industry", "Symbol", "Series", "ISIN Code"),
        [["Acme, Beta & Co", "Chem", "ACME", "EQ", "INE000A01011"], ['M & M "old"', "Auto", "M&M", "EQ", "INE000A01029"]],
        ("Symbol",), words=("Series", "ISIN Code"), series="Series",
    ),
    "securities": Known(
        "EQUITY_L.csv", ("SYMBOL", "NAME OF COMPANY", " SERIES", " DATE OF LISTING", " ISIN NUMBER"),
        [["ACME", "Acme, Limited", "EQ", "2008-10-06", "INE000A01011"], ["M&M", "M & M", "BE", "1996-01-03", "INE000A01029"]],
        ("SYMBOL",), dates=(" DATE OF LISTING",), words=(" SERIES", " ISIN NUMBER"), series=" SERIES",
    ),
    "renames": Known(
        "changes.csv", ("company", "old", "new", "date"),
        [["Acme, Ltd", "OLD", "NEW", "2024-01-15"], ["Beta", "B-OLD", "B&NEW", "2019-10-30"],
         ["Beta 2", "OLD", "NEW", "2024-01-15"]],
        ("old", "new"), dates=("date",),
    ),
    "corporate-actions": Known(
        "actions.csv", ("symbol", "series", "ex_date", "subject"),
        [
            ["ACME", "EQ", "2024-01-15", "Bonus 1:1"],
            ["M&M", "BE", "2024-01-16", "Interim Dividend - Rs 1,100 Per Share"],
            ["ACME", "N1", "2024-01-16", "Interest"],
            ["ACME", "EQ", "2024-01-15", "Bonus 1:1"],
        ],
        ("symbol",), dates=("ex_date",), words=("series",), series="series",
    ),
    "kite-instruments": Known(
        "kite_2024-01-16.csv", _KITE,
        [
            ["257", "1", "ACME", "ACME LTD", "0.05", "1", "NSE", "NSE"],
            ["513", "2", "BETA-BE", "BETA, LTD", "0.01", "1", "NSE", "NSE"],
            ["769", "3", "BAJAJ-AUTO", "BAJAJ AUTO", "0.1", "1", "NSE", "NSE"],
            ["1025", "4", "GOLD-GB", "GOLD", "0.01", "1", "NSE", "NSE"],
            ["1", "7", "ACME24JANFUT", "ACME", "0.05", "400", "NFO-FUT", "NFO"],
        ],
        (), ("tick_size",), ("lot_size",), words=("segment", "exchange", "tradingsymbol"),
    ),
    "upstox-instruments": Known(
        "upstox.csv", _UPSTOX,
        [
            ["NSE_EQ", "ACME LTD", "INE000A01011", "EQ", "k", "1.0", "1", "10.0", "ACME", "", "2026-04-17"],
            ["NSE_EQ", "M, M", "INE000A01029", "BE", "k", "1.0", "2", "1.0", "M&M", "", "2026-04-17"],
            ["NSE_EQ", "X", "Y", "SG", "k", "1.0", "2", "1.0", "BOND", "", "2026-04-17"],
        ],
        ("symbol",), counts=("lot_size", "tick_size"), dates=("download_date",), words=("segment", "instrument_type", "isin"),
        series="instrument_type",
    ),
    "underlyings": Known(
        "fo.csv", ("TradDt", "Sgmt", "FinInstrmTp", "TckrSymb", "NewBrdLotQty"),
        [["2024-01-15", "FO", kind, f"S{at}", str(lot)] for at in range(100) for kind, lot in (("STF", 4000), ("STO", 500 + at))],
        ("TckrSymb",), dates=("TradDt",), words=("Sgmt", "FinInstrmTp"),
    ),
    "surveillance": Known(
        "watched.csv", ("dated", "measure", "symbol", "isin", "stage"),
        [["2024-01-15", "gsm", "ACME", "INE001A01011", "I"], ["2024-01-15", "asm_long", "M&M", "INE101A01026", "IV"],
         ["2024-01-15", "esm", "BAJAJ-AUTO", "INE917I01010", "II"]],
        ("symbol",), dates=("dated",), words=("measure", "isin", "stage"),
    ),
    "trading-days": Known("days.csv", ("date",), [["2024-01-15"], ["2024-01-16"], ["2024-01-17"]], dates=("date",), fixed=True),
}  # fmt: skip


def plain(known: Known) -> bytes:
    """Return the file in its plainest spelling: commas, quotes where needed, UTF-8."""
    return "".join(f"{','.join(_quoted(cell, ',') for cell in row)}\n" for row in (known.header, *known.rows)).encode()


def otherwise(known: Known, random: Random) -> tuple[str, bytes]:
    """Return a name and a content that mean the same: rows, columns, quotes, capitals, groups, symbols, dates, packing."""
    delimiter = random.choice(",,;\t")
    order = list(range(len(known.header)))
    if not known.fixed:
        random.shuffle(order)
    rows = [_respelled(known, row, random, delimiter) for row in random.sample(list(known.rows), len(known.rows))]
    header = [_padded(random.choice((str, str.upper, str.lower, str.title))(name), random) for name in known.header]
    always = random.random() < 0.3
    end, tail = random.choice(("\n", "\r\n", "\r")), random.choice(("", "", delimiter))
    lines = []
    for row in (header, *rows):
        lines.append(delimiter.join(_quoted(row[at], delimiter, always or random.random() < 0.2) for at in order) + tail)
        if len(lines) > 1 and random.random() < 0.1:
            lines.append("")
    text = end.join(lines) + random.choice(("", end))
    encoding = random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16"))
    return _packed(known.name, text.encode(encoding), random)


def _respelled(known: Known, row: Sequence[str], random: Random, delimiter: str) -> list[str]:
    cells = dict(zip(known.header, row, strict=True))
    for name in known.symbols:
        series = cells[known.series].upper() if known.series else "EQ"
        cells[name] = _symbol(cells[name], series, random)
    for name in known.words:
        cells[name] = _padded(random.choice((str.upper, str.lower))(cells[name]), random)
    for name in known.prices:
        cells[name] = _grouped(cells[name], random) if delimiter == "," or "." in cells[name] else cells[name]
    for name in known.counts:
        cells[name] = _grouped(cells[name], random)
    for name in known.dates:
        cells[name] = _date(date.fromisoformat(cells[name]), random)
    return list(cells.values())


def _symbol(symbol: str, series: str, random: Random) -> str:
    suffix = random.choice(("", "", ".NS", f"-{series}" if series in {"EQ", "BE", "BZ"} else ""))
    word = random.choice(("", "", "NSE:")) + symbol + suffix
    return _padded(random.choice((str.upper, str.lower, str.title))(word), random)


def _padded(text: str, random: Random) -> str:
    return random.choice(("", "", " ")) + text + random.choice(("", "", " ", "\u00a0"))


def _grouped(number: str, random: Random) -> str:
    """Digits in groups of three, or as India groups them."""
    whole, point, parts = number.partition(".")
    if not random.getrandbits(1) or len(whole) < 4:
        return number
    head, last = whole[:-3], whole[-3:]
    size = random.choice((2, 3))
    groups: list[str] = []
    while head:
        groups.insert(0, head[-size:])
        head = head[:-size]
    return ",".join((*groups, last)) + point + parts


def _date(day: date, random: Random) -> str:
    month = random.choice((str, str.upper, str.lower))(MONTHS[day.month - 1])
    forms = (
        day.isoformat(),
        f"{day.day:02d}-{month}-{day.year}",
        f"{day.day}-{month}-{day:%y}",
        f"{day:%Y%m%d}",
        f"{day:%Y/%m/%d}",
    )
    return random.choice(forms)


def _quoted(cell: str, delimiter: str, always: bool = False) -> str:
    if not always and not any(character in cell for character in (delimiter, '"', "\n")):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _packed(name: str, content: bytes, random: Random) -> tuple[str, bytes]:
    packing = random.choice(("", "", "gz", "zip", "macos"))
    if packing == "gz":
        return f"{name}.gz", gzip.compress(content)
    if not packing:
        return name, content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
        if packing == "macos":
            archive.writestr(f"__MACOSX/._{name}", b"\x00\x05\x16\x07")
            archive.writestr(".DS_Store", b"\x00")
    return f"{name}.zip", buffer.getvalue()
