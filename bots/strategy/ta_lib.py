"""TA-Lib for strategies, loaded without pandas.

TA-Lib imports pandas if it is installed, to accept its Series. Strategies pass arrays, and pandas would add a quarter
of a second to the start of every command and worker.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def _without_pandas() -> Any:
    if "pandas" in sys.modules:
        return importlib.import_module("talib")
    sys.modules["pandas"] = None  # type: ignore[assignment]  # an import of it now raises ModuleNotFoundError
    try:
        return importlib.import_module("talib")
    finally:
        del sys.modules["pandas"]


talib = _without_pandas()
