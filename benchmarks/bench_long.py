"""Whether time and memory grow in step with the bars: 100,000, 1,000,000 and 5,000,000, every rule on.

    python benchmarks/bench_long.py

Each length in a process of its own, warm. `report` is everything that `manage.py backtest` shows: trades in exact
decimals and all measures. CPU time per bar, and the most memory held.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

LENGTHS = (100_000, 1_000_000, 5_000_000)
sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))


def measure(bars: int) -> dict[str, float]:
    from bench_engine import market_of, run_loop
    from common import peak_mb, timed
    from run_ours import FULL

    from backtests.engine.run import allocate_buffers, run_backtest
    from bots.settings.parse import make_settings

    parameters = make_settings(FULL)
    run_backtest(market_of(2_000), parameters)  # loads the compiled loop
    market = market_of(bars)
    loop = timed(partial(run_loop, market, parameters, allocate_buffers(bars, -(-bars // 1440))), 3)
    whole = timed(lambda: run_backtest(market, parameters), 5)
    return {"loop": loop["cpu"], "report": whole["cpu"], "peak_mb": peak_mb()}


def main() -> None:
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(measure(int(sys.argv[1]))))
        return
    sys.stdout.write(f"{'bars':>10}{'loop, ms':>11}{'ns a bar':>10}{'report, ms':>12}{'ns a bar':>10}{'peak MB':>9}\n")
    for bars in LENGTHS:
        command = [sys.executable, __file__, str(bars)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        loop, report = found["loop"], found["report"]
        sys.stdout.write(
            f"{bars:10,}{loop:11.1f}{loop * 1e6 / bars:10.1f}{report:12.1f}{report * 1e6 / bars:10.1f}"
            f"{found['peak_mb']:9.0f}\n"
        )


if __name__ == "__main__":
    main()
