"""`import_klines` and `download_klines`: all or nothing, resumable, and plain about what they found."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.errors import UserError
from exchange.klines import store
from exchange.klines.download import KlineSpan, PublicKlines, download, missing_spans
from exchange.models import Dataset
from exchange.paper.account.accounts import create_account

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.KLINES_URL = str(tmp_path / "klines")
    return tmp_path / "klines"


@pytest.fixture
def exchange_url(live_server: Any) -> str:
    """Serve a paper exchange over HTTP, its market running with the wall clock."""
    create_account("downloads", "simulated:5", {})
    return f"{live_server.url}/paper"


def run(name: str, *args: Any, **options: Any) -> str:
    out = StringIO()
    call_command(name, *map(str, args), stdout=out, **options)
    return out.getvalue()


def row(number: int, close: int = 105) -> str:
    opened = START + number * HOUR
    return f"{opened},100,110,90,{close},12.5,{opened + HOUR - 1},1250.5,7,6.25,625.25,0"


def written(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def test_an_import_shows_coverage_gaps_and_duplicates(tmp_path: Path) -> None:
    out = run("import_klines", written(tmp_path / "BTCUSDT-1h-a.csv", row(0), row(0), row(1), row(4)))
    assert "BTCUSDT 1h" in out
    assert "1 (identical, dropped)" in out
    assert "1 (2 bars missing)" in out
    assert "2023-11-15 00:00:00 UTC" in out  # the first missing bar
    assert Dataset.objects.get().rows == 3
    again = run("import_klines", written(tmp_path / "BTCUSDT-1h-b.csv", row(2), row(3), row(4)))
    assert "known already" in again
    assert Dataset.objects.get().gaps == []


def test_a_bad_row_in_one_of_several_files_leaves_nothing_behind(tmp_path: Path, folder: Path) -> None:
    good = written(tmp_path / "BTCUSDT-1h-a.csv", row(0), row(1))
    bad = written(tmp_path / "BTCUSDT-1h-b.csv", row(2), row(3, close=200))
    with pytest.raises(CommandError, match=r"BTCUSDT-1h-b\.csv: line 2: close 200 is outside .* Nothing was stored"):
        run("import_klines", good, bad)
    assert not Dataset.objects.exists()
    assert not folder.exists()


def test_files_that_contradict_each_other_leave_nothing_behind(tmp_path: Path, folder: Path) -> None:
    first = written(tmp_path / "BTCUSDT-1h-a.csv", row(0), row(1))
    second = written(tmp_path / "BTCUSDT-1h-b.csv", row(1, close=106), row(2))
    with pytest.raises(CommandError, match="--replace"):
        run("import_klines", first, second)
    assert not Dataset.objects.exists()
    assert not [path for path in folder.rglob("*") if path.is_file()]
    run("import_klines", first, second, "--replace")
    assert store.load("BTCUSDT", "1h").close.tolist() == [105, 106, 105]


def test_a_real_file_is_imported_whole(shared_data: Path) -> None:
    out = run("import_klines", shared_data / "starter/BTCUSDT-1h-20230101-20241231.csv.gz")
    assert "17,543" in out
    assert "1 (1 bars missing)" in out


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each request for candles wants."""
    limits: list[int] = []
    rows = PublicKlines.rows

    def counted(source: PublicKlines, symbol: str, interval: str, **bounds: int) -> list[list[Any]]:
        limits.append(bounds["limit"])
        return rows(source, symbol, interval, **bounds)

    monkeypatch.setattr(PublicKlines, "rows", counted)
    return limits


def test_a_download_stores_whole_bars_and_asks_for_nothing_twice(exchange_url: str, asked: list[int]) -> None:
    span = ("BTCUSDT", "1h", "--from", "2024-01-01", "--to", "2024-04-01T00:00+00:00", "--base-url", exchange_url)
    out = run("download_klines", *span)
    klines = store.load("BTCUSDT", "1h")
    assert len(klines) == 91 * 24
    assert klines.open_time[0] == 1_704_067_200_000
    assert (klines.trades > 0).all()
    assert "none" in out
    assert asked.count(1000) == 3
    asked.clear()
    assert "new bars" in run("download_klines", *span)
    assert 1000 not in asked
    assert Dataset.objects.get().rows == 91 * 24


def test_the_bar_in_progress_is_never_stored(exchange_url: str) -> None:
    run("download_klines", "BTCUSDT", "1d", "--from", "2025-01-01", "--base-url", exchange_url)
    source = PublicKlines(exchange_url)
    newest = source.open_time("BTCUSDT", "1d")
    assert store.load("BTCUSDT", "1d").open_time[-1] == newest - 86_400_000


def test_an_interrupted_download_goes_on_where_it_stopped(exchange_url: str) -> None:
    source = PublicKlines(exchange_url)
    span = KlineSpan(START, START + 5000 * HOUR)
    reached: list[int] = []

    def interrupt(open_time_ms: int) -> None:
        reached.append(open_time_ms)
        if len(reached) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(source, "BTCUSDT", "1h", span, interrupt)
    assert Dataset.objects.get().rows == 2000
    assert missing_spans("BTCUSDT", "1h", span.start_ms, span.end_ms) == [KlineSpan(START + 2000 * HOUR, span.end_ms)]
    before = KlineSpan(START - 100 * HOUR, span.end_ms)
    reached.extend([0] * 10)
    download(source, "BTCUSDT", "1h", before, reached.append)
    dataset = Dataset.objects.get()
    assert (dataset.rows, dataset.gaps) == (5100, [])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("BTCUSDT", "1H"), "there is no interval '1H'"),
        (("BTCUSDT", "1h", "--from", "yesterday"), "--from 'yesterday' is no ISO date"),
        (("BTCUSDT", "1h", "--from", "2024-02-01", "--to", "2024-01-01"), "is not before"),
        (("BTCUSDT", "1h", "--from", "2090-01-01"), "has no whole bars"),
        (("NOSUCH", "1h"), "Invalid symbol. .* check symbol and interval"),
    ],
)
def test_a_download_that_cannot_be_meant_is_explained(exchange_url: str, args: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("download_klines", *args, "--base-url", exchange_url)
    assert not Dataset.objects.exists()


def test_a_host_that_does_not_answer_is_named() -> None:
    source = PublicKlines("http://127.0.0.1:8298", first_wait_s=0)
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:8298 does not answer: .*run the same command again"):
        source.open_time("BTCUSDT", "1h")
