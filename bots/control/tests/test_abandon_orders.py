"""Marking orders that the exchange no longer knows as lost."""

from __future__ import annotations

import pytest
from django.db.models import F
from django.urls import reverse

from bots.control import abandon_orders, lifecycle
from bots.models import (
    Incident,
    Order,
)
from bots.pages import views
from bots.trading.tests.tables import ENTER, HELD, QUIET
from exchange.paper.models import PaperBalance, PaperOrder

pytestmark = pytest.mark.django_db


def test_abandoning_ends_the_wait_for_orders_that_the_exchange_lost(make_stage):
    bot = make_stage(HELD + QUIET * 2, stop_loss="0.05", take_profit="0.2")
    bot.decide(ENTER)
    PaperOrder.objects.filter(account=bot.account, side="SELL").delete()  # as a wiped testnet does
    PaperBalance.objects.filter(account=bot.account).update(free=F("free") + F("locked"), locked=0)
    waits = bot.decide(ENTER + 1)
    assert "does not know" in waits.message
    with pytest.raises(lifecycle.ActionRefused, match="Give a reason"):
        abandon_orders.abandon(bot.bot, bot.context(), by="op", reason=" ")
    gone = abandon_orders.abandon(bot.bot, bot.context(), by="op", reason="testnet wiped")
    assert {order.purpose for order in gone} == {"stop", "target"}
    assert set(Order.objects.filter(pk__in=[order.pk for order in gone]).values_list("state", "error")) == {
        ("canceled", "Marked as lost by op: testnet wiped")
    }
    bot.decide(ENTER + 2)
    assert Order.objects.filter(bot=bot.bot, side="SELL", state="open").count() == 2  # protected anew
    assert abandon_orders.abandon(bot.bot, bot.context(), by="op", reason="again") == []


def test_a_page_shows_lost_orders_and_ends_the_wait_for_them(make_stage, admin_client, monkeypatch):
    bot = make_stage(HELD + QUIET * 2, stop_loss="0.05", take_profit="0.2")
    monkeypatch.setattr(views, "open_context", lambda _: bot.context())
    page = reverse("admin:bots_botconfig_abandon_orders", args=[bot.bot.pk])
    bot.decide(ENTER)
    assert "knows every open order" in admin_client.get(page).content.decode()
    PaperOrder.objects.filter(account=bot.account, side="SELL").delete()
    PaperBalance.objects.filter(account=bot.account).update(free=F("free") + F("locked"), locked=0)
    bot.decide(ENTER + 1)
    live = admin_client.get(reverse("admin:bots_botconfig_live", args=[bot.bot.pk])).content.decode()
    assert f'href="{page}"' in live
    assert "Mark 2 orders as lost" in admin_client.get(page).content.decode()
    refused = admin_client.post(page, {"reason": " "}).content.decode()
    assert "Give a reason why these orders are lost" in refused
    assert Order.objects.filter(side="SELL", state="open").count() == 2
    assert admin_client.post(page, {"reason": "wiped"}).status_code == 302
    assert Order.objects.filter(side="SELL", state="canceled", error="Marked as lost by admin: wiped").count() == 2
    assert Incident.objects.get(kind="order_in_doubt").resolution == "Marked as lost by admin: wiped"
