"""Read settings from the environment with django-environ, and fail by name on a value that makes no sense.

What the values mean is in settings.py and .env.example. All other code reads `django.conf.settings`.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "on", "true", "yes"}, {"0", "off", "false", "no"}


class BadSetting(ImproperlyConfigured):
    """Report a value in the environment that makes no sense; the message starts with the variable's name."""


class Environment(environ.Env):
    """Read variables as django-environ does: `env("PORT", cast=whole_number(1, 65535), default=8000)`.

    Three things differ from its own reading. Unset and empty both mean the default, or None. A cast that raises
    ValueError stops the site with a sentence, which hides the values of the variables in `secrets`. A `$` at the
    beginning is part of the value: django-environ would take the rest for the name of another variable.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._secrets = secrets

    def get_value(self, var: str, cast: Any = None, default: Any = None, parse_default: bool = False) -> Any:
        """Return the value of a variable, or the default. Raise BadSetting where the cast refuses the value."""
        text = self.ENVIRON.get(var, "").strip()
        if not text:
            return None if default is self.NOTSET else default
        try:
            return self.parse_value(text, cast)
        except ValueError as problem:
            shown = var if var in self._secrets else f"{var}={text!r}"
            raise BadSetting(f"{shown} in the environment: {problem}") from None


# --- Casts: each takes the text of a variable and raises ValueError with what it expected


def on_or_off(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError("expected on or off")
    return text.lower() in TRUE


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def cast(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return cast


def one_of(*choices: str) -> Callable[[str], str]:
    def cast(text: str) -> str:
        if text.upper() not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text.upper()

    return cast


def ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("expected an IP address of this machine, such as 127.0.0.1 or 0.0.0.0") from None


def host_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or any(" " in name for name in names):
        raise ValueError("expected names separated by commas")
    return names


def origins(text: str) -> list[str]:
    addresses = host_names(text)
    if not all(address.startswith(("http://", "https://")) for address in addresses):
        raise ValueError("expected addresses such as https://bots.example.com, separated by commas")
    return addresses


def folder(text: str) -> Path:
    """Return the path of a folder that exists or that we may create."""
    path = Path(text).expanduser().resolve()
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    if not nearest.is_dir():
        raise ValueError(f"expected a folder, and {nearest} is none")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(f"expected a folder that we may write to, and {nearest} is not")
    return path


def url(*schemes: str) -> Callable[[str], str]:
    def cast(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
            raise ValueError(f"expected a URL that starts with {' or '.join(f'{s}://' for s in schemes)}")
        return text

    return cast


def postgres(text: str) -> dict[str, Any]:
    """Return Django's settings of the PostgreSQL database that a URL names."""
    expected = "expected postgres://USER:PASSWORD@HOST:PORT/NAME"
    try:
        settings = dict(environ.Env.db_url_config(text))
    except (ImproperlyConfigured, ValueError, KeyError):
        raise ValueError(expected) from None
    if settings.get("ENGINE") != "django.db.backends.postgresql" or not settings.get("NAME"):
        raise ValueError(f"{expected}; only PostgreSQL has the row locks that keep orders from being doubled")
    host = settings.get("OPTIONS", {}).pop("host", None)
    return {**settings, "HOST": host} if host else settings


def secret_key(text: str) -> str:
    if len(text) < 50 or len(set(text)) < 5:
        raise ValueError("expected at least 50 characters, chosen at random")
    return text


def fernet_keys(text: str) -> list[str]:
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


# --- Values that follow from others or from the machine


def processors() -> int:
    """Return how many processors this process may use."""
    if sys.platform.startswith("linux"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def reachable(bind_address: str) -> str:
    """Return the host part of a URL by which this machine reaches a server that listens on an address."""
    address = ipaddress.ip_address(bind_address)
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)


def next_redis_database(broker_url: str) -> str:
    """Return the URL of the Redis database one above the broker's. Raise BadSetting where the broker is no Redis."""
    if not broker_url.startswith(("redis://", "rediss://")):
        raise BadSetting("REDIS_URL is not set: it must name a Redis when CELERY_BROKER_URL is not a redis:// address")
    parts = urlsplit(broker_url)
    number = parts.path.strip("/") or "0"
    if not number.isdigit():
        raise BadSetting(f"CELERY_BROKER_URL in the environment: {number!r} is not the number of a Redis database")
    return urlunsplit(parts._replace(path=f"/{int(number) + 1}"))


def kept_in(path: Path, name: str, make: Callable[[], str]) -> str:
    """Return the content of a file that only we can read, made on first use. Two processes at once agree on one value.

    Raise BadSetting, with the variable that would do instead, where the file cannot be made.
    """
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
