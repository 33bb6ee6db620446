"""Real clients, unmodified and in an environment of their own, against the running `paper_exchange` command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from exchange.paper.http.server import PaperHandler, PaperServer
from exchange.paper.market.clock import ManualClock
from exchange.paper.market.registry import MarketRegistry
from exchange.paper.market.replay import ReplayMarket
from exchange.paper.tests.builders import MINUTE_MS, START_MS, candles, symbol_info

ROOT = Path(__file__).resolve().parents[3]
TOURS = Path(__file__).parent / "client_tours"
CLIENTS = ROOT / ".venv-clients" / "bin" / "python"
KEY, SECRET = "tour-key", "tour-secret"


@dataclass(frozen=True)
class Running:
    base: str
    process: subprocess.Popen[str]


Special = Mapping[int, tuple[int, int, int, int]]  # open, high, low, close by minute
UP, DOWN, FAR_DOWN = (100, 111, 100, 100), (100, 100, 94, 100), (100, 100, 89, 100)
TOUR = {12: UP, 14: DOWN, 16: FAR_DOWN}
PRICE_PATH = {12: UP, 14: DOWN, 16: UP, 18: DOWN, 20: FAR_DOWN, 22: UP}


def write_market(folder: Path, special: Special) -> tuple[Path, Path]:
    """Forty minutes at 100 but for the `special` ones."""
    lines = []
    for number in range(40):
        opened = START_MS + number * MINUTE_MS
        prices = ",".join(f"{price:.8f}" for price in special.get(number, (100,) * 4))
        lines.append(f"{opened},{prices},1000.0,{opened + MINUTE_MS - 1},100000.0,10,500.0,50000.0,0")
    rows, info = folder / "BTCUSDT-1m-tour.csv", folder / "exchange_info.json"
    rows.write_text("\n".join(lines) + "\n")
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
    ]
    info.write_text(json.dumps({"rateLimits": limits, "symbols": [symbol_info()]}))
    return rows, info


@contextmanager
def paper_exchange(folder: Path, *more: str, market: Special = TOUR, controlled: bool = True) -> Iterator[Running]:
    """Run the command as a process of its own, ready, at minute 10; stopped by SIGTERM."""
    rows, info = write_market(folder, market)
    command = [sys.executable, "manage.py", "paper_exchange", "--port", "0", "--clock", "manual"]
    command += ["--control"] * controlled
    command += ["--market", f"replay:{rows}@BTCUSDT:1m", "--exchange-info", str(info)]
    command += ["--start", str(START_MS + 10 * MINUTE_MS + 1), "--balance", "USDT=10000", "--balance", "BTC=10"]
    command += ["--api-key", KEY, "--api-secret", SECRET, *more]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield Running(_wait_until_ready(process), process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait_until_ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.strip() == "ready":
            # Whatever it says later must not fill the pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            address = next(text for text in said if text.startswith("serving "))
            return address.split()[1].removesuffix("/api/v3/")
    pytest.fail(f"paper_exchange ended: {''.join(said)}")


def control(base: str, body: object) -> tuple[int, dict[str, object]]:
    answer = requests.post(f"{base}/control/clock", json=body, timeout=10)
    return answer.status_code, answer.json()


@pytest.mark.slow
def test_the_clock_is_moved_by_bars_or_to_a_time_and_never_back(tmp_path):
    with paper_exchange(tmp_path) as running:
        start = START_MS + 10 * MINUTE_MS + 1
        assert control(running.base, {"bars": 2}) == (200, {"time": start + 2 * MINUTE_MS})
        assert control(running.base, {"time": start + 3 * MINUTE_MS}) == (200, {"time": start + 3 * MINUTE_MS})
        assert control(running.base, {"time": start})[0] == 400
        assert control(running.base, {"bars": -1})[0] == 400
        assert control(running.base, {"bars": "1"})[0] == 400
        prices = requests.get(f"{running.base}/api/v3/ticker/price?symbol=BTCUSDT", timeout=10).json()
        assert prices == {"symbol": "BTCUSDT", "price": "100.00000000"}
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 128 + signal.SIGTERM


@pytest.mark.slow
def test_nobody_moves_the_clock_unless_the_command_says_so(tmp_path):
    with paper_exchange(tmp_path, controlled=False) as running:
        assert control(running.base, {"bars": 1}) == (404, {"error": "not served here"})


class Elsewhere(PaperHandler):
    """Sees every caller as one on another machine."""

    def setup(self) -> None:
        super().setup()
        self.client_address = ("192.0.2.1", self.client_address[1])


def test_a_caller_on_another_machine_does_not_move_the_clock():
    clock = ManualClock(START_MS + 1)
    market = ReplayMarket({"BTCUSDT": candles("100 100 100 100\n" * 5)})
    with PaperServer(("127.0.0.1", 0), MarketRegistry(), (clock, market)) as server:
        server.RequestHandlerClass = Elsewhere
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        from_elsewhere = control(base, {"bars": 1})
        server.RequestHandlerClass = PaperHandler
        from_here = control(base, {"bars": 1})
        server.shutdown()
    assert from_elsewhere == (404, {"error": "not served here"})
    assert from_here == (200, {"time": START_MS + MINUTE_MS + 1})  # one bar on, and no more


@pytest.mark.slow
@pytest.mark.parametrize("tour", ["python_binance", "ccxt", "sdk"])
def test_a_real_client_passes_its_tour(tour, tmp_path):
    with paper_exchange(tmp_path) as running:
        run_tour(running, f"tour_{tour}.py")


@pytest.mark.slow
@pytest.mark.parametrize("client", ["python_binance", "ccxt", "sdk"])
def test_every_client_ends_with_the_same_balances(client, tmp_path):
    with paper_exchange(tmp_path, market=PRICE_PATH) as running:
        run_tour(running, "walk.py", TOUR_CLIENT=client)


def run_tour(running: Running, script: str, **more: str) -> None:
    if not CLIENTS.exists():
        pytest.skip("the clients are not installed; `make test` does it")
    places = {"TOUR_BASE": running.base, "TOUR_KEY": KEY, "TOUR_SECRET": SECRET, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [CLIENTS, str(TOURS / script)],
        env={**os.environ, **places, **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "tour done" in done.stdout
