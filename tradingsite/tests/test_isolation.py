"""Each worker of the test session has databases of its own."""

from __future__ import annotations

import os

from django.conf import settings


def test_the_settings_name_this_workers_own_databases() -> None:
    assert os.environ["REDIS_URL"] == settings.REDIS_URL
    assert os.environ["CELERY_BROKER_URL"] == settings.CELERY_BROKER_URL
