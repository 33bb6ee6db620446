"""The store keeps a series whole, refuses contradictions and never shows half of a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.klines import store
from exchange.klines.series import COLUMNS, FullKlines, KlinesInvalid, data_hash
from exchange.models import Dataset

HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.KLINES_URL = str(tmp_path / "klines")
    return tmp_path / "klines"


def bars(*numbers: int, close: float = 105.0, known: bool = True) -> FullKlines:
    count = len(numbers)
    extra = np.full(count, 10.0 if known else 0.0)
    return FullKlines(
        "1h",
        START + np.array(numbers, dtype=np.int64) * HOUR,
        np.full(count, 100.0),
        np.full(count, 110.0),
        np.full(count, 90.0),
        np.full(count, close),
        np.arange(count, dtype=np.float64) + 0.5,
        extra,
        extra.astype(np.int64),
        extra,
        extra,
    )


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_stored_comes_back_with_all_columns() -> None:
    given = bars(0, 1, 2)
    report = store.merge("BTCUSDT", given)
    loaded = store.load("BTCUSDT", "1h")
    for name in COLUMNS:
        assert np.array_equal(getattr(loaded, name), getattr(given, name)), name
    assert report.added == report.dataset.rows == 3
    assert report.dataset.data_hash == data_hash("BTCUSDT", loaded)


def test_a_span_excludes_its_end() -> None:
    store.merge("BTCUSDT", bars(*range(10)))
    loaded = store.load("BTCUSDT", "1h", START + 2 * HOUR, START + 5 * HOUR)
    assert loaded.open_time.tolist() == [START + n * HOUR for n in (2, 3, 4)]


def test_bars_are_put_in_their_place_and_gaps_recorded(folder: Path) -> None:
    store.merge("BTCUSDT", bars(4, 5))
    dataset = store.merge("BTCUSDT", bars(0, 1)).dataset
    assert dataset.rows == 4
    assert (dataset.gaps, dataset.missing) == ([[START + 2 * HOUR, START + 3 * HOUR]], 2)
    assert store.load("BTCUSDT", "1h").open_time.tolist() == [START + n * HOUR for n in (0, 1, 4, 5)]
    assert len(files(folder)) == 1  # the file before it is gone


def test_a_contradiction_stores_nothing_unless_told_to_replace(folder: Path) -> None:
    store.merge("BTCUSDT", bars(0, 1))
    before = Dataset.objects.get().data_hash
    with pytest.raises(KlinesInvalid, match=r"is stored as 100 110 90 105 0\.5 and given as 100 110 90 106"):
        store.merge("BTCUSDT", bars(0, 1, 2, close=106.0))
    assert Dataset.objects.get().data_hash == before
    assert len(files(folder)) == 1
    report = store.merge("BTCUSDT", bars(0, 1, 2, close=106.0), replace=True)
    assert (report.added, report.replaced) == (1, 2)
    assert store.load("BTCUSDT", "1h").close.tolist() == [106.0] * 3


def test_columns_that_were_unknown_are_completed_and_known_ones_kept() -> None:
    store.merge("BTCUSDT", bars(0, 1, known=False))
    store.merge("BTCUSDT", bars(0, 1))
    store.merge("BTCUSDT", bars(0, 1, known=False))
    assert store.load("BTCUSDT", "1h").quote_volume.tolist() == [10.0, 10.0]


def test_what_is_missing_or_damaged_is_said(folder: Path) -> None:
    with pytest.raises(KlinesInvalid, match=r"stored: nothing yet.*import_klines"):
        store.load("BTCUSDT", "1h")
    store.merge("BTCUSDT", bars(0, 1))
    (path,) = files(folder)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(KlinesInvalid, match="damaged"):
        store.load("BTCUSDT", "1h")
    path.unlink()
    with pytest.raises(KlinesInvalid, match="is gone"):
        store.load("BTCUSDT", "1h")


def test_minutes_and_months_do_not_share_a_folder() -> None:
    one = np.array([1.0])
    times, count = np.array([1_704_067_200_000], dtype=np.int64), np.array([1], dtype=np.int64)
    month = FullKlines("1M", times, one, one, one, one, one, one, count, one, one)
    minute = FullKlines("1m", *(getattr(month, name) for name in COLUMNS))
    store.merge("BTCUSDT", month)
    store.merge("BTCUSDT", minute)
    assert len(store.load("BTCUSDT", "1M")) == len(store.load("BTCUSDT", "1m")) == 1
    assert store.delete("BTCUSDT", "1m")
    assert not store.delete("BTCUSDT", "1m")
    assert len(store.load("BTCUSDT", "1M")) == 1


def test_a_name_that_could_leave_the_folder_is_refused() -> None:
    with pytest.raises(KlinesInvalid, match="is no symbol"):
        store.merge("../BTC", bars(0))
