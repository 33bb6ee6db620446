"""Install each peer, pinned, in a virtual environment of its own under var/bench/.

python benchmarks/peers/install.py [peer ...]
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / "var" / "bench"
COMMON = ("numpy==2.4.6", "TA-Lib==0.8.2")
PEERS = {
    "vectorbt": (*COMMON, "numba==0.68.1", "pandas==3.1.1", "vectorbt[rust]==1.2.0"),
    "raptorbt": (*COMMON, "raptorbt==0.13.4"),
    "backtesting": (*COMMON, "pandas==3.1.1", "backtesting==0.6.6"),
}


def python_of(peer: str) -> Path:
    return FOLDER / peer / "bin" / "python"


def is_installed(peer: str) -> bool:
    mark = FOLDER / peer / "installed.txt"
    return mark.is_file() and mark.read_text() == "\n".join(PEERS[peer])


def install(peer: str) -> None:
    """Make the environment, unless it holds these very packages."""
    if is_installed(peer):
        return
    sys.stdout.write(f"installing {' '.join(PEERS[peer])}\n")
    venv.create(FOLDER / peer, clear=True, with_pip=True)
    subprocess.run([python_of(peer), "-m", "pip", "install", "-q", *PEERS[peer]], check=True)
    (FOLDER / peer / "installed.txt").write_text("\n".join(PEERS[peer]))


def main() -> None:
    for peer in sys.argv[1:] or PEERS:
        if peer not in PEERS:
            raise SystemExit(f"there is no peer {peer!r}; there are: {' '.join(PEERS)}")
        install(peer)


if __name__ == "__main__":
    main()
