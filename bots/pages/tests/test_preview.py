"""The preview of the next tick: the orders that it shows."""

from __future__ import annotations

import pytest

from bots.pages.preview import NothingToPreview, preview
from bots.trading.tests.tables import ENTER, EXIT_BAR, HELD, QUIET, SELLS

pytestmark = pytest.mark.django_db


def test_an_entry_is_shown_with_its_protection(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.clock.set(stage.open_of(ENTER + 1))
    assert [order["type"] for order in preview(stage.bot, stage.context()).orders] == [
        "MARKET",
        "STOP_LOSS",
        "LIMIT_MAKER",
    ]


def test_an_exit_is_shown_with_its_quantity(make_stage):
    stage = make_stage(HELD + SELLS + "98 98 98 98")
    stage.decide(ENTER)
    stage.decide(ENTER + 1)
    stage.clock.set(stage.open_of(EXIT_BAR + 1))
    [order] = preview(stage.bot, stage.context()).orders
    assert (order["side"], order["quantity"]) == ("SELL", "5")


def test_a_bar_that_does_nothing_has_no_orders(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.clock.set(stage.open_of(ENTER))
    assert preview(stage.bot, stage.context()).orders == ()


def test_a_decided_bar_is_said_to_be(make_stage):
    stage = make_stage(HELD + QUIET)
    stage.decide(ENTER)
    assert preview(stage.bot, stage.context()).is_decided


def test_without_a_closed_bar_there_is_no_preview(make_stage):
    stage = make_stage(HELD + QUIET)
    with pytest.raises(NothingToPreview, match="no closed 1h bar"):
        preview(stage.bot, stage.context())
