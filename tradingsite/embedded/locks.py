"""Lock files in a way that the kernel releases when the holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class FileLock:
    """One hold on a lock file; a process may have several. The file names the process that holds it exclusively."""

    path: Path
    _descriptor: int | None = None

    def acquire(self, *, shared: bool = False, wait: bool = True) -> bool:
        """Take the lock. Return False when `wait` is off and another process holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        if not shared:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        return True

    def acquire_within(self, seconds: float) -> bool:
        """Take the lock exclusively within some seconds. Return False when another process kept it."""
        give_up = time.monotonic() + seconds
        while not self.acquire(wait=False):
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02)
        return True

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder(path: Path) -> int | None:
    """Return the process that holds a lock exclusively, or None when there is none."""
    probe = FileLock(path)
    if not path.exists():
        return None
    if probe.acquire(shared=True, wait=False):
        probe.release()
        return None
    text = path.read_text().strip()
    return int(text) if text.isdigit() else 0
