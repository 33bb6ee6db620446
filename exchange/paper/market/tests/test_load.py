"""Test which texts name a market."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import UserError
from exchange.paper.market.load import check_spec, market_from_spec, read_symbols


@pytest.mark.parametrize("spec", ["replay:file.csv", "replay:BTCUSDT:1h,ETHUSDT:1h", "simulated:1", "mirror"])
def test_spec_is_accepted(spec: str) -> None:
    check_spec(spec)


@pytest.mark.parametrize("spec", ["", "replay:", "replay: , ", "simulated:", "simulated:x", "mirror:1", "live"])
def test_malformed_spec_is_refused(spec: str) -> None:
    with pytest.raises(UserError):
        check_spec(spec)


def test_market_is_opened_once() -> None:
    assert market_from_spec("simulated:42") is market_from_spec("simulated:42")


def test_market_of_own_exchange_info_is_opened_anew() -> None:
    info = {"symbols": []}
    assert market_from_spec("simulated:42", info) is not market_from_spec("simulated:42", info)


def test_missing_file_of_symbols_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json cannot be read"):
        read_symbols(tmp_path / "none.json")


def test_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text("<html>")
    with pytest.raises(UserError, match="is not JSON"):
        read_symbols(tmp_path / "info.json")


def test_other_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text(json.dumps({"serverTime": 1}))
    with pytest.raises(UserError, match="is no answer of GET /api/v3/exchangeInfo"):
        read_symbols(tmp_path / "info.json")


@pytest.mark.parametrize("name", ["", "BTCUSDT-1h.csv"])
def test_replay_of_a_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        market_from_spec(f"replay:{tmp_path / name}")
