"""Messages of errors, as people read them."""

from __future__ import annotations

import pytest

from backtests.errors import BacktestError, NothingToCompare, ReplayFailed, RunError, SearchSpaceError
from core.errors import UserError


@pytest.mark.parametrize("kind", [BacktestError, NothingToCompare, ReplayFailed, RunError, SearchSpaceError])
def test_every_error_of_backtests_may_be_shown(kind):
    assert issubclass(kind, UserError)


def test_a_value_error_may_not_be_shown():
    assert not issubclass(ValueError, UserError)


def test_a_run_error_is_a_sentence():
    assert str(RunError("too few bars")) == "Too few bars."


def test_a_run_error_keeps_its_question_mark():
    assert str(RunError("did you mean 1h?")) == "Did you mean 1h?"


def test_the_name_of_a_setting_stays_small():
    assert str(RunError("stop_loss is too large")) == "stop_loss is too large."


def test_a_run_error_names_its_field():
    assert RunError("no", "grid").field == "grid"
