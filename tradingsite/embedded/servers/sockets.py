"""Choose the folder for unix sockets: beside the data when the path is short enough, else in the temp directory."""

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
    """Return the folder for the sockets of one data folder's servers. Create nothing."""
    beside = data.resolve() / "run"
    if len(os.fsencode(beside)) <= LONGEST_FOLDER_BYTES:
        return beside
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tradingsite-{os.geteuid()}-{name}"


def make_socket_folder(folder: Path) -> None:
    """Create a folder that only its owner may enter. Raise EmbeddedError when the path belongs to someone else."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise EmbeddedError(f"{folder} belongs to someone else: remove it, it is where our sockets go.")
    folder.chmod(0o700)
