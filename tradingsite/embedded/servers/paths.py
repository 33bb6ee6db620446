"""Where one embedded server keeps its files in the data folder of the site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tradingsite.embedded.servers.postgres import Postgres
from tradingsite.embedded.servers.sockets import socket_folder
from tradingsite.embedded.servers.valkey import Valkey


@dataclass(frozen=True, slots=True)
class ServerPaths:
    """The files of one kind of server, `postgres` or `redis`, under VAR_DIR."""

    kind: str
    var: Path

    @property
    def users(self) -> Path:
        """Return the lock that everyone who uses the server holds shared."""
        return self.var / "locks" / f"{self.kind}.users"

    @property
    def starting(self) -> Path:
        """Return the lock of the one who starts the server."""
        return self.var / "locks" / f"{self.kind}.starting"

    @property
    def watchdog(self) -> Path:
        """Return the lock of the server's watchdog.

        The file has the name that earlier versions gave it, so that two versions never run a server on the same data.
        """
        return self.var / "locks" / f"{self.kind}.keeper"

    @property
    def log(self) -> Path:
        return self.var / "log" / f"{self.kind}.log"

    def server(self) -> Postgres | Valkey:
        """Return the server itself. Raise KeyError for a kind that does not exist."""
        data, sockets = self.var / self.kind, socket_folder(self.var)
        servers: dict[str, Postgres | Valkey] = {"postgres": Postgres(data, sockets), "redis": Valkey(data, sockets)}
        return servers[self.kind]
