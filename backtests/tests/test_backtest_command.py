"""`manage.py backtest` from a file, from the store and from a bot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from backtests.engine.run import run_backtest
from backtests.models import Backtest
from backtests.statistics.verdict import HEADLINES
from bots.models import BotConfig
from exchange.klines import store
from exchange.klines.files import read_file
from exchange.klines.series import with_all_columns
from exchange.models import ApiKey, Symbol, Venue

SETTINGS = ["stop_loss=0.02", "take_profit=0.05", "fee_rate=0.002"]


@pytest.fixture
def file_options(shared_data: Path) -> dict:
    return {
        "klines": shared_data / "starter" / "BTCUSDT-1h-20230101-20241231.csv.gz",
        "symbol": "BTCUSDT",
        "interval": "1h",
        "exchange_info": shared_data / "exchange_info.json",
        "start": "2024-01-01",
        "end": "2024-03-01",
    }


def run(tmp_path: Path, capsys, **options) -> dict:
    out = tmp_path / "out.json"
    call_command("backtest", json=out, **options)
    said = capsys.readouterr().out
    assert "final equity" in said
    assert any(line.startswith(tuple(HEADLINES.values())) for line in said.splitlines())
    return json.loads(out.read_text())


def test_a_file_is_run_and_its_result_written(tmp_path, capsys, file_options):
    result = run(tmp_path, capsys, set=[SETTINGS[:1], SETTINGS[1:]], **file_options)
    assert list(result) == [
        "symbol", "bars", "first_open_time", "last_open_time", "parameters", "trades", "rejections", "metrics",
    ]  # fmt: skip
    assert result["bars"] == 60 * 24
    assert result["parameters"]["fee_rate"] == "0.002"
    assert isinstance(result["trades"][0]["net_pnl"], str)


@pytest.mark.django_db
def test_a_bot_runs_on_its_stored_candles_with_its_own_settings(tmp_path, capsys, settings, file_options):
    settings.KLINES_URL = str(tmp_path / "klines")
    from_file = run(tmp_path, capsys, set=[SETTINGS], **file_options)
    store.merge("BTCUSDT", with_all_columns(read_file(file_options["klines"])))
    info = json.loads(file_options["exchange_info"].read_text())["symbols"][0]
    Symbol.objects.create(
        venue=Venue.PAPER, name="BTCUSDT", base="BTC", quote="USDT", info=info, read_at=timezone.now()
    )
    time_range = {"start": file_options["start"], "end": file_options["end"]}
    assert run(tmp_path, capsys, dataset="BTCUSDT:1h", set=[SETTINGS], **time_range) == from_file
    key = ApiKey.objects.create(name="paper", venue=Venue.PAPER, key="k", secret="s")
    BotConfig.objects.create(name="btc", api_key=key, symbol="BTCUSDT", stop_loss="0.02", take_profit="0.05")
    assert run(tmp_path, capsys, bot="btc", set=[["fee_rate=0.002"]], **time_range) == from_file
    call_command("backtest", bot="btc", set=[["fee_rate=0.002"]], keep=True, **time_range)
    stored = Backtest.objects.get()
    assert stored.result == from_file
    said = capsys.readouterr().out
    assert stored.verdict["sentence"] in said
    assert f"/backtests/backtest/{stored.pk}/" in said
    with pytest.raises(CommandError, match="There is no bot called “eth”"):
        call_command("backtest", bot="eth")


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"start": "2030-01-01", "end": None}, "the data runs from"),
        ({"keep": True}, "--keep is for stored candles"),
        ({"set": [["stop_loss=2"]]}, "Stop-loss must be between"),
        ({"symbol": "NOPE"}, "NOPE"),
        ({"interval": "7h"}, "no interval"),
        ({"exchange_info": Path("/nowhere.json")}, "cannot be read"),
        ({"exchange_info": None}, "needs --symbol, --interval and --exchange-info"),
    ],
)
def test_what_cannot_be_run_is_said_and_nothing_written(tmp_path, file_options, changes, says):
    out = tmp_path / "out.json"
    with pytest.raises(CommandError, match=says):
        call_command("backtest", json=out, **(file_options | changes))
    assert not out.exists()


@pytest.mark.django_db
def test_a_stored_run_runs_the_engine_once(tmp_path, monkeypatch, market):
    calls = []

    def counted(*args, **kwargs):
        calls.append(args)
        return run_backtest(*args, **kwargs)

    monkeypatch.setattr("backtests.engine.run.run_backtest", counted)
    call_command("backtest", dataset="BTCUSDT:1h", keep=True)
    assert len(calls) == 1


@pytest.mark.django_db
def test_a_stored_run_writes_the_result_that_it_stored(tmp_path, market):
    call_command("backtest", dataset="BTCUSDT:1h", keep=True, json=tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == Backtest.objects.get().result


@pytest.mark.django_db
def test_an_interval_beside_another_dataset_is_refused(market):
    with pytest.raises(CommandError, match="contradict BTCUSDT:1h"):
        call_command("backtest", dataset="BTCUSDT:1h", interval="4h")
