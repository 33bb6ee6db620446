"""Store candles as Parquet under `settings.KLINES_URL`: one folder a symbol and interval, each with a `Dataset` row.

A series is one file named by its content, and the row says which: writing makes a new file and then moves the row
to it, so a reader sees the old series or the new one, whatever dies in between. Files are read in files.py.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from dataclasses import dataclass
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
from django.conf import settings
from django.db import connection, transaction

from core.times import to_datetime
from exchange.api.types import Float64Array, Int64Array, Klines
from exchange.klines import intervals
from exchange.klines.arrow import column_array
from exchange.klines.checks import utc
from exchange.klines.series import COLUMNS, FullKlines, KlinesInvalid, data_hash, gaps, with_all_columns
from exchange.models import Dataset

_ROW_GROUP = 65_536
# Sums of the same trades may differ in the last decimal, depending on who added them up.
_VOLUME_NOISE = 1e-7
_SYMBOL = re.compile(r"^[A-Z0-9]{2,20}$")


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What became of the bars given to `merge`."""

    dataset: Dataset
    added: int
    repeated: int
    replaced: int


def load(symbol: str, interval: str, start_ms: int | None = None, end_ms: int | None = None) -> FullKlines:
    """Return the stored bars that open from `start_ms` on and before `end_ms`.

    Raises `KlinesInvalid` where nothing is stored, `KlinesInvalid` where the file is not what was written.
    """
    for attempt in range(3):
        dataset = _dataset(symbol, interval)
        if dataset is None:
            raise KlinesInvalid(_missing_message(symbol, interval))
        try:
            klines = _read(symbol, interval, dataset.data_hash, start_ms, end_ms)
        except FileNotFoundError:
            if attempt < 2:
                continue  # replaced between our two reads: the row names the new file by now
            raise KlinesInvalid(
                f"the file of {symbol} {interval} under {settings.KLINES_URL} is gone; import or download it again"
            ) from None
        if start_ms is None and end_ms is None and data_hash(symbol, klines) != dataset.data_hash:
            raise KlinesInvalid(f"the stored {symbol} {interval} is not what was written; import or download it again")
        return klines
    raise AssertionError("unreachable")


def merge(symbol: str, klines: Klines, *, replace: bool = False) -> MergeReport:
    """Add bars to what is stored, all or none. Bars known already must be equal, or win if `replace`.

    Raises `KlinesInvalid` naming the first bar that contradicts the store.
    """
    if not _SYMBOL.match(symbol):
        raise KlinesInvalid(f"{symbol!r} is no symbol; write it as the exchange does, like BTCUSDT")
    if not len(klines):
        raise KlinesInvalid(f"there are no bars of {symbol} to store; give a file that holds some")
    new = with_all_columns(klines)
    with transaction.atomic():
        _lock(symbol, klines.interval)
        row = Dataset.objects.filter(symbol=symbol, interval=klines.interval).first()
        old = _read(symbol, klines.interval, row.data_hash, None, None) if row else new[:0]
        merged, repeated, replaced = _merged(symbol, old, new, replace)
        written = _write(symbol, merged)
        dataset, _ = Dataset.objects.update_or_create(
            symbol=symbol, interval=klines.interval, defaults=_coverage(merged, written)
        )
        transaction.on_commit(lambda: sweep(symbol, klines.interval))
    return MergeReport(dataset, len(merged) - len(old), repeated, replaced)


def delete(symbol: str, interval: str) -> bool:
    """Forget a series and its file. False when there was none."""
    with transaction.atomic():
        _lock(symbol, interval)
        row = Dataset.objects.filter(symbol=symbol, interval=interval).first()
        if row is None:
            return False
        row.delete()
        transaction.on_commit(lambda: sweep(symbol, interval))
    return True


def sweep(symbol: str, interval: str) -> None:
    """Remove files of a series that its row does not name: what was superseded, or left by a write that failed."""
    with transaction.atomic():
        _lock(symbol, interval)  # who writes now holds it until its row is there
        row = _dataset(symbol, interval)
        system, current = _place(symbol, interval, row.data_hash if row else "none")
        with contextlib.suppress(FileNotFoundError):
            for path in system.ls(current.rsplit("/", 1)[0], detail=False):
                if str(path).rsplit("/", 1)[-1] != current.rsplit("/", 1)[-1]:
                    system.rm_file(path)


def _dataset(symbol: str, interval: str) -> Dataset | None:
    return Dataset.objects.filter(symbol=symbol, interval=interval).first()


def _missing_message(symbol: str, interval: str) -> str:
    stored = ", ".join(f"{s}:{i}" for s, i in Dataset.objects.values_list("symbol", "interval")) or "nothing yet"
    return (
        f"no candles of {symbol} {interval} are stored (stored: {stored}); bring them in with "
        f"manage.py import_klines FILE or manage.py download_klines {symbol} {interval} --from DATE"
    )


def _lock(symbol: str, interval: str) -> None:
    """Lock a series for one writer until the transaction ends, also if it has no row yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"klines {symbol} {interval}"])


def _merged(symbol: str, old: FullKlines, new: FullKlines, replace: bool) -> tuple[FullKlines, int, int]:
    """Return old and new bars as one ascending series, how many were stored already, and how many of those changed."""
    _, at_old, at_new = np.intersect1d(old.open_time, new.open_time, assume_unique=True, return_indices=True)
    changed = _differs(old, at_old, new, at_new)
    if changed.any() and not replace:
        raise KlinesInvalid(_contradiction(symbol, old, new, at_old[changed][0], at_new[changed][0]))
    take_new = changed | _knows_more(old, at_old, new, at_new)
    keep = np.ones(len(old), dtype=bool)
    keep[at_old[take_new]] = False
    fresh = np.ones(len(new), dtype=bool)
    fresh[at_new[~take_new]] = False
    times = np.concatenate((old.open_time[keep], new.open_time[fresh]))
    order = np.argsort(times, kind="stable")
    columns = (np.concatenate((getattr(old, name)[keep], getattr(new, name)[fresh]))[order] for name in COLUMNS)
    return FullKlines(new.interval, *columns), len(at_old), int(changed.sum())


def _differs(old: FullKlines, at_old: Int64Array, new: FullKlines, at_new: Int64Array) -> Any:
    differs = np.abs(old.volume[at_old] - new.volume[at_new]) > _VOLUME_NOISE
    for name in ("open", "high", "low", "close"):
        differs |= getattr(old, name)[at_old] != getattr(new, name)[at_new]
    return differs


def _knows_more(old: FullKlines, at_old: Int64Array, new: FullKlines, at_new: Int64Array) -> Any:
    """Return where the new bar has the columns that the stored one lacked."""
    return (old.quote_volume[at_old] == 0) & (new.quote_volume[at_new] > 0)


def _contradiction(symbol: str, old: FullKlines, new: FullKlines, at_old: int, at_new: int) -> str:
    def bar(klines: FullKlines, index: int) -> str:
        values: list[Float64Array] = [klines.open, klines.high, klines.low, klines.close, klines.volume]
        return " ".join(f"{column[index]:.15g}" for column in values)

    return (
        f"the bar of {symbol} {new.interval} at {utc(int(new.open_time[at_new]))} is stored as {bar(old, at_old)} and "
        f"given as {bar(new, at_new)} (open high low close volume); nothing was stored: find out which is right, and "
        f"use --replace if it is the new one"
    )


def _coverage(klines: FullKlines, written: str) -> dict[str, Any]:
    missing = gaps(klines)
    return {
        "first_open_time": to_datetime(klines.open_time[0]),
        "last_open_time": to_datetime(klines.open_time[-1]),
        "rows": len(klines),
        "gaps": [[gap.first_ms, gap.last_ms] for gap in missing],
        "missing": sum(gap.missing for gap in missing),
        "data_hash": written,
    }


def _place(symbol: str, interval: str, content_hash: str) -> tuple[Any, str]:
    """Return the file system and path of one file. A month's folder is `1mo`: some file systems take 1M for 1m."""
    folder = "1mo" if interval == intervals.MONTH else interval
    system, root = fsspec.core.url_to_fs(str(settings.KLINES_URL))
    return system, f"{root.rstrip('/')}/{symbol}/{folder}/{content_hash[:32]}.parquet"


def _read(symbol: str, interval: str, content_hash: str, start_ms: int | None, end_ms: int | None) -> FullKlines:
    system, path = _place(symbol, interval, content_hash)
    conditions = []
    if start_ms is not None:
        conditions.append(("open_time", ">=", start_ms))
    if end_ms is not None:
        conditions.append(("open_time", "<", end_ms))
    with system.open(path, "rb") as file:
        try:
            table = pyarrow.parquet.read_table(file, columns=list(COLUMNS), filters=conditions or None)
        except pa.ArrowException as error:
            raise KlinesInvalid(f"{path}: damaged ({error}); import or download {symbol} {interval} again") from error
    return FullKlines(interval, *(column_array(table.column(name)) for name in COLUMNS))


def _write(symbol: str, klines: FullKlines) -> str:
    """Write the series under its hash, which is returned. The file appears whole or not at all."""
    content_hash = data_hash(symbol, klines)
    system, path = _place(symbol, klines.interval, content_hash)
    buffer = io.BytesIO()
    table = pa.table({name: getattr(klines, name) for name in COLUMNS})
    pyarrow.parquet.write_table(table, buffer, compression="zstd", row_group_size=_ROW_GROUP)
    system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    if "file" not in np.atleast_1d(system.protocol):
        system.pipe_file(path, buffer.getvalue())  # an object store shows an object when it is complete
        return content_hash
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        file.write(buffer.getvalue())
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return content_hash
