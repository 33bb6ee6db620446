"""Start the whole site on this machine."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from tradingsite.accounts.initial_admin import InitialAdmin, create_initial_admin
from tradingsite.embedded.children import Task
from tradingsite.embedded.database.backup import back_up_site
from tradingsite.embedded.database.migrations import ensure_migrated
from tradingsite.embedded.locks import FileLock, holder
from tradingsite.embedded.servers.external_servers import require_redis
from tradingsite.embedded.servers.running import running_servers
from tradingsite.embedded.supervisor import StopRequested, Supervisor, log_line
from tradingsite.environment import reachable
from tradingsite.health import heartbeats

# First what starts new work, then the workers, which finish their tasks, and last the web server: a running tick places
# its orders on the paper exchange, which is part of the web server.
STOP_ORDER = (("demo", "beat"), ("trading", "research"), ("web",))
TRADING_STOP_TIMEOUT_S = 90.0
RESEARCH_STOP_TIMEOUT_S = 20.0  # its task goes back to the queue and resumes from what is on record
RESEARCH_NICENESS = 10
DEMO_COMMAND = "prepare_demo"


class Command(BaseCommand):
    help = (
        "Start the site: PostgreSQL and Valkey (unless DATABASE_URL and CELERY_BROKER_URL name others), the web "
        "server, a Celery worker for the bots, another for backtests, and the scheduler. Ctrl-C stops them; a running "
        "task finishes first."
    )
    requires_database = False  # it starts the servers itself

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="do not prepare the simulated demo bots")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal comes. Raise CommandError with a sentence when the site cannot start."""
        up_lock = FileLock(settings.VAR_DIR / "locks" / "up")
        if not up_lock.acquire(wait=False):
            raise CommandError(
                f"the site already runs on {settings.VAR_DIR} (process {holder(up_lock.path)}). Stop it first, or set "
                f"VAR_DIR and PORT to run another one."
            )
        try:
            require_free_port(settings.BIND_ADDRESS, settings.PORT)
            self._run(with_demo=not options["no_demo"])
        finally:
            up_lock.release()

    def _run(self, with_demo: bool) -> None:
        log_line("up", "starting")
        require_redis()
        with running_servers() as servers:
            supervisor = Supervisor(servers)
            try:
                login = prepare_database()
                heartbeats.clear()
                for task in site_processes():
                    supervisor.start(task)
                supervisor.wait_until_ready()
                announce(login)
                if with_demo and DEMO_COMMAND in get_commands():
                    supervisor.start(demo_task())
                supervisor.run()
            except StopRequested:
                pass
            finally:
                log_line("up", "stopping: a running task finishes first; press Ctrl-C again not to wait for it")
                supervisor.stop(STOP_ORDER)
        log_line("up", "stopped")


def require_free_port(address: str, port: int) -> None:
    """Raise CommandError when another program listens on the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                raise CommandError(f"port {port} is taken by another program. Set PORT to a free one.") from None
            raise CommandError(f"cannot listen on {address}, port {port}: {problem.strerror}.") from None


def prepare_database() -> InitialAdmin | None:
    """Migrate, and create the first administrator. Print the password at once, because it is stored nowhere."""
    if ensure_migrated(before=back_up_database):
        log_line("up", "database migrated")
    login = create_initial_admin()
    if login:
        log_line("up", f"first start: log in as {login.name} with the password {login.password}")
    connection.close()
    return login


def back_up_database() -> None:
    """Dump the database before it is migrated, and print where to."""
    dump = back_up_site()
    if dump:
        log_line("up", f"database dumped to {dump}")


def site_processes() -> list[Task]:
    """Return the processes of the site itself."""
    research = ("-c", str(settings.RESEARCH_CONCURRENCY))
    return [
        Task("web", (sys.executable, "-m", "gunicorn", "-c", "python:tradingsite.gunicorn_config"), web_server_answers),
        Task("trading", worker(settings.TRADING_QUEUE), takes_from(settings.TRADING_QUEUE), TRADING_STOP_TIMEOUT_S),
        Task("beat", (*CELERY, "beat", "--pidfile="), lambda: heartbeats.is_alive("beat")),
        Task(
            "research",
            ("nice", "-n", str(RESEARCH_NICENESS), *worker(settings.RESEARCH_QUEUE, *research)),
            takes_from(settings.RESEARCH_QUEUE),
            RESEARCH_STOP_TIMEOUT_S,
        ),
    ]


CELERY = (sys.executable, "-m", "celery", "-q", "-A", "tradingsite")


def worker(queue: str, *options: str) -> tuple[str, ...]:
    """Return the command of a worker that takes from one queue."""
    name = f"{queue}-{settings.PORT}@%h"
    return (*CELERY, "worker", "-Q", queue, "-n", name, "--without-gossip", "--without-mingle", *options)


def takes_from(queue: str) -> Callable[[], bool]:
    """Return a check of whether a worker takes from a queue."""
    return partial(heartbeats.is_alive, heartbeats.worker_name(queue))


def demo_task() -> Task:
    """Return the job that trades the demo bots' past; it does nothing when that is done."""
    return Task("demo", (sys.executable, "manage.py", DEMO_COMMAND), attempts=3)


def web_server_answers() -> bool:
    """Return whether the web server answers at all."""
    connection_to_web = http.client.HTTPConnection(f"{reachable(settings.BIND_ADDRESS)}:{settings.PORT}", timeout=5)
    try:
        connection_to_web.request("HEAD", "/")
        return connection_to_web.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection_to_web.close()


def announce(login: InitialAdmin | None) -> None:
    """Print the site's address, and the login that was just created."""
    log_line("up", f"ready: http://{reachable(settings.BIND_ADDRESS)}:{settings.PORT}/  (Ctrl-C stops it)")
    if login:
        log_line("up", f"log in as {login.name} with the password {login.password}  (shown this once)")
        log_line("up", f"to change it: {os.path.relpath(sys.executable)} manage.py changepassword {login.name}")
