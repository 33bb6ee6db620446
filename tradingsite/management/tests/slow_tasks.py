"""A task for the tests of stopping: it takes a while and leaves a mark when it was let finish."""

from __future__ import annotations

import time
from pathlib import Path

from celery import shared_task


@shared_task(ignore_result=True)
def take_a_while(seconds: float, started: str, finished: str) -> None:
    """Touch one file, wait, touch the other."""
    Path(started).touch()
    time.sleep(seconds)
    Path(finished).touch()
