"""The Celery app. Its settings are the CELERY_ ones of settings.py; tasks live in each app's tasks.py."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]

from tradingsite.embedded.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

# About workers that run as root: what it warns of is unpickling messages, and ours are JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("tradingsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Being connected is enough: Celery then leaves logging as the settings have it."""


@signals.worker_init.connect
def _import_the_client(**_: Any) -> None:
    """Once, before the pool forks: its processes share it, and no first tick waits for it."""
    importlib.import_module("exchange.binance.exchange")


@signals.worker_process_init.connect
def _end_with_the_worker(**_: Any) -> None:
    """A killed worker takes its pool along; the tasks they had come back to the queue."""
    die_with_parent()


@signals.heartbeat_sent.connect
def _leave_heartbeat(**_: Any) -> None:
    from tradingsite import heartbeats

    for queue in app.amqp.queues.consume_from:
        heartbeats.leave(heartbeats.worker_of(queue))
