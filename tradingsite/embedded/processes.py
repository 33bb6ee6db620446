"""Start child processes that cannot outlive their parent, as root or as an ordinary user."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NAMESPACE_ID = 1000  # who root appears to be inside the user namespace; any number but 0 would do

_libc = ctypes.CDLL(None, use_errno=True)


class Privilege(Enum):
    """Ways to start a server that refuses to run as root."""

    KEEP = "as the user we are"
    NAMESPACE = "as root in a user namespace where root has another number"
    NOBODY = "as the user nobody"


def die_with_parent(death_signal: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Ask the kernel to send `death_signal` to this process when its parent dies. Linux only; elsewhere nothing."""
    if not sys.platform.startswith("linux"):
        return
    _libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if parent is not None and os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _enter_user_namespace() -> None:
    """Take a user id other than 0 for this process and its children, while the host still sees root."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NAMESPACE_ID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NAMESPACE_ID} {gid} 1")


def _preparation(privilege: Privilege, death_signal: int) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        if privilege is Privilege.NAMESPACE:
            _enter_user_namespace()
        # After the namespace: changing credentials clears the death signal.
        die_with_parent(death_signal, parent)

    return prepare


def spawn(
    command: Sequence[str | Path],
    *,
    privilege: Privilege = Privilege.KEEP,
    death_signal: int = signal.SIGKILL,
    stdout: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that gets `death_signal` when the calling thread's process dies."""
    nobody = pwd.getpwnam("nobody") if privilege is Privilege.NOBODY else None
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        start_new_session=True,
        user=nobody.pw_uid if nobody else None,
        group=nobody.pw_gid if nobody else None,
        extra_groups=[] if nobody else None,
        preexec_fn=_preparation(privilege, death_signal),
    )


@cache
def server_privilege() -> Privilege:
    """Return how to start a server that refuses root: as we are when we are not root, else the first way that works."""
    if os.geteuid() != 0:
        return Privilege.KEEP
    try:
        probe = spawn(["/bin/sh", "-c", "test $(id -u) != 0"], privilege=Privilege.NAMESPACE)
    except (OSError, subprocess.SubprocessError):
        return Privilege.NOBODY
    return Privilege.NAMESPACE if probe.wait() == 0 else Privilege.NOBODY


def give_to_server(path: Path, privilege: Privilege) -> None:
    """Let a server started with `privilege` own a folder."""
    if privilege is Privilege.NOBODY:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def stop(process: subprocess.Popen[bytes], with_signal: int, timeout_s: float) -> int:
    """Signal a child's main process, wait, and kill it when the timeout is over. Return its exit status."""
    if process.poll() is None:
        process.send_signal(with_signal)
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
