"""Every benchmark in order, and all their tables in one summary at the end.

    python benchmarks/bench.py [name ...]

Names are those of the files bench_NAME.py. The summary is kept in var/bench/summary.txt too.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUMMARY = HERE.parent / "var" / "bench" / "summary.txt"
ORDER = ("engine", "peers", "long", "monte_carlo", "command", "workers")


def machine() -> str:
    """Describe the machine that the figures were measured on, and how busy it was."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} processors, load {load}"


def main() -> None:
    unknown = set(sys.argv[1:]) - set(ORDER)
    if unknown:
        raise SystemExit(f"there is no benchmark {' '.join(sorted(unknown))}; there are: {' '.join(ORDER)}")
    told = [f"Before: {machine()}"]
    for name in sys.argv[1:] or ORDER:
        script = HERE / f"bench_{name}.py"
        sys.stderr.write(f"{script.name} …\n")
        done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=False)
        told.append(f"== {name} ==\n{done.stdout.strip(chr(10))}")
        if done.returncode:
            told.append(f"{script.name} failed; what it said is above")
    told.append(f"After: {machine()}")
    summary = "\n\n".join(told) + "\n"
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(summary)
    sys.stdout.write(summary)
    if "failed; what it said is above" in summary:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
