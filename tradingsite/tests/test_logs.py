"""What a log line looks like, and that no secret gets into one."""

from __future__ import annotations

import io
import json
import logging

import pytest

from tradingsite import logs
from tradingsite.logs import STARS, Lines, redact_text, redact_value

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.binance.com/api/v3/account?timestamp=1&signature={SIGNATURE}",
        f"headers={{'X-MBX-APIKEY': '{KEY}'}}",
        f"Client(api_key='{KEY}', api_secret=\"{KEY}\")",
        f"could not reach redis://:{KEY}@redis.example.com",
        f"just {KEY} by itself",
    ],
)
def test_no_secret_passes_in_a_text(text: str) -> None:
    shown = redact_text(text)
    assert KEY not in shown
    assert SIGNATURE not in shown
    assert "********" in shown


@pytest.fixture(params=[False, True], ids=["lines", "json"])
def written(request: pytest.FixtureRequest) -> tuple[logging.Logger, io.StringIO]:
    """Make a logger, and give what it writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines(as_json=request.param))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, stream


Written = tuple[logging.Logger, io.StringIO]


def test_no_secret_passes_in_an_argument(written: Written) -> None:
    written[0].warning("request %s", {"params": {"signature": SIGNATURE}})
    assert SIGNATURE not in written[1].getvalue()


def test_no_secret_passes_in_a_field(written: Written) -> None:
    written[0].warning("request", extra={"api_key": "short-key", "bot": 7})
    assert "short-key" not in written[1].getvalue()


def test_no_secret_passes_in_a_nested_field(written: Written) -> None:
    written[0].warning("request", extra={"nested": {"apiSecret": "hunter2"}})
    assert "hunter2" not in written[1].getvalue()


def test_no_secret_passes_in_a_traceback(written: Written) -> None:
    try:
        raise RuntimeError(f"bad answer to ?signature={SIGNATURE} with apiKey={KEY}")
    except RuntimeError:
        written[0].exception("tick failed")
    assert SIGNATURE not in written[1].getvalue()
    assert KEY not in written[1].getvalue()


def test_a_line_holds_its_phrase_and_its_fields(written: Written) -> None:
    written[0].warning("order filled", extra={"symbol": "BTCUSDT"})
    assert "order filled" in written[1].getvalue()
    assert "BTCUSDT" in written[1].getvalue()


def test_a_json_line_is_one_object() -> None:
    record = logging.LogRecord("bots", logging.INFO, "", 0, "order filled", None, None)
    shown = json.loads(Lines(as_json=True).format(record))
    assert (shown["event"], shown["level"], shown["logger"]) == ("order filled", "info", "bots")


@pytest.mark.parametrize("value", [None, "", True, False])
def test_a_secret_that_is_not_set_is_shown_as_it_is(value: object) -> None:
    assert redact_value("api_key", value) is value


@pytest.mark.parametrize("value", [3, 2.5, "BTCUSDT"])
def test_a_harmless_value_stays(value: object) -> None:
    assert redact_value("field", value) == value


def test_a_list_is_redacted_item_by_item() -> None:
    assert redact_value("field", ["BTCUSDT", KEY]) == ["BTCUSDT", STARS]


def test_another_object_is_shown_as_redacted_text() -> None:
    assert redact_value("field", ValueError(KEY)) == STARS


@pytest.mark.parametrize("name", ["urllib3", "requests", "binance", "websockets"])
def test_libraries_that_write_signed_requests_never_log_at_debug(name: str) -> None:
    assert logs.configuration("DEBUG", as_json=False)["loggers"][name]["level"] == "INFO"


def test_a_quieter_site_quietens_the_libraries_too() -> None:
    assert logs.configuration("ERROR", as_json=False)["loggers"]["urllib3"]["level"] == "ERROR"
