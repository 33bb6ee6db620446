"""Reading settings from the environment, failing loudly and by name on nonsense.

What the values mean is in settings.py and .env.example. Everything else reads `django.conf.settings`.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

YES = {"1", "on", "true", "yes"}
NO = {"0", "off", "false", "no"}


class BadSetting(ImproperlyConfigured):
    """A value in the environment that cannot be meant; the message starts with the variable's name."""


def read(name: str, parse: Callable[[str], T], default: T, *, secret: bool = False) -> T:
    """Parse one variable; unset and empty both mean `default`. Raises BadSetting, without the value if it is secret."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        return parse(text)
    except ValueError as problem:
        shown = name if secret else f"{name}={text!r}"
        raise BadSetting(f"{shown} in the environment: {problem}") from None


def yes_or_no(name: str, default: bool) -> bool:
    def parse(text: str) -> bool:
        if text.lower() in YES | NO:
            return text.lower() in YES
        raise ValueError("expected on or off")

    return read(name, parse, default)


def whole_number(name: str, default: int, *, least: int, most: int) -> int:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return read(name, parse, default)


def processors() -> int:
    """How many processors this process may use."""
    if sys.platform.startswith("linux"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ip_address(text: str) -> str:
    """A parser for `read`."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("expected an IP address of this machine, such as 127.0.0.1 or 0.0.0.0") from None


def reachable(bind_address: str) -> str:
    """The host part of a URL by which this machine reaches a server that listens on an address."""
    address = ipaddress.ip_address(bind_address)
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)


def one_of(name: str, choices: tuple[str, ...], default: str) -> str:
    def parse(text: str) -> str:
        if text.upper() not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text.upper()

    return read(name, parse, default)


def words(text: str) -> list[str]:
    """A parser for `read`: names separated by commas."""
    found = [word.strip() for word in text.split(",")]
    if not all(found) or any(" " in word for word in found):
        raise ValueError("expected names separated by commas")
    return found


def origins(text: str) -> list[str]:
    """A parser for `read`: addresses with a scheme, separated by commas."""
    found = words(text)
    if not all(origin.startswith(("http://", "https://")) for origin in found):
        raise ValueError("expected addresses such as https://bots.example.com, separated by commas")
    return found


def folder(text: str) -> Path:
    """A parser for `read`: a folder that is there, or that we may make."""
    path = Path(text).expanduser().resolve()
    nearest = next(place for place in (path, *path.parents) if place.exists())
    if not nearest.is_dir():
        raise ValueError(f"expected a folder, and {nearest} is none")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(f"expected a folder that we may write to, and {nearest} is not")
    return path


def url(name: str, default: str, schemes: tuple[str, ...]) -> str:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
            raise ValueError(f"expected a URL that starts with {' or '.join(f'{s}://' for s in schemes)}")
        return text

    return read(name, parse, default, secret=True)  # a URL may carry a password


def database(name: str) -> dict[str, Any] | None:
    """Django's settings of the PostgreSQL server a variable names, or None when it is unset."""

    def parse(text: str) -> dict[str, Any]:
        expected = "expected postgres://USER:PASSWORD@HOST:PORT/NAME"
        try:
            found = dict(environ.Env.db_url_config(text))
        except (ImproperlyConfigured, ValueError, KeyError):
            raise ValueError(expected) from None
        if found.get("ENGINE") != "django.db.backends.postgresql" or not found.get("NAME"):
            raise ValueError(f"{expected}; only PostgreSQL has the row locks that keep orders from being doubled")
        host = found.get("OPTIONS", {}).pop("host", None)
        if host:
            found["HOST"] = host
        return found

    return read(name, parse, None, secret=True)


def shared_redis(name: str, broker_url: str, embedded: str, is_embedded: bool) -> str:
    """The Redis that processes share values through: the broker's (database 1 higher) unless the variable names one."""
    explicit = url(name, "", ("redis", "rediss", "unix"))
    if explicit or is_embedded:
        return explicit or embedded
    if not broker_url.startswith(("redis://", "rediss://")):
        raise BadSetting(f"{name} is not set: it must name a Redis when CELERY_BROKER_URL is not a redis:// address")
    parts = urlsplit(broker_url)
    number = parts.path.strip("/") or "0"
    if not number.isdigit():
        raise BadSetting(f"CELERY_BROKER_URL in the environment: {number!r} is not the number of a Redis database")
    return urlunsplit(parts._replace(path=f"/{int(number) + 1}"))


def fernet_keys(name: str, generated_in: Path) -> list[str]:
    """Keys of the secrets at rest, first encrypts; one is generated and kept when the variable is unset."""

    def parse(text: str) -> list[str]:
        keys = [key.strip() for key in text.split(",")]
        for number, key in enumerate(keys, 1):
            try:
                Fernet(key)
            except ValueError:
                raise ValueError(
                    f"key {number} is not a Fernet key (44 characters of base64). Make one with: python -c "
                    f"'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
                ) from None
        return keys

    found: list[str] = read(name, parse, [], secret=True)
    return found or parse(generated(name, generated_in, lambda: Fernet.generate_key().decode()))


def secret_key(name: str, generated_in: Path) -> str:
    """Django's signing key; generated and kept when the variable is unset."""

    def parse(text: str) -> str:
        if len(text) < 50 or len(set(text)) < 5:
            raise ValueError("expected at least 50 characters, chosen at random")
        return text

    return read(name, parse, "", secret=True) or generated(name, generated_in, lambda: secrets.token_urlsafe(64))


def generated(name: str, path: Path, make: Callable[[], str]) -> str:
    """The content of a file only we can read, made on first use. Two processes at once agree on one value."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f"{path.name}.{os.getpid()}.new")
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(make() + "\n")
            try:
                os.link(draft, path)  # unlike a rename, this never replaces another's value
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as problem:
        raise BadSetting(f"{name} is not set and cannot be kept in {path}: {problem.strerror}") from None
