"""The log of who did what to which bot."""

from __future__ import annotations

import pytest

from bots.control.action_log import ActionKind, actor_name, log_action
from bots.tests import builders

pytestmark = pytest.mark.django_db


def test_a_user_is_logged_with_the_name_of_that_day(admin_user):
    action = log_action(ActionKind.STOP, by=admin_user)
    assert (action.author, action.author_name) == (admin_user, "admin")


def test_a_person_at_the_terminal_is_logged_by_name():
    action = log_action(ActionKind.STOP, by="root")
    assert (action.author, action.author_name) == (None, "root")


def test_the_site_itself_has_no_name():
    assert actor_name(None) == ""


def test_a_bot_is_logged_with_the_name_of_that_day():
    made = builders.bot("Alpha")
    action = log_action(ActionKind.STOP, made)
    assert (action.bot, action.bot_name) == (made, "Alpha")


def test_a_long_reason_is_cut():
    assert len(log_action(ActionKind.STOP, reason="x" * 900).reason) == 500
