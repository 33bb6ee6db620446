"""`manage.py up` with real processes: what dies comes back, what runs finishes, nothing is left over."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from functools import partial

import pytest

from tradingsite.tests.conftest import ROOT, Site, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SEND = (
    "import django; django.setup(); from tradingsite.management.tests.slow_tasks import take_a_while as t; "
    "import sys; t.delay(float(sys.argv[1]), *sys.argv[2:])"
)


def is_healthy(site: Site) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


CHILDREN = (
    "gunicorn", "worker -Q trading", "worker -Q research", "celery .* beat", "valkey-server", "bin/postgres -D",
    "watchdog postgres",
)  # fmt: skip
COUNT = """
from django.contrib.auth.models import User
from bots.models import BotConfig
print(User.objects.count(), BotConfig.objects.count())
"""


def is_replaced(site: Site, like: str, killed: int) -> bool:
    return bool(set(site.processes(like)) - {killed})


def test_a_site_restarts_what_is_killed_and_stops_without_a_trace(site: Site) -> None:
    up = site.up("--no-demo")
    announced = re.findall(r"log in as admin with the password (\S+)", site.said)
    assert len(set(announced)) == 1, "the generated login is announced"
    assert is_healthy(site), "it says that it is ready before it is"

    second = site.manage("up", "--no-demo")
    assert second.returncode != 0
    assert f"already runs on {site.folder} (process {up.pid})" in second.stderr
    assert "Traceback" not in second.stderr

    for like in CHILDREN:
        killed = min(site.processes(like))
        os.kill(killed, signal.SIGKILL)
        assert eventually(partial(is_replaced, site, like, killed), within=60), like
        assert eventually(lambda: is_healthy(site), within=90), (like, site.said)

    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 0
    assert eventually(lambda: not site.processes(), within=15), site.processes()
    assert site.said.rstrip().endswith("stopped")


def test_sigterm_lets_a_running_task_finish_and_the_data_survive(site: Site) -> None:
    # The worker learns of the test's task from another settings module that adds it to the site's.
    site.extra = {"DJANGO_SETTINGS_MODULE": "tradingsite.management.tests.settings_with_slow_tasks"}
    up = site.up("--no-demo")
    started, finished = site.folder / "task-started", site.folder / "task-finished"
    subprocess.run(
        [sys.executable, "-c", SEND, "6", str(started), str(finished)], cwd=ROOT, env=site.environment, check=True
    )
    assert eventually(started.exists), site.said
    up.send_signal(signal.SIGTERM)
    assert up.wait(60) == 0
    assert finished.exists(), "the task was cut off"
    counted = site.manage("shell", "-v", "0", "-c", COUNT)
    assert counted.stdout.split() == ["1", "0"], "the login of the first start is gone, or a demo was made"


def test_a_killed_supervisor_leaves_no_orphan_and_can_start_again(site: Site) -> None:
    up = site.up("--no-demo")
    assert len(site.processes()) > 8
    up.kill()
    up.wait()
    assert eventually(lambda: not site.processes(), within=20), site.processes()
    site.up()
    assert eventually(lambda: "BTC 15m trend" in site.manage("list_bots").stdout, within=60), site.said


def test_a_taken_port_is_said_in_a_sentence(site: Site) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", site.port))
        taken.listen()
        answer = site.manage("up", "--no-demo")
    assert answer.returncode != 0
    assert f"port {site.port} is taken by another program. Set PORT" in answer.stderr
    assert not site.processes()
