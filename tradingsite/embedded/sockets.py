"""Folders for unix sockets: next to the data when the path is short enough, else in the temp directory."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from tradingsite.embedded.errors import EmbeddedError

# The kernel allows 107 bytes; the longest name we put in is `.s.PGSQL.5432.lock`.
LONGEST_FOLDER_BYTES = 85


def socket_folder(data: Path) -> Path:
    """Say where the sockets of the servers of one data folder are. Creates nothing."""
    beside = data.resolve() / "run"
    if len(os.fsencode(beside)) <= LONGEST_FOLDER_BYTES:
        return beside
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tradingsite-{os.geteuid()}-{name}"


def make_socket_folder(folder: Path) -> None:
    """Create a folder only its owner may enter. Raises EmbeddedError when someone else's is in the way."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedError(f"{folder} belongs to someone else: remove it, it is where our sockets go.")
    folder.chmod(0o700)
