"""Deleting a bot with all its records."""

from __future__ import annotations

import pytest

from bots.control import deletion, lifecycle
from bots.models import (
    BotConfig,
)
from bots.trading import leases
from bots.trading.tests.tables import HELD, QUIET

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_bot_is_not_removed_in_the_middle_of_a_run(make_stage):
    bot = make_stage(HELD + QUIET)
    lease = leases.claim(bot.bot.pk)
    assert lease is not None
    with pytest.raises(lifecycle.ActionRefused, match="in the middle of a run"):
        deletion.remove(bot.bot)
    leases.release(lease)
    deletion.remove(bot.bot)
    assert not BotConfig.objects.exists()
