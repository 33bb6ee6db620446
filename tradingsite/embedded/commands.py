"""What runs around a management command: the servers and the database it declares.

A command says what it needs in class attributes, which are read from its source before Django is set up, so that a
command which needs nothing starts nothing:

    class Command(BaseCommand):
        database = "site"                    # the default: PostgreSQL (and Redis) running, the site's database migrated
        database = "scratch"                 # a migrated, empty, throw-away database; the site's is never touched
        database = "none"                    # no server at all
        no_database_with = ("--klines",)     # with one of these options it needs no server after all

They are literals in the command's own module. Commands of Django and of other packages are listed here. Servers are
started only where the environment names none (services.py), and an external database is migrated by `up` and
`migrate` alone.
"""

from __future__ import annotations

import ast
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

OUR_APPS = ("tradingsite", "exchange", "bots", "backtests")

# "server": PostgreSQL runs, the database exists, but migrating it first is not our business.
NEEDS_OF_OTHERS = {
    **dict.fromkeys(("migrate", "makemigrations", "showmigrations", "sqlmigrate", "sqlflush", "inspectdb"), "server"),
    **dict.fromkeys(("squashmigrations", "sqlsequencereset", "optimizemigration", "test", "testserver"), "server"),
    **dict.fromkeys(("check", "collectstatic", "findstatic", "compilemessages", "makemessages"), "none"),
    **dict.fromkeys(("diffsettings", "help", "version", "startapp", "startproject", "sendtestemail"), "none"),
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a command declares."""

    database: str = "site"
    no_database_with: tuple[str, ...] = ()

    def given(self, options: list[str]) -> str:
        """The need when the command is called with these options."""
        if {"-h", "--help", "--version"} & set(options):
            return "none"
        names = {option.split("=", 1)[0] for option in options}
        return "none" if names & set(self.no_database_with) else self.database


def needs_of(command: str) -> Needs:
    """What a command declares, or what is known of other people's commands; "site" where nothing is said."""
    for app in OUR_APPS:
        spec = find_spec(app)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            source = Path(place) / "management" / "commands" / f"{command}.py"
            if source.is_file():
                return _declared_in(source)
    return Needs(NEEDS_OF_OTHERS.get(command, "site"))


def _declared_in(source: Path) -> Needs:
    classes = [node for node in ast.parse(source.read_text(), str(source)).body if isinstance(node, ast.ClassDef)]
    parts = [part for node in classes if node.name == "Command" for part in node.body]
    needs = Needs(**dict(found for part in parts for found in _literal(part)))  # type: ignore[arg-type]
    if needs.database not in ("site", "scratch", "none", "server"):
        raise ValueError(f"{source}: database = {needs.database!r} is not one of site, scratch, none, server")
    return needs


def _literal(part: ast.stmt) -> list[tuple[str, object]]:
    """The attribute a statement of a class body sets, when it is one of ours."""
    if isinstance(part, ast.Assign):
        targets, value = part.targets, part.value
    elif isinstance(part, ast.AnnAssign) and part.value is not None:
        targets, value = [part.target], part.value
    else:
        return []
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return [(name, ast.literal_eval(value)) for name in names if name in ("database", "no_database_with")]


def run(arguments: list[str]) -> int:
    """Run one management command with what it needs around it. Gives the exit status."""
    from django.core.exceptions import ImproperlyConfigured

    from tradingsite.embedded.errors import EmbeddedError

    command, options = (arguments[1], arguments[2:]) if len(arguments) > 1 else ("help", [])
    try:
        with loading():
            _load_settings(options)
        with ExitStack() as around:
            _prepare(needs_of(command).given(options) if not command.startswith("-") else "none", around)
            _execute(arguments)
    except (EmbeddedError, ImproperlyConfigured) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


@contextmanager
def loading() -> Iterator[None]:
    """Load modules without looking for garbage among what stays: that took a third of a short command's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _set_up() -> None:
    import django

    with loading():
        django.setup()


def _load_settings(options: list[str]) -> None:
    """Read the settings first of all, so that nonsense in the environment is said in one sentence."""
    from django.conf import settings
    from django.core.management.base import CommandParser, handle_default_options

    parser = CommandParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--settings")
    parser.add_argument("--pythonpath")
    handle_default_options(parser.parse_known_args(options)[0])
    settings.INSTALLED_APPS  # noqa: B018


def _prepare(need: str, around: ExitStack) -> None:
    if need == "none":
        return
    from django.conf import settings

    from tradingsite.embedded.services import running_servers

    around.enter_context(running_servers())
    if need == "server" or (need == "site" and not settings.USES_EMBEDDED_POSTGRES):
        return
    _set_up()
    if need == "site":
        from tradingsite.embedded.migrations import ensure_migrated

        ensure_migrated()
    else:
        from tradingsite.embedded.scratch import scratch_database

        signal.signal(signal.SIGTERM, _exit_on_signal)
        around.enter_context(scratch_database())


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """End in an orderly way, so that what is around the command is undone."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _execute(arguments: list[str]) -> None:
    from django.core.management import execute_from_command_line

    _set_up()
    try:
        execute_from_command_line(arguments)
    except BrokenPipeError:  # `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
