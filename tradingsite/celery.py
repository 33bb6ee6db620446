"""Define the Celery app. Its settings are the CELERY_ ones of settings.py; tasks live in each app's tasks.py."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]

from tradingsite.embedded.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

# It warns workers that run as root of pickled messages; ours are JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("tradingsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Do nothing: that somebody is connected makes Celery leave logging as the settings have it."""


@signals.worker_init.connect
def _import_the_client(**_: Any) -> None:
    """Import the client once, before the pool forks, so that no first tick waits for it."""
    importlib.import_module("exchange.binance.exchange")


@signals.worker_process_init.connect
def _end_with_the_worker(**_: Any) -> None:
    """End the pool's processes with a killed worker, so that their tasks go back to the queue."""
    die_with_parent()


@signals.heartbeat_sent.connect
def _send_heartbeat(**_: Any) -> None:
    from tradingsite.health import heartbeats  # reads the settings, which Celery loads after this module

    for queue in app.amqp.queues.consume_from:
        heartbeats.send(heartbeats.worker_name(queue))
