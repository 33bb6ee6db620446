"""Format log lines, and keep secrets out of them.

All code logs with the standard library, a fixed phrase plus fields: `logger.info("order filled", extra={"bot": 3})`.
Django, Celery, gunicorn and every other package do the same, so one formatter on one handler sees every line. structlog
only renders: its ProcessorFormatter passes each field, argument and traceback through `redact` before it writes them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from functools import cached_property
from typing import Any

STARS = "********"

SECRET_NAMES = re.compile(
    r"(secret|password|passwd|api[_-]?key|apikey|signature|token|authorization|cookie|x-mbx-apikey|private|credential)",
    re.IGNORECASE,
)
# What a secret looks like inside text: a parameter of a signed URL, a header, a repr, a URL with a password, a key of
# Binance's (64 letters and digits) or of Fernet's (44 of base64).
SECRET_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"(?i)((?:signature|api[_-]?key|api[_-]?secret|secret(?:[_-]?key)?|password|passwd|token|x-mbx-apikey|authorization)"
            r"[\"']?\s*[=:]\s*[\"']?)(?:Bearer\s+|Basic\s+)?[^\s&\"',;)}\]]+"
        ),
        rf"\1{STARS}",
    ),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(@)"), rf"\1{STARS}\2"),
    (re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{64}(?![A-Za-z0-9])"), STARS),
    (re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}=(?![A-Za-z0-9_=-])"), STARS),
)
HARMLESS_FIELDS = {"event", "level", "logger", "timestamp"}


def redact_text(text: str) -> str:
    """Replace everything in a text that looks like a secret by stars."""
    for pattern, replacement in SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(name: str, value: Any) -> Any:
    """Return a field's value as it may be logged: stars where its name says secret, else with its secrets replaced."""
    if SECRET_NAMES.search(name) and value not in (None, "", True, False):
        return STARS
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {key: redact_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact_value("", inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact_text(str(value))


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact all fields of a line. This is the last structlog processor before rendering."""
    for name in list(event):
        if not name.startswith("_"):
            event[name] = redact_text(str(event[name])) if name in HARMLESS_FIELDS else redact_value(name, event[name])
    return event


def _collectors() -> list[Any]:
    """Return the processors that gather the fields of a line, before it is redacted and rendered."""
    import structlog

    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


class Lines(logging.Formatter):
    """Format the lines of every handler. structlog is loaded with the first line: a short command may write none."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    @cached_property
    def _formatter(self) -> logging.Formatter:
        import structlog

        last: Any = (
            structlog.processors.JSONRenderer()
            if self._as_json
            else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
        )
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_collectors(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, last],
        )

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)


def configuration(level: str, as_json: bool) -> dict[str, Any]:
    """Return the value of Django's LOGGING setting."""
    quieter = "DEBUG" if level == "DEBUG" else "WARNING"
    at_least_info = logging.getLevelName(max(logging.INFO, logging.getLevelName(level)))
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "tradingsite.logs.Lines", "as_json": as_json}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            **{name: {"handlers": [], "level": level, "propagate": True} for name in ("django", "gunicorn.error")},
            # At DEBUG these write whole requests with their signatures.
            **{name: {"level": at_least_info} for name in ("urllib3", "requests", "binance", "websockets")},
            # A line for each task or request would hide the others.
            **{name: {"level": quieter} for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace")},
            **{name: {"handlers": [], "level": quieter} for name in ("gunicorn.access", "django.server")},
        },
    }
