"""Versions of a bot's configuration."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots import versions
from bots.models import BotConfig
from bots.tests import builders

pytestmark = pytest.mark.django_db


def test_a_configuration_has_decimals_as_plain_text():
    values = versions.configuration(BotConfig(stop_loss=Decimal("0.0200")))
    assert (values["stop_loss"], values["initial_capital"]) == ("0.02", "1000")


@pytest.mark.parametrize("name", sorted(versions.NOT_VERSIONED))
def test_what_is_no_setting_is_left_out(name):
    assert name not in versions.configuration(builders.bot())


def test_the_first_version_says_created():
    version = builders.bot().versions.get()
    assert (version.number, version.reason) == (1, "Created")


def test_an_unchanged_configuration_makes_no_version():
    made = builders.bot()
    assert versions.record(made) == made.versions.get()


def test_a_change_makes_the_next_version_with_its_author(admin_user):
    made = builders.bot()
    made.stop_loss = Decimal("0.05")
    version = versions.record(made, author=admin_user, reason="Too tight")
    assert (version.number, version.author, version.reason) == (2, admin_user, "Too tight")


def test_the_current_version_is_the_newest():
    made = builders.bot()
    made.stop_loss = Decimal("0.05")
    made.save()
    newest = versions.record(made)
    assert versions.current_version(made) == newest == versions.latest(made)


def test_a_bot_without_a_version_gets_one():
    made = builders.bot()
    made.versions.all().delete()
    made.save()
    assert versions.current_version(made).number == 1


def test_the_current_version_is_read_once(django_assert_num_queries):
    made = builders.bot()
    versions.current_version(made)
    with django_assert_num_queries(0):
        versions.current_version(made)
