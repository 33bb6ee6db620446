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

from tradingsite import heartbeats
from tradingsite.embedded.children import Task
from tradingsite.embedded.locks import FileLock, holder
from tradingsite.embedded.migrations import ensure_migrated
from tradingsite.embedded.own_servers import require_redis
from tradingsite.embedded.services import running_servers
from tradingsite.embedded.supervisor import StopRequested, Supervisor, say
from tradingsite.environment import reachable
from tradingsite.first_login import Login, create_first_login

# Nothing new comes in, then what runs finishes, and only then goes what it talks to: a tick places its orders on the
# paper exchange, which is part of the web server.
STOP_ORDER = (("demo", "beat"), ("trading", "research"), ("web",))
TRADING_PATIENCE_S = 90.0
RESEARCH_PATIENCE_S = 20.0  # what it was making goes back to the queue, and goes on from where it was put on record
RESEARCH_NICENESS = 10
DEMO_COMMAND = "prepare_demo"


class Command(BaseCommand):
    help = (
        "Start the site: PostgreSQL and Valkey (unless DATABASE_URL and CELERY_BROKER_URL name others), the web "
        "server, a Celery worker for the bots, another for backtests, and the scheduler. Ctrl-C stops them; a running "
        "task finishes first."
    )
    database = "none"  # it starts the servers itself

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="do not prepare the simulated demo bots")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal comes. Raises CommandError with a sentence when the site cannot start."""
        only_one = FileLock(settings.VAR_DIR / "locks" / "up")
        if not only_one.acquire(wait=False):
            raise CommandError(
                f"the site already runs on {settings.VAR_DIR} (process {holder(only_one.path)}). Stop it first, or set "
                f"VAR_DIR and PORT to run another one."
            )
        try:
            refuse_taken_port(settings.BIND_ADDRESS, settings.PORT)
            self._run(with_demo=not options["no_demo"])
        finally:
            only_one.release()

    def _run(self, with_demo: bool) -> None:
        say("up", "starting")
        require_redis()
        with running_servers() as places:
            supervisor = Supervisor(places)
            try:
                login = prepare_database()
                heartbeats.forget()
                for task in site_tasks():
                    supervisor.start(task)
                supervisor.wait_until_ready()
                announce(login)
                if with_demo and DEMO_COMMAND in get_commands():
                    supervisor.start(demo_task())
                supervisor.run()
            except StopRequested:
                pass
            finally:
                say("up", "stopping: a running task finishes first; press Ctrl-C again not to wait for it")
                supervisor.stop(STOP_ORDER)
        say("up", "stopped")


def refuse_taken_port(address: str, port: int) -> None:
    """Raise CommandError when something else listens there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                raise CommandError(f"port {port} is taken by another program. Set PORT to a free one.") from None
            raise CommandError(f"cannot listen on {address}, port {port}: {problem.strerror}.") from None


def prepare_database() -> Login | None:
    """Migrate, and make the first login; it is said at once, for it cannot be said again."""
    if ensure_migrated():
        say("up", "database migrated")
    login = create_first_login()
    if login:
        say("up", f"first start: log in as {login.name} with the password {login.password}")
    connection.close()
    return login


def site_tasks() -> list[Task]:
    """The processes of the site itself."""
    research = ("-c", str(settings.RESEARCH_CONCURRENCY))
    return [
        Task("web", (sys.executable, "-m", "gunicorn", "-c", "python:tradingsite.gunicorn_config"), web_answers),
        Task("trading", worker(settings.TRADING_QUEUE), is_taking(settings.TRADING_QUEUE), TRADING_PATIENCE_S),
        Task("beat", (*CELERY, "beat", "--pidfile="), lambda: heartbeats.is_alive("beat")),
        Task(
            "research",
            ("nice", "-n", str(RESEARCH_NICENESS), *worker(settings.RESEARCH_QUEUE, *research)),
            is_taking(settings.RESEARCH_QUEUE),
            RESEARCH_PATIENCE_S,
        ),
    ]


CELERY = (sys.executable, "-m", "celery", "-q", "-A", "tradingsite")


def worker(queue: str, *options: str) -> tuple[str, ...]:
    """The command of a worker that takes from one queue."""
    name = f"{queue}-{settings.PORT}@%h"
    return (*CELERY, "worker", "-Q", queue, "-n", name, "--without-gossip", "--without-mingle", *options)


def is_taking(queue: str) -> Callable[[], bool]:
    """Whether a worker takes from a queue."""
    return partial(heartbeats.is_alive, heartbeats.worker_of(queue))


def demo_task() -> Task:
    """The job that gives the demo bots their past; it does nothing when they have it."""
    return Task("demo", (sys.executable, "manage.py", DEMO_COMMAND), attempts=3)


def web_answers() -> bool:
    """True when the web server answers at all."""
    asking = http.client.HTTPConnection(f"{reachable(settings.BIND_ADDRESS)}:{settings.PORT}", timeout=5)
    try:
        asking.request("HEAD", "/")
        return asking.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


def announce(login: Login | None) -> None:
    """Say where the site is, and the login that was just made."""
    say("up", f"ready: http://{reachable(settings.BIND_ADDRESS)}:{settings.PORT}/  (Ctrl-C stops it)")
    if login:
        say("up", f"log in as {login.name} with the password {login.password}  (shown this once)")
        say("up", f"to change it: {os.path.relpath(sys.executable)} manage.py changepassword {login.name}")
