"""The progress bar of the commands."""

from __future__ import annotations

import pytest

from core.progress import progress_bar


def test_nothing_is_shown_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("replay", "bars", 10) as show:
        show(3)
    assert capsys.readouterr().err == ""


def test_a_terminal_sees_how_much_is_done(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with progress_bar("replay", "bars", 10) as show:
        show(10)
    assert "10/10" in capsys.readouterr().err


def test_the_total_may_be_known_only_later(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with progress_bar("walk-forward", "windows") as show:
        show(4, 8)
    assert "4/8" in capsys.readouterr().err
