"""Our engine beside vectorbt, raptorbt and backtesting.py: one run of 100,000 bars, and 1,200 combinations.

    python benchmarks/bench_peers.py [--repeats 21] [--grid-repeats 3]

Each in its own environment (installed on the first call) and process, warm, compiling excluded, indicators included.
Before anything is compared, each peer's trades are held against ours. Ratios are of medians: of processor time where
one thread works, of the wall where two do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

from check import same_counts, same_trades
from install import install, python_of

SCRIPTS = Path(__file__).resolve().parent / "peers"
Rows = dict[str, dict[str, Any]]
BARE, PLAIN, FULL = "bare loop", "ours, signals, fees, slippage", "ours, every rule"
ONE = (("ours", "one"), ("vectorbt", "one"), ("raptorbt", "one"), ("backtesting", "one"))
GRID = (
    ("ours", "bare-grid"), ("ours", "grid"), ("ours", "full-grid"), ("vectorbt", "grid"), ("raptorbt", "grid"),
)  # fmt: skip


def measured(peer: str, case: str, repeats: int) -> Rows:
    """Return the rows that one process prints. What it says on stderr is shown; its failure ends the benchmark."""
    python = Path(sys.executable) if peer == "ours" else python_of(peer)
    sys.stderr.write(f"{peer}: {case}\n")
    script = SCRIPTS / f"run_{peer}.py"
    done = subprocess.run([python, script, case, str(repeats)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def all_measured(cases: tuple[tuple[str, str], ...], repeats: int) -> Rows:
    return {name: row for peer, case in cases for name, row in measured(peer, case, repeats).items()}


def table(title: str, rows: Rows, figure: str, bare: str) -> list[str]:
    """Rows by time; `metric` is what ratios are made of."""
    heads = f"{'median ms':>11}{'least':>9}{'CPU':>9}{'x bare':>8}{'x plain':>8}{'x full':>8}{'MB':>7}"
    lines = [f"\n{title}", f"{'':40}{heads}"]
    for name, row in sorted(rows.items(), key=lambda item: item[1][figure]):
        ratios = "".join(f"{row[figure] / rows[base][figure]:8.2f}" for base in (bare, PLAIN, FULL))
        cpu = f"{row['cpu']:9.2f}" if figure == "cpu" else f"{'':9}"  # of children it is not known
        times = f"{row['median']:11.2f}{row['least']:9.2f}{cpu}"
        lines.append(f"{name:40}{times}{ratios}{row['peak_mb']:7.0f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--grid-repeats", type=int, default=3)
    parser.add_argument("--only", choices=("one", "grid"), help="one of the two cases")
    asked = parser.parse_args()
    for peer in ("vectorbt", "raptorbt", "backtesting"):
        install(peer)
    if asked.only != "grid":
        rows = all_measured(ONE, asked.repeats)
        same_trades(rows, PLAIN)
        title = f"One run of 100,000 bars, {len(rows[PLAIN]['trades']):,} trades, the same by all; ratios of CPU time"
        sys.stdout.write("\n".join(table(title, rows, "cpu", BARE)) + "\n")
    if asked.only != "one":
        rows = all_measured(GRID, asked.grid_repeats)
        same_counts(rows, PLAIN)
        title = "1,200 combinations of 100,000 bars on two cores, trades counted the same by all; ratios of the wall"
        sys.stdout.write("\n".join(table(title, rows, "median", "bare loop, shared averages")) + "\n")


if __name__ == "__main__":
    main()
