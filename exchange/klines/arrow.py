"""Read Arrow's columns as numpy arrays without pandas, whose import takes longer than reading a year of candles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def column_array(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return the values of a column of numbers without nulls."""
    chunks = [np.from_dlpack(chunk) for chunk in column.chunks if len(chunk)]
    if not chunks:
        return np.empty(0, dtype=np.int64 if pa.types.is_integer(column.type) else np.float64)
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
