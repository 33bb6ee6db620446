"""The servers and the data every test may use: one throw-away PostgreSQL and Valkey for the whole session.

They live in a temporary folder, are shared by all xdist workers, and die with the session whatever ends it.
Each worker has its own database (pytest-django's test database) and its own pair of Valkey databases.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tradingsite.embedded.servers.postgres import Postgres  # noqa: E402
from tradingsite.embedded.servers.sockets import make_socket_folder  # noqa: E402
from tradingsite.embedded.servers.valkey import Valkey  # noqa: E402

SHARED_FOLDER = "TRADINGSITE_TEST_SERVERS"  # tells xdist workers where the controller put the servers

IS_CONTROLLER = SHARED_FOLDER not in os.environ
if IS_CONTROLLER:
    os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="tradingsite-test-")
FOLDER = Path(os.environ[SHARED_FOLDER])
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
POSTGRES = Postgres(FOLDER / "postgres", FOLDER / "run", durable=False)
REDIS = Valkey(FOLDER / "redis", FOLDER / "run", durable=False)


def _point_settings_at_servers() -> None:
    """Before anything reads the settings. Values of the caller's own environment must not decide a test."""
    os.environ["VAR_DIR"] = str(FOLDER / "var")
    os.environ["DATABASE_URL"] = POSTGRES.url("postgres")
    os.environ["CELERY_BROKER_URL"] = REDIS.broker_url(2 * WORKER)
    os.environ["REDIS_URL"] = REDIS.url(2 * WORKER + 1)
    os.environ["LOG_LEVEL"] = "WARNING"
    for name in ("DEBUG", "HTTPS", "ALLOWED_HOSTS", "PORT", "KLINES_URL", "PAPER_URL", "ALLOW_LIVE_TRADING"):
        os.environ[name] = ""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the browser tests' driver runs an event loop in our thread
    os.environ["DJANGO_SETTINGS_MODULE"] = "tradingsite.settings"


_point_settings_at_servers()

import django  # noqa: E402

django.setup()


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, once, before any worker does."""
    if not IS_CONTROLLER:
        return
    if getattr(config.option, "numprocesses", None):
        # pytest-django would load the settings of a worker before this file has named the worker's own databases.
        del os.environ["DJANGO_SETTINGS_MODULE"]
    config.add_cleanup(lambda: shutil.rmtree(FOLDER, ignore_errors=True))  # runs last
    if config.option.collectonly:
        return
    make_socket_folder(FOLDER / "run")
    POSTGRES.initialise()
    started = POSTGRES.start(), REDIS.start()
    config.add_cleanup(lambda: POSTGRES.stop(started[0]))
    config.add_cleanup(lambda: REDIS.stop(started[1]))
    POSTGRES.wait_until_ready(started[0])
    REDIS.wait_until_ready(started[1])


LEFT_OUT = ("long", "stress", "parity")  # minutes to hours: only when `-m` names them


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long runs out unless the command line asks for them; begin with the slow tests, so that no worker is
    left alone with one at the end."""
    asked = str(config.option.markexpr)
    long = [item for item in items if any(item.get_closest_marker(mark) and mark not in asked for mark in LEFT_OUT)]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real market data beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        reason = f"the market data these tests read is not at {folder}"
        if os.environ.get("REQUIRE_SHARED_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(autouse=True)
def _paper_exchange_as_it_was() -> Iterator[None]:
    """Take away what a test installed in this process's paper exchange: its clock would be the next test's."""
    from exchange.paper.market.registry import market_registry

    before = {
        "_clocks": {**market_registry._clocks},
        "_replayed": {*market_registry._replayed},
        "_default": market_registry._default,
    }
    yield
    for name, value in before.items():
        setattr(market_registry, name, value)


@pytest.fixture
def redis_url() -> Iterator[str]:
    """Give the address of an empty Redis database of this worker's own: settings.REDIS_URL, and the cache's too."""
    import redis

    address = os.environ["REDIS_URL"]
    client = redis.Redis.from_url(address)
    client.flushdb()
    yield address
    client.flushdb()
    client.close()
