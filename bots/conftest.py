"""Fixtures that several folders of bots' tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bots.trading.tests.stage import Stage


@pytest.fixture
def make_stage() -> Iterator[Callable[..., Stage]]:
    """Return a function that makes a bot on a table; its market is closed after the test."""
    stages: list[Stage] = []

    def make(table: str, **options: Any) -> Stage:
        stages.append(Stage(table, **options))
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()
