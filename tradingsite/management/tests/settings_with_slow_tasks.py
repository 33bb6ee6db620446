"""The site's settings, and a worker that knows the task of slow_tasks.py."""

from tradingsite.settings import *  # noqa: F403

CELERY_IMPORTS = ("tradingsite.management.tests.slow_tasks",)
