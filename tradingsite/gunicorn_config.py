"""Configure gunicorn, as a child of `manage.py up` or alone.

gunicorn -c python:tradingsite.gunicorn_config
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

from django.conf import settings

from tradingsite.embedded.processes import die_with_parent

wsgi_app = "tradingsite.wsgi:application"
bind = f"{settings.BIND_ADDRESS}:{settings.PORT}"
worker_class = "gthread"
preload_app = True  # loaded once, shared by the workers
workers = settings.WEB_WORKERS
threads = 8
timeout = 60
graceful_timeout = 15
keepalive = 5
proc_name = "tradingsite-web"
control_socket_disable = True
logconfig_dict = settings.LOGGING
loglevel = settings.LOG_LEVEL.lower()


def post_fork(server: Any, worker: Any) -> None:
    """End the workers with a killed master."""
    die_with_parent()
