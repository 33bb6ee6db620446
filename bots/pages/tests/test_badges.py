"""Badges: their text and colour."""

from __future__ import annotations

import pytest

from bots.models import ParityCheck
from bots.pages import badges
from exchange.models import Venue


def test_a_text_is_escaped():
    assert "&lt;b&gt;" in badges.badge("good", "<b>")


def test_a_title_is_the_text_by_default():
    assert badges.badge("good", "Fine") == '<span class="badge good" title="Fine">Fine</span>'


@pytest.mark.parametrize(
    ("venue", "text"), [(Venue.PAPER, "Simulated"), (Venue.TESTNET, "Testnet"), (Venue.LIVE, "Real money")]
)
def test_a_venue_says_whose_money_it_is(venue, text):
    assert f">{text}<" in badges.venue(venue)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"error": "No answer"}, "Not compared"),
        ({"drift": "1 unexplained"}, "Drift"),
        ({"differences": 3}, "3 explained"),
        ({}, "Equal"),
    ],
)
def test_a_parity_check_has_its_result(values, text):
    assert f">{text}<" in badges.parity(ParityCheck(**values))


@pytest.mark.parametrize(
    ("status", "is_halted", "text"),
    [("running", False, "Running"), ("running", True, "Halted: drawdown"), ("stopped", True, "Stopped")],
)
def test_a_drawdown_halt_replaces_the_status(status, is_halted, text):
    assert f">{text}<" in badges.status(status, status.capitalize(), is_halted=is_halted)
