"""`manage.py backtest` over 17,543 real bars: the whole process, its code compiled before.

    python benchmarks/bench_command.py [--repeats 5]

From the start of the process to its end: interpreter, imports, reading the gzipped candles, the run, the table.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
COMMAND = (
    sys.executable, "manage.py", "backtest", "--klines", str(DATA / "starter" / "BTCUSDT-1h-20230101-20241231.csv.gz"),
    "--symbol", "BTCUSDT", "--interval", "1h", "--exchange-info", str(DATA / "exchange_info.json"), "--set",
    "stop_loss=0.03", "take_profit=0.06", "trailing_stop=0.04", "max_daily_loss=0.05", "cooldown_bars=2",
)  # fmt: skip


def run() -> tuple[float, float]:
    """Seconds of the wall and of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(COMMAND, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - began
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    if not DATA.is_dir():
        raise SystemExit(f"the market data that this reads is not at {DATA}")
    run()
    wall, cpu = zip(*(run() for _ in range(repeats)), strict=True)
    sys.stdout.write(
        f"manage.py backtest, 17,543 bars, whole process: median {statistics.median(wall):.2f} s, least "
        f"{min(wall):.2f} s, CPU {statistics.median(cpu):.2f} s ({repeats} runs)\n"
    )


if __name__ == "__main__":
    main()
