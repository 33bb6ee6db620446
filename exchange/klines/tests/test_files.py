"""Files of candles are taken whole or refused, with the line that is wrong."""

from __future__ import annotations

import gzip
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from exchange.klines.files import CSV_COLUMNS, read_file, read_report, symbol_and_interval_from_name
from exchange.klines.series import KlinesInvalid, aggregate, gaps

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR


def row(number: int, prices: str = "100,110,90,105", *, unit: int = 1, **changes: object) -> str:
    opened = START + number * HOUR
    values = {"open_time": opened * unit, "close_time": (opened + HOUR) * unit - 1} | changes
    return f"{values['open_time']},{prices},12.5,{values['close_time']},1250.5,7,6.25,625.25,0"


def written(folder: Path, *rows: str, name: str = "BTCUSDT-1h-test.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_csv_gives_every_column(tmp_path: Path) -> None:
    report = read_report(written(tmp_path, row(0), row(1)))
    klines = report.klines
    assert (report.symbol, klines.interval, len(klines)) == ("BTCUSDT", "1h", 2)
    assert klines.open_time.tolist() == [START, START + HOUR]
    assert [klines.open[0], klines.high[0], klines.low[0], klines.close[0]] == [100, 110, 90, 105]
    assert (klines.volume[0], klines.quote_volume[0], klines.trades[0]) == (12.5, 1250.5, 7)
    assert (klines.taker_base[0], klines.taker_quote[0]) == (6.25, 625.25)


def test_gzip_zip_header_and_microseconds_give_the_same_candles(tmp_path: Path) -> None:
    plain = read_file(written(tmp_path, row(0), row(1)))
    header = written(tmp_path, ",".join(CSV_COLUMNS), row(0, unit=1000), row(1, unit=1000), name="ETHUSDT-1h-a.csv")
    packed = tmp_path / "BTCUSDT-1h-b.csv.gz"
    packed.write_bytes(gzip.compress(header.read_bytes()))
    archive = tmp_path / "BTCUSDT-1h-c.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inside.csv", header.read_text())
    for path in (header, packed, archive):
        klines = read_file(path)
        for name in ("open_time", "open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(klines, name), getattr(plain, name)), (path, name)


@pytest.mark.parametrize("as_timestamps", [False, True])
def test_parquet_gives_the_same_candles(tmp_path: Path, as_timestamps: bool) -> None:
    plain = read_report(written(tmp_path, row(0), row(1))).klines
    names = csv.ReadOptions(column_names=list(CSV_COLUMNS))
    table = csv.read_csv(written(tmp_path, row(0), row(1)), read_options=names)
    if as_timestamps:
        times = table["open_time"].cast(pa.timestamp("ms", tz="UTC"))
        table = table.set_column(0, "open_time", times).drop_columns(["close_time", "ignore"])
    path = tmp_path / "BTCUSDT-1h-x.parquet"
    parquet.write_table(table, path)
    klines = read_report(path).klines
    assert klines.open_time.tolist() == plain.open_time.tolist()
    assert klines.taker_quote.tolist() == plain.taker_quote.tolist()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (row(1, "100,90,95,96"), "high 90 is under low 95"),
        (row(1, "120,110,90,105"), "open 120 is outside low 90 to high 110"),
        (row(1, "100,110,90,80"), "close 80 is outside"),
        (row(1, "100,110,-1,105"), "low is -1, and a price is a number above 0"),
        (row(1, "100,110,0,105"), "low is 0"),
        (row(1, "100,nan,90,105"), "high is nan"),
        (row(1, "100,inf,90,105"), "high is inf"),
        (row(1, "100,abc,90,105"), "column 3 is 'abc', not a number"),
        (row(1, "100,,90,105"), "column 3 is '', not a number"),
        (row(1, open_time=START + HOUR + 1), "off the 1h grid"),
        (row(1, open_time=START + HOUR + 60_000, close_time=START + 2 * HOUR + 60_000 - 1), "off the 1h grid"),
        (row(1, open_time=(START + HOUR) * 1000 + 7, close_time=(START + 2 * HOUR) * 1000 - 1), "off the 1h grid"),
        (row(1, close_time=START + HOUR + 60_000 - 1), "not the end of a 1h bar"),
        (row(1, open_time=START // 1000, close_time=START // 1000), "neither ms nor µs"),
        (row(1, open_time="soon"), "column 1 is 'soon', not a whole number"),
        (row(1) + ",1", "13 columns instead of 12"),
        (row(1).rsplit(",", 3)[0], "9 columns instead of 12"),
        (row(1, open_time="", close_time=0), "column 1 is ''"),
        (row(0, "100,110,90,104"), "repeats the open time"),
        (row(-1), "rows must ascend"),
        (row(1).replace(",12.5,", ",-1,"), "volume is -1"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, bad: str, said: str) -> None:
    path = written(tmp_path, ",".join(CSV_COLUMNS), row(0), bad, row(2))
    with pytest.raises(KlinesInvalid) as raised:
        read_file(path)
    assert f"{path}: line 3: " in str(raised.value)
    assert said in str(raised.value)


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path, row(0), "", row(1), row(2, "100,90,95,96"))
    with pytest.raises(KlinesInvalid, match="line 4: high 90 is under low 95"):
        read_file(path)


def test_identical_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    report = read_report(written(tmp_path, row(0), row(1), row(1), row(1), row(2)))
    assert (len(report.klines), report.duplicates) == (3, 2)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"open_time,open\n", b"PAR1nonsense", b"\x1f\x8bnot gzip", b"PK\x03\x04no zip"]
)
def test_files_without_candles_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "BTCUSDT-1h.csv"
    path.write_bytes(content)
    with pytest.raises(KlinesInvalid, match=r"BTCUSDT-1h\.csv"):
        read_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KlinesInvalid, match="cannot be read"):
        read_file(tmp_path / "BTCUSDT-1h-none.csv")


def test_a_name_that_says_nothing_needs_symbol_and_interval(tmp_path: Path) -> None:
    path = written(tmp_path, row(0), name="candles.csv")
    with pytest.raises(KlinesInvalid, match="--symbol"):
        read_file(path)
    assert read_report(path, "ETHUSDT", "1h").symbol == "ETHUSDT"
    with pytest.raises(KlinesInvalid, match="there is no interval '1H'"):
        read_file(path, "ETHUSDT", "1H")
    assert symbol_and_interval_from_name("/x/BTCUSDT-1M-2024.csv.gz") == ("BTCUSDT", "1M")
    assert symbol_and_interval_from_name("BTCUSDT-7h-2024.csv") == (None, None)


def test_the_wrong_interval_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(KlinesInvalid, match="check that the bars really are 1m"):
        read_file(written(tmp_path, row(0), row(1)), "BTCUSDT", "1m")


def test_real_files_are_read_fast_with_their_gaps(shared_data: Path) -> None:
    read_file(shared_data / "starter/BTCUSDT-1h-20230101-20241231.csv.gz")
    began = time.perf_counter()
    klines = read_file(shared_data / "klines/BTCUSDT-5m-20240301-20250831.csv.gz")
    assert time.perf_counter() - began < 2.0  # 0.15 s on an idle machine
    assert len(klines) == 158_112
    hourly = read_file(shared_data / "klines/BTCUSDT-1h-20170817-20250831.csv.gz")
    found = gaps(hourly)
    assert (len(found), sum(gap.missing for gap in found)) == (28, 128)
    assert (found[2].first_ms, found[2].missing) == (1_518_051_600_000, 33)  # 2018-02-08 01:00


def test_five_minute_bars_join_into_the_hourly_ones_of_the_exchange(shared_data: Path) -> None:
    made = aggregate(read_file(shared_data / "klines/BTCUSDT-5m-20240301-20250831.csv.gz"), "1h")
    real = read_file(shared_data / "klines/BTCUSDT-1h-20170817-20250831.csv.gz")
    same = slice(int(real.open_time.searchsorted(made.open_time[0])), None)
    for name in ("open_time", "open", "high", "low", "close"):
        assert np.array_equal(getattr(made, name), getattr(real, name)[same]), name
    assert np.allclose(made.volume, real.volume[same], atol=1e-6)


def test_bars_cannot_be_cut(tmp_path: Path) -> None:
    with pytest.raises(KlinesInvalid, match="cannot be cut into bars of 5m"):
        aggregate(read_file(written(tmp_path, row(0))), "5m")
