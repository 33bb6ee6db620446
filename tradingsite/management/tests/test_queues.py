"""Bots and backtests do not wait for each other: which queue a task goes to, and a tick beside a long search."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tradingsite.celery import app
from tradingsite.tests.conftest import ROOT, Site

TICK_WITHIN_S = 10.0  # on an idle machine it takes a fraction of a second


def queue_of(task: str) -> str:
    return str(app.amqp.router.route({}, task)["queue"].name)


def test_all_backtests_go_to_the_research_queue_and_nothing_else_does() -> None:
    app.loader.import_default_modules()
    ours = [name for name in app.tasks if not name.startswith("celery.")]
    assert "bots.tasks.run_bot_task" in ours
    assert "backtests.tasks.make_chunk_task" in ours
    for name in ours:
        assert queue_of(name) == ("research" if name.startswith("backtests.") else "trading"), name


def test_a_worker_that_is_told_no_queue_takes_ticks_alone() -> None:
    assert set(app.amqp.queues.consume_from) == {"trading"}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_long_search_does_not_delay_a_tick(site: Site) -> None:
    site.extra = {"RESEARCH_CONCURRENCY": "2"}
    site.up("--no-demo")
    answer = subprocess.run(
        [sys.executable, "-m", "tradingsite.management.tests.tick_beside_search"],
        cwd=ROOT, env={**site.environment, "DJANGO_SETTINGS_MODULE": "tradingsite.settings"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr + site.said
    told = json.loads(answer.stdout)
    assert told["chunks_in_hand"] > 0, "the search was over before the tick: make it longer"
    assert told["chunks_left"] > 20, "the search was nearly over before the tick: make it longer"
    assert told["outcome"] == "decided", site.said
    assert told["waited_s"] < TICK_WITHIN_S
