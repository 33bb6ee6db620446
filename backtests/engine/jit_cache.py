"""The cache folder of compiled code, named by the hash of every source file that the code is made from.

numba's own cache looks only at the file of the function it compiles: an edit in a step function elsewhere would go on
running yesterday's rules. Import this before anything that is compiled with `cache=True`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    *sorted((ROOT / "bots" / "strategy").glob("*.py")),
    ROOT / "exchange" / "fills.py",
    *(
        ROOT / "backtests" / "engine" / name
        for name in ("jit_cache.py", "loop.py", "metrics.py", "buffers.py", "exits.py")
    ),
    ROOT / "backtests" / "monte_carlo" / "simulation.py",
    ROOT / "core" / "splitmix.py",
)
UNUSED_AFTER_S = 30 * 86_400


def sources_hash(sources: Iterable[Path] = SOURCES) -> str:
    """Return the SHA-256 of the sources' names and contents and of the compiler's versions."""
    digest = hashlib.sha256(f"{platform.python_version()} {numba.__version__} {np.__version__}".encode())
    for source in sources:
        if source.is_file():
            digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:20]


def cache_folder() -> Path:
    """Return the cache folder of the present sources: in the checkout, in VAR_DIR, or a private one."""
    private = Path(tempfile.gettempdir()) / f"tradingsite-compiled-{os.getuid()}"
    places = [ROOT / "var" / "compiled", Path(os.environ.get("VAR_DIR") or ROOT / "var") / "compiled"]
    return next((place for place in places if _is_open(place)), private) / sources_hash()


def _is_open(place: Path) -> bool:
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def use_cache() -> Path:
    """Point numba at the cache folder, also in child processes, and delete folders long unused."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # where numba was imported before us, it has read its environment already
    with contextlib.suppress(OSError):
        os.utime(folder)
        for other in folder.parent.iterdir():
            if time.time() - other.stat().st_mtime > UNUSED_AFTER_S:
                shutil.rmtree(other, ignore_errors=True)
    return folder


FOLDER = use_cache()


@lru_cache
def compile_cached(function: Any) -> Any:
    """Return the function compiled to machine code."""
    return numba.njit(cache=True, nogil=True)(function)
