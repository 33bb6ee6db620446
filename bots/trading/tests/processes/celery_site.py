"""Real Celery workers for crash and race tests, and the queue between them and us."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bots.trading.tests.processes.paper_process import ROOT, environment
from tradingsite.celery import app


@contextmanager
def celery_workers(
    folder: Path, paper_url: str, number: int = 2, processes: int = 2
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Workers as in production (prefork), each with a log of its own."""
    workers: list[subprocess.Popen[bytes]] = []
    for index in range(number):
        command = [
            sys.executable, "-m", "celery", "-A", "bots.trading.tests.processes.worker", "worker",
            "--concurrency", str(processes),
            "--hostname", f"race{index}@%h", "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        with (folder / f"worker{index}.log").open("w") as log:
            workers.append(
                subprocess.Popen(command, cwd=ROOT, env=environment(PAPER_URL=paper_url), stdout=log, stderr=log)
            )
    try:
        yield workers
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def empty_queue() -> None:
    with app.connection_or_acquire() as broker:
        broker.default_channel.queue_purge(app.conf.task_default_queue)


def queue_length() -> int:
    """Doorbells not yet taken. Redis drops a list with its last element, and the broker then knows no such queue."""
    with app.connection_or_acquire() as broker:
        try:
            queue = broker.default_channel.queue_declare(app.conf.task_default_queue, passive=True)
        except broker.channel_errors:
            return 0
        return int(queue.message_count)
