"""Errors for the user and faults of the site are told apart."""

from __future__ import annotations

import pytest

from backtests.errors import BacktestError
from bots.control.lifecycle import ActionRefused
from bots.pages.preview import NothingToPreview
from bots.settings.schema import SettingError
from core.errors import UserError


@pytest.mark.parametrize("error", [SettingError, ActionRefused, NothingToPreview, BacktestError])
def test_what_the_user_can_put_right_is_a_user_error(error):
    assert issubclass(error, UserError)


@pytest.mark.parametrize("fault", [ValueError, LookupError, ArithmeticError])
def test_a_fault_of_the_code_is_no_user_error(fault):
    assert not issubclass(UserError, fault)


def test_a_message_is_shown_unchanged():
    assert str(UserError("Choose a later end.")) == "Choose a later end."
