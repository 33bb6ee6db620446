"""What is missing on this machine is told before the first start."""

from __future__ import annotations

import pytest
from django.test import override_settings

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.servers import binaries_check


def absent(*_: object) -> None:
    raise EmbeddedError("There is none.")


@pytest.fixture(autouse=True)
def _nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries_check, "find_binaries", absent)
    monkeypatch.setattr(binaries_check, "find_binary", absent)


@override_settings(USES_EMBEDDED_POSTGRES=True, USES_EMBEDDED_REDIS=True)
def test_each_missing_server_is_a_sentence() -> None:
    assert binaries_check.missing() == ["There is none."] * 2


@override_settings(USES_EMBEDDED_POSTGRES=False, USES_EMBEDDED_REDIS=False)
def test_servers_of_ones_own_need_no_binaries() -> None:
    assert binaries_check.missing() == []


@override_settings(USES_EMBEDDED_POSTGRES=True, USES_EMBEDDED_REDIS=False)
def test_a_missing_server_fails_the_installation(capsys: pytest.CaptureFixture[str]) -> None:
    assert binaries_check.main() == 1
    assert capsys.readouterr().err == "error: There is none.\n"
