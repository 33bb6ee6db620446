"""Run a management command with the servers and the database that it needs.

By default PostgreSQL (and Valkey) run and the site's database is migrated. A command class says what differs:

    class Command(BaseCommand):
        requires_database = False            # no server at all
        no_database_with = ("--klines",)     # no server when one of these options is given
        scratch_database = True              # a migrated, empty, throw-away database instead of the site's

Commands of Django that need less are listed here. Servers are started only where the environment names none
(servers/running.py), and an external database is migrated by `up` and `migrate` alone.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum
from types import FrameType
from typing import Any

from tradingsite.embedded.errors import EmbeddedError


class Database(Enum):
    """What a command needs of the database."""

    NONE = "no server"
    SERVER = "a running server; whether it is migrated does not matter"
    SITE = "the site's database, migrated"
    SCRATCH = "an empty, migrated database that is dropped afterwards"


NEEDS_OF_DJANGOS_COMMANDS = {
    **dict.fromkeys(
        ("migrate", "makemigrations", "showmigrations", "sqlmigrate", "sqlflush", "inspectdb", "squashmigrations",
         "sqlsequencereset", "optimizemigration", "test", "testserver"),
        Database.SERVER,
    ),
    **dict.fromkeys(
        ("check", "collectstatic", "findstatic", "compilemessages", "makemessages", "diffsettings", "startapp",
         "startproject", "sendtestemail"),
        Database.NONE,
    ),
}  # fmt: skip


def required_database(command: Any, name: str, options: Sequence[str]) -> Database:
    """Return what a command needs when it is called with these options. `command` is None where there is no such."""
    if command is None or {"-h", "--help", "--version"} & set(options):
        return Database.NONE
    given = {option.split("=", 1)[0] for option in options}
    if not getattr(command, "requires_database", True) or given & set(getattr(command, "no_database_with", ())):
        return Database.NONE
    if getattr(command, "scratch_database", False):
        return Database.SCRATCH
    return NEEDS_OF_DJANGOS_COMMANDS.get(name, Database.SITE)


def run(arguments: list[str]) -> int:
    """Run one management command with what it needs around it. Return the exit status."""
    from django.core.exceptions import ImproperlyConfigured

    name, options = (arguments[1], arguments[2:]) if len(arguments) > 1 else ("help", [])
    try:
        with without_garbage_collection():
            _load_settings(options)
            command = _load_command(name)
        with ExitStack() as resources:
            _prepare(required_database(command, name, options), resources)
            _execute(arguments)
    except (EmbeddedError, ImproperlyConfigured) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Load modules without garbage collection, which took a third of a short command's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _load_settings(options: list[str]) -> None:
    """Read the settings first of all, so that a bad value in the environment is one sentence."""
    from django.conf import settings
    from django.core.management.base import CommandParser, handle_default_options

    parser = CommandParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--settings")
    parser.add_argument("--pythonpath")
    handle_default_options(parser.parse_known_args(options)[0])
    settings.INSTALLED_APPS  # noqa: B018


def _load_command(name: str) -> Any:
    """Set Django up and return the command, or None where there is none of that name."""
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    app = get_commands().get(name)
    return load_command_class(app, name) if isinstance(app, str) else app


def _prepare(database: Database, resources: ExitStack) -> None:
    """Start the servers, and migrate the database or make a throw-away one, as a command needs it."""
    if database is Database.NONE:
        return
    # Imported here: a command that needs no database starts without the servers' code.
    from django.conf import settings

    from tradingsite.embedded.servers.running import running_servers

    resources.enter_context(running_servers())
    if database is Database.SITE and settings.USES_EMBEDDED_POSTGRES:
        # As above.
        from tradingsite.embedded.database.backup import back_up_site
        from tradingsite.embedded.database.migrations import ensure_migrated

        ensure_migrated(before=back_up_site)
    elif database is Database.SCRATCH:
        from tradingsite.embedded.database.scratch import scratch_database  # as above

        signal.signal(signal.SIGTERM, _exit_on_signal)
        resources.enter_context(scratch_database())


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """Exit through the `with` blocks around the command, so that they clean up."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _execute(arguments: list[str]) -> None:
    """Run the command as Django does. A reader that went away, as in `… | head`, is no error."""
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
