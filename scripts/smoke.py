"""Run a backtest and one tick of a bot in this checkout, in a throw-away data folder: `python -m scripts.smoke`."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARS = 2000
HOUR_MS = 3_600_000
FIRST_OPEN_MS = 1_704_067_200_000  # 2024-01-01
READY_WITHIN_S = 180
DEMO_BOT = "BTC 15m trend"
EXCHANGE_INFO = {
    "symbols": [
        {
            "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
            "isSpotTradingAllowed": True, "baseAssetPrecision": 8, "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
                {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "avgPriceMins": 5},
            ],
        }
    ]
}  # fmt: skip


def candle_lines() -> list[str]:
    """Return Binance's CSV of a price that swings by a tenth, so that a backtest has trades."""
    closes = [30_000 * (1 + 0.1 * math.sin(n / 40) + 0.01 * math.sin(n / 3)) for n in range(BARS)]
    lines = []
    for n, (before, close) in enumerate(zip([closes[0], *closes], closes, strict=False)):
        opens = FIRST_OPEN_MS + n * HOUR_MS
        low, high = min(before, close), max(before, close)
        prices = f"{before:.2f},{high:.2f},{low:.2f},{close:.2f}"
        lines.append(f"{opens},{prices},1.0,{opens + HOUR_MS - 1},{close:.2f},1,0.5,{close / 2:.2f},0")
    return lines


def manage(*arguments: str) -> str:
    """Run a command of `manage.py` to its end. Return what it printed; stop everything where it fails."""
    done = subprocess.run([sys.executable, "manage.py", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: manage.py {arguments[0]} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def run_backtest(folder: Path) -> None:
    """Run the engine over a file of candles. Raise where it took no trade."""
    klines, info, result = folder / "klines.csv", folder / "exchange-info.json", folder / "result.json"
    klines.write_text("\n".join(candle_lines()) + "\n")
    info.write_text(json.dumps(EXCHANGE_INFO))
    manage(
        "backtest", "--klines", str(klines), "--symbol", "BTCUSDT", "--interval", "1h", "--exchange-info", str(info),
        "--set", "stop_loss=0.02", "--json", str(result),
    )  # fmt: skip
    trades = json.loads(result.read_text())["trades"]
    if not trades:
        sys.exit("error: the backtest took no trade")
    print(f"backtest: {len(trades)} trades")


def run_tick(folder: Path) -> None:
    """Start the whole site with its demo, and run one tick of a demo bot."""
    log = folder / "up.log"
    with log.open("w") as output:
        site = subprocess.Popen([sys.executable, "manage.py", "up"], stdout=output, stderr=output)
    try:
        give_up = time.monotonic() + READY_WITHIN_S
        while "demo's bots are running" not in log.read_text():
            if site.poll() is not None or time.monotonic() > give_up:
                sys.exit(f"error: the site did not get ready\n{log.read_text()}")
            time.sleep(0.5)
        print("tick:", manage("run_bot", DEMO_BOT).strip())
    finally:
        site.send_signal(signal.SIGTERM)
        site.wait(120)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tradingsite-smoke-") as folder:
        os.environ |= {"VAR_DIR": f"{folder}/var", "PORT": str(free_port()), "LOG_LEVEL": "WARNING"}
        run_backtest(Path(folder))
        run_tick(Path(folder))


if __name__ == "__main__":
    main()
