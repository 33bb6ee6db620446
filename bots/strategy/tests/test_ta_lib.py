"""TA-Lib is loaded without pandas, and pandas can be loaded all the same."""

from __future__ import annotations

import subprocess
import sys


def loaded_after(code: str) -> str:
    script = f"{code}\nimport sys\nprint('pandas' in sys.modules, end='')"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def test_strategies_do_not_load_pandas():
    assert loaded_after("import bots.strategy.ema_rsi") == "False"


def test_pandas_can_be_loaded_after_a_strategy():
    assert loaded_after("import bots.strategy.ema_rsi, pandas") == "True"


def test_strategies_can_be_loaded_after_pandas():
    assert loaded_after("import pandas, bots.strategy.ema_rsi") == "True"
