"""Read files of candles: Binance's 12-column CSV, plain, in .gz or .zip, and Parquet; times in ms or µs.

A file is taken whole or refused: `KlinesInvalid` names the line and says what to do. What is done with the candles
afterwards is not decided here.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from exchange.api.types import Int64Array, Klines
from exchange.klines import intervals
from exchange.klines.arrow import column_array
from exchange.klines.checks import BadRow, RowProblem, check_text_row, first_bad_row
from exchange.klines.series import COLUMNS, FullKlines, KlinesInvalid

CSV_COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_base",
    "taker_quote",
    "ignore",
)
_TEXT = {"open_time": pa.int64(), "close_time": pa.int64(), "ignore": pa.string()}
_TYPES = {name: _TEXT.get(name, pa.float64()) for name in CSV_COLUMNS}
# Names that others give the columns in Parquet files and pandas frames.
_ALIASES = {
    "date": "open_time",
    "timestamp": "open_time",
    "opentime": "open_time",
    "closetime": "close_time",
    "quote_asset_volume": "quote_volume",
    "number_of_trades": "trades",
    "count": "trades",
    "taker_buy_base_asset_volume": "taker_base",
    "taker_buy_base_volume": "taker_base",
    "taker_buy_volume": "taker_base",
    "taker_buy_quote_asset_volume": "taker_quote",
    "taker_buy_quote_volume": "taker_quote",
}
_MICROSECONDS_FROM = 100_000_000_000_000  # 1e14: the year 5138 in ms, 1973 in µs
_NAME = re.compile(r"^([A-Z0-9]{2,20})-(\d{1,2}[smhdwM])(?=[-.]|$)")


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file's candles, whose they are, and how many identical repetitions were dropped."""

    path: str
    symbol: str
    klines: FullKlines
    duplicates: int


def symbol_and_interval_from_name(path: str | Path) -> tuple[str | None, str | None]:
    """Return ('BTCUSDT', '1m') for `…/BTCUSDT-1m-2024-01.csv.gz`, and (None, None) if the name tells neither."""
    match = _NAME.match(Path(path).name)
    if not match or not intervals.is_interval(match[2]):
        return None, None
    return match[1], match[2]


def read_file(path: str | Path, symbol: str | None = None, interval: str | None = None) -> Klines:
    """Return the candles of a file. Symbol and interval come from its name unless given.

    Raises `KlinesInvalid`, naming the file and line and what to do, when anything in it cannot be meant.
    """
    return read_report(path, symbol, interval).klines


def read_report(path: str | Path, symbol: str | None = None, interval: str | None = None) -> FileReport:
    """Return the candles as `read_file` does, the symbol, and the number of identical rows that were dropped."""
    path = Path(path)
    named_symbol, named_interval = symbol_and_interval_from_name(path)
    symbol, interval = symbol or named_symbol, interval or named_interval
    if not symbol or not interval:
        raise KlinesInvalid(
            f"{path}: the name does not say symbol and interval as BTCUSDT-1h-….csv does; give --symbol and --interval "
            f"(or FILE@BTCUSDT:1h)"
        )
    if not intervals.is_interval(interval):
        raise KlinesInvalid(f"there is no interval {interval!r}; use one of {' '.join(intervals.INTERVALS)}")
    content = _content(path)
    if content[:4] == b"PAR1":
        table, text, skipped = _parquet_table(path, content), None, 0
    else:
        skipped = _header_lines(path, content)
        table, text = _csv_table(path, content, skipped, interval), content
    klines, duplicates = _checked(path, table, interval, text, skipped)
    return FileReport(str(path), symbol, klines, duplicates)


def _content(path: Path) -> bytes:
    """Return the bytes inside the file, decompressed by what they are, whatever its name is."""
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            return gzip.decompress(raw)
        if raw[:4] == b"PK\x03\x04":
            return _only_member(path, raw)
        return raw
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise KlinesInvalid(f"{path}: damaged ({error}); fetch it again") from error
        raise KlinesInvalid(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except (EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise KlinesInvalid(f"{path}: damaged ({error}); fetch it again") from error


def _only_member(path: Path, raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise KlinesInvalid(f"{path}: holds {len(names)} files; unpack it and give them one by one")
        return archive.read(names[0])


def _header_lines(path: Path, content: bytes) -> int:
    """Return 1 if the first line is a header, that is if none of its fields is a number."""
    first = content.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    if not first:
        raise KlinesInvalid(f"{path}: line 1: empty; a file of candles begins with a candle or a header")
    return 0 if re.search(r"(^|,)\s*[\"']?[-+]?\.?\d", first) else 1


def _csv_table(path: Path, content: bytes, skipped: int, interval: str) -> pa.Table:
    try:
        return pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(column_names=CSV_COLUMNS, skip_rows=skipped),
            convert_options=pyarrow.csv.ConvertOptions(column_types=_TYPES, null_values=[], strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if len(content.splitlines()) <= skipped:
            raise KlinesInvalid(f"{path}: holds no candles; give a file that does") from error
        raise _named(path, _first_bad_line(content, skipped, interval), str(error)) from error


def _first_bad_line(content: bytes, skipped: int, interval: str) -> BadRow | None:
    """Read line by line what could not be read at once, up to the line that is wrong."""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        if number > skipped:
            problem = check_text_row(line, len(CSV_COLUMNS))
            if problem:
                return BadRow(number, problem)
    return None


def _parquet_table(path: Path, content: bytes) -> pa.Table:
    try:
        table = pyarrow.parquet.read_table(pa.BufferReader(content))
    except pa.ArrowException as error:
        raise KlinesInvalid(f"{path}: damaged Parquet ({error}); fetch it again") from error
    names = [str(name).strip().lower() for name in table.column_names]
    names = [_ALIASES.get(name, name) for name in names]
    if "open_time" not in names and len(names) == len(CSV_COLUMNS):
        names = list(CSV_COLUMNS)
    table = table.rename_columns(names)
    absent = [name for name in ("open_time", "open", "high", "low", "close", "volume") if name not in names]
    if absent:
        raise KlinesInvalid(
            f"{path}: has no column {', '.join(absent)}; name the columns as Binance does: {', '.join(CSV_COLUMNS)}"
        )
    arrays = {name: _parquet_column(path, table, name) for name in CSV_COLUMNS if name != "ignore" and name in names}
    return pa.table(arrays)


def _parquet_column(path: Path, table: pa.Table, name: str) -> pa.ChunkedArray:
    column = table.column(name)
    type_name = _TYPES[name]
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py() + 1
        raise KlinesInvalid(f"{path}: row {row}: {name} is empty; complete or remove the row")
    try:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us")).cast(pa.int64())
        return column.cast(type_name)
    except pa.ArrowException as error:
        raise KlinesInvalid(f"{path}: column {name} is not numbers ({error}); write it as {type_name}") from error


def _checked(path: Path, table: pa.Table, interval: str, text: bytes | None, skipped: int) -> tuple[FullKlines, int]:
    """Return the table as klines, with every row checked and identical repetitions dropped."""
    if table.num_rows == 0:
        raise KlinesInvalid(f"{path}: holds no candles; give a file that does")
    columns = {name: column_array(table.column(name)) for name in table.column_names if name != "ignore"}
    zeros = np.zeros(table.num_rows)
    raw_trades = columns.get("trades", zeros)
    open_time, off_ms = _milliseconds(columns["open_time"])
    close_time, _ = _milliseconds(columns["close_time"]) if "close_time" in columns else (None, None)
    klines = FullKlines(
        interval,
        open_time,
        columns["open"],
        columns["high"],
        columns["low"],
        columns["close"],
        columns["volume"],
        columns.get("quote_volume", zeros),
        np.where(np.isfinite(raw_trades), raw_trades, -1).astype(np.int64),
        columns.get("taker_base", zeros),
        columns.get("taker_quote", zeros),
    )
    repeats, bad = first_bad_row(klines, close_time, off_ms)
    if bad is not None:
        raise _named(path, BadRow(_line_number(text, skipped, bad.number), bad.problem), "", is_line=text is not None)
    return (klines if not repeats.any() else _without(klines, repeats)), int(repeats.sum())


def _milliseconds(times: Int64Array) -> tuple[Int64Array, NDArray[np.bool_]]:
    """Return times in ms, and where a time in µs was not a whole millisecond."""
    is_micro = times >= _MICROSECONDS_FROM
    return np.where(is_micro, times // 1000, times), is_micro & (times % 1000 != 0)


def _without(klines: FullKlines, repeats: NDArray[np.bool_]) -> FullKlines:
    return FullKlines(klines.interval, *(getattr(klines, name)[~repeats] for name in COLUMNS))


def _line_number(text: bytes | None, skipped: int, row: int) -> int:
    """Return the line that holds data row `row` (from 0): blank lines are no rows."""
    if text is None:
        return row + 1
    seen = -1
    for number, line in enumerate(text.splitlines(), start=1):
        if number > skipped and line.strip():
            seen += 1
            if seen == row:
                return number
    return row + skipped + 1


def _named(path: Path, row: BadRow | None, otherwise: str, is_line: bool = True) -> KlinesInvalid:
    if row is None:
        return KlinesInvalid(f"{path}: {otherwise}; give Binance's 12 columns, separated by commas")
    problem: RowProblem = row.problem
    return KlinesInvalid(f"{path}: {'line' if is_line else 'row'} {row.number}: {problem.what}; {problem.advice}")
