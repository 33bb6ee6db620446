"""Repairing a bot's state in the admin, who may do it, and the record of who did what."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from bots.control import deletion, lifecycle
from bots.models import BotConfig, BotState, Fill, OperatorAction, Trade
from bots.tests import builders
from bots.trading.leases import claim

STATES = "/admin/bots/botstate/"


@pytest.fixture
def holding(db) -> BotConfig:
    builders.btcusdt()
    return builders.with_history(builders.bot("Alpha"), days=2)


def member_of(group: str) -> Client:
    user = User.objects.create_user(group.lower(), password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def repair(client: Client, bot: BotConfig, action: str) -> str:
    response = client.post(STATES, {"action": action, "_selected_action": [bot.state.pk]}, follow=True)
    return response.content.decode()


def test_the_list_of_states_opens(admin_client, holding):
    assert "Alpha" in admin_client.get(STATES).content.decode()


def test_a_state_cannot_be_edited_by_hand(admin_client, holding):
    page = reverse("admin:bots_botstate_change", args=[holding.state.pk])
    assert admin_client.post(page, {"quote": "1"}).status_code == 403


def test_a_ledger_is_rebuilt_from_the_fills(admin_client, holding):
    right = BotState.objects.get(bot=holding)
    fills = Fill.objects.filter(bot=holding)
    spent = sum((f.quote_quantity if f.side == "BUY" else -f.quote_quantity for f in fills), Decimal(0))
    fees = sum((f.commission for f in fills if f.commission_asset == "USDT"), Decimal(0))
    BotState.objects.filter(bot=holding).update(quote=1, base=2)
    repair(admin_client, holding, "rebuild_ledger")
    right.refresh_from_db()
    assert right.quote == holding.initial_capital - spent - fees


def test_a_repair_is_on_record_with_its_author(admin_client, holding):
    repair(admin_client, holding, "clear_failures")
    action = OperatorAction.objects.get(kind="repair")
    assert (action.author_name, action.bot_name) == ("admin", "Alpha")


def test_a_restarted_drawdown_ends_the_halt(admin_client, holding):
    BotState.objects.filter(bot=holding).update(drawdown_reached_at="2026-01-01T00:00Z", equity=900, peak_equity=1000)
    repair(admin_client, holding, "restart_drawdown")
    state = BotState.objects.get(bot=holding)
    assert (state.drawdown_reached_at, state.peak_equity) == (None, 900)


def test_a_repair_waits_for_the_run_that_goes_on(admin_client, holding):
    lease = claim(holding.pk)
    assert lease is not None
    assert "in the middle of a run" in repair(admin_client, holding, "clear_failures")


def test_an_operator_may_look_but_not_repair(holding):
    client = member_of("Operator")
    assert client.get(STATES).status_code == 200
    repair(client, holding, "clear_failures")
    assert not OperatorAction.objects.exists()


def test_a_viewer_sees_a_bots_configuration(holding):
    client = member_of("Viewer")
    page = client.get(reverse("admin:bots_botconfig_change", args=[holding.pk]))
    assert page.status_code == 200
    assert "Fast EMA 12" in page.content.decode()


def test_a_viewer_sees_the_parameters_of_the_chosen_strategy(holding):
    holding.strategy, holding.parameters = "donchian", {"entry_period": 33, "exit_period": 7}
    lifecycle.save(holding)
    page = member_of("Viewer").get(reverse("admin:bots_botconfig_change", args=[holding.pk])).content.decode()
    assert "33" in page
    assert "Fast EMA" not in page


def test_a_trades_page_has_its_orders_and_fills(admin_client, holding):
    trade = Trade.objects.filter(bot=holding, fills__isnull=False).first()
    assert trade is not None
    page = admin_client.get(reverse("admin:bots_trade_change", args=[trade.pk])).content.decode()
    assert str(trade.fills.first().quantity.normalize()) in page


@pytest.mark.parametrize("name", ["pause", "stop"])
def test_who_acted_is_stored(admin_client, holding, name):
    BotState.objects.filter(bot=holding).update(status="running")
    admin_client.post(reverse("admin:bots_botconfig_action", args=[holding.pk, name]))
    assert OperatorAction.objects.get(kind=name).author_name == "admin"


def test_who_set_the_kill_switch_is_stored(admin_user):
    lifecycle.set_kill_switch(True, reason="storm", by=admin_user)
    action = OperatorAction.objects.get()
    assert (action.kind, action.reason, action.author_name) == ("kill_switch_on", "storm", "admin")


def test_the_record_of_an_action_outlives_the_bot(admin_user, holding):
    Trade.objects.filter(bot=holding, closed_at=None).update(
        closed_at="2026-01-01T00:00Z", exit_price=1, exit_reason="manual"
    )
    deletion.remove(holding, by=admin_user)
    assert OperatorAction.objects.get(kind="delete").bot_name == "Alpha"
