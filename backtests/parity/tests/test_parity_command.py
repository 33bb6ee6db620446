"""`manage.py parity`: what it says, its exit status, and what it refuses."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from backtests.parity.store import check_bot
from backtests.parity.tests.recorded import drifts
from bots.control import lifecycle
from bots.models import ParityCheck, Trade

pytestmark = pytest.mark.django_db


def test_the_command_says_what_it_compared(answering, capsys, tmp_path):
    call_command("parity", bot=answering.bot.name, json=tmp_path / "out.json")
    said = capsys.readouterr().out
    assert "21 bars and 4 trades compared" in said
    assert "No drift" in said
    result = json.loads((tmp_path / "out.json").read_text())
    assert (result["bars"], result["differences"], result["drift"]) == (21, [], "")
    assert ParityCheck.objects.get().bars == 21


def test_the_command_ends_with_1_where_there_is_drift(answering, capsys, tmp_path):
    Trade.objects.filter(exit_reason="signal").update(exit_reason="stop_loss")
    with pytest.raises(SystemExit) as left:
        call_command("parity", bot=answering.bot.name, json=tmp_path / "out.json")
    assert left.value.code == 1
    said = capsys.readouterr().out
    assert "stop loss at 98.98" in said
    assert "Drift: 1 unexplained" in said
    (row,) = json.loads((tmp_path / "out.json").read_text())["differences"]
    assert (row["bar"], row["is_drift"]) == ("2023-11-15T06:00:00+00:00", True)
    assert drifts(answering.bot).count() == 1


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"bot": "Nobody"}, "There is no bot called “Nobody”"),
        ({"since": "yesterday"}, "no ISO date or time"),
        ({"since": "2030-01-01"}, "has decided no 1h bar of BTCUSDT since 2030-01-01 00:00 UTC"),
        ({"slippage_bps": "much"}, "is no number"),
        ({"slippage_bps": "-1"}, "is not from 0"),
    ],
)
def test_the_command_refuses_in_sentences(answering, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("parity", **{"bot": answering.bot.name, **options})


def test_a_bot_without_decisions_cannot_be_checked(answering):
    bot = lifecycle.duplicate(answering.bot)
    with pytest.raises(CommandError, match="has decided nothing yet"):
        call_command("parity", bot=bot.name)


def test_missing_candles_are_reported(answering, monkeypatch):
    monkeypatch.setattr(answering.stage.exchange, "klines", lambda *_, **__: answering.klines[:0])
    with pytest.raises(CommandError, match="the exchange has no BTCUSDT 1h candles since 2023-11-15 00:00 UTC"):
        call_command("parity", bot=answering.bot.name)


def test_an_unreachable_exchange_is_reported_and_stored(recorded):
    with pytest.raises(CommandError, match=r"the exchange did not answer.*A paper key needs the site running"):
        call_command("parity", bot=recorded.bot.name)
    stored = check_bot(recorded.bot)
    assert stored.error != ""
    assert not drifts(recorded.bot).exists()
