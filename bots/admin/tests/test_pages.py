"""Every page of bots opens, shows what the books say, and asks a fixed number of queries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from bots.control import deletion
from bots.models import BotConfig, BotState, Decision, Incident, KillSwitch, Order, ParityCheck, Status, Trade
from bots.tests import builders
from bots.tests.forms import FORM, errors, post_bot
from bots.trading.tests.processes.celery_site import empty_queue, queue_length
from exchange.models import Symbol, Venue

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["decision", "order", "fill", "trade", "botrun", "incident", "botconfig"])
def test_every_list_opens_searches_and_filters(admin_client, model):
    builders.with_history(builders.bot("Alpha"))
    assert admin_client.get(reverse(f"admin:bots_{model}_changelist"), {"q": "alp"}).status_code == 200
    if model != "botconfig":
        times = {
            "decision": "bar",
            "order": "created_at",
            "fill": "filled_at",
            "trade": "opened_at",
            "botrun": "started_at",
            "incident": "last_seen_at",
        }
        response = admin_client.get(reverse(f"admin:bots_{model}_changelist"), {f"{times[model]}__since": "2026-11-19"})
        assert response.status_code == 200


def test_the_overview_and_all_pages_of_a_bot_open(admin_client):
    made = builders.with_history(builders.bot("Alpha"))
    assert "Alpha" in admin_client.get("/admin/").content.decode()
    for page in ("live", "live_parts", "chart", "versions", "parity", "change"):
        response = admin_client.get(reverse(f"admin:bots_botconfig_{page}", args=[made.pk]))
        assert response.status_code == 200, page


def test_simulated_and_real_money_are_told_apart_and_never_added_up(admin_client):
    builders.bot("Paper bot")
    builders.bot("Real bot", api_key=builders.paper_key("Live", Venue.LIVE))
    page = admin_client.get("/admin/").content.decode()
    assert "Real money: 1 bot" in page
    assert page.count("<dt>Equity") == 2


def test_a_demo_bot_is_marked_as_simulated_wherever_it_shows(admin_client):
    made = builders.with_history(builders.bot("Alpha", is_demo=True), days=1)
    for page in ("live", "versions", "parity", "change"):
        shown = admin_client.get(reverse(f"admin:bots_botconfig_{page}", args=[made.pk])).content.decode()
        assert "Simulated: a demo bot on the paper exchange" in shown, page
    for place in (
        "",
        "bots/botconfig/",
        *(f"bots/{name}/" for name in ("decision", "order", "fill", "trade", "botrun")),
    ):
        shown = admin_client.get(f"/admin/{place}").content.decode()
        below_the_header = shown.partition("Simulated money")[2]
        assert 'class="badge simulated"' in below_the_header, place


def test_a_list_of_sixty_bots_asks_no_more_queries_than_one_of_three(admin_client):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert admin_client.get(reverse("admin:bots_botconfig_changelist")).status_code == 200
        return len(captured)

    for _ in range(3):
        parity_check(builders.with_history(builders.bot(), days=1))
    queries()
    few = queries()
    for _ in range(57):
        parity_check(builders.with_history(builders.bot(), days=1))
    assert queries() == few


def test_a_bot_is_made_through_the_form_and_has_its_version_and_schedule(admin_client):
    response = post_bot(admin_client)
    made = BotConfig.objects.get(name="Fresh")
    assert response.url == reverse("admin:bots_botconfig_live", args=[made.pk])
    assert (made.symbol, made.stop_loss) == ("BTCUSDT", Decimal("0.02"))
    assert made.versions.count() == 1
    assert made.state.status == Status.STOPPED
    schedule = PeriodicTask.objects.get(task="bots.tasks.run_bot_task")
    assert (schedule.args, schedule.interval.every, schedule.enabled) == (f"[{made.pk}]", 3600, False)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"ema_fast": "30"}, "ema_fast", "must be under"),
        ({"ema_fast": "0"}, "ema_fast", "must be between 1 and 1000"),
        ({"position_size_mode": "risk", "risk_per_trade": "0.01", "stop_loss": ""}, "stop_loss", "needs a stop-loss"),
        ({"position_size_mode": "fixed"}, "position_size_fixed", "how much quote"),
        ({"symbol": "NOPEUSDT"}, "symbol", "not known"),
        ({"initial_capital": "4"}, "initial_capital", "under 5 USDT"),
        ({"stop_loss": "1.5"}, "stop_loss", "must be between"),
        ({"take_profit": "0"}, "take_profit", "must be between"),
        ({"trading_hours": "sometimes"}, "trading_hours", "no time span"),
        ({"strategy": "donchian", "donchian__entry_period": ""}, "donchian__entry_period", "give a number"),
    ],
)
def test_the_form_refuses_in_words_at_the_field(admin_client, changes, field, words):
    sentences = errors(post_bot(admin_client, **changes))
    assert words in sentences[field]
    assert not BotConfig.objects.exists()


def test_parameters_of_another_strategy_are_kept_by_name(admin_client):
    post_bot(
        admin_client, strategy="donchian", donchian__entry_period="30", donchian__exit_period="12", ema_fast="nonsense"
    )
    assert BotConfig.objects.get().parameters == {"entry_period": 30, "exit_period": 12}


def test_a_change_is_listed_with_its_reason_and_both_values(admin_client):
    post_bot(admin_client)
    made = BotConfig.objects.get()
    changed = {**FORM, "api_key": made.api_key_id, "stop_loss": "0.05", "reason_for_change": "Too tight"}
    assert admin_client.post(reverse("admin:bots_botconfig_change", args=[made.pk]), changed).status_code == 302
    page = admin_client.get(reverse("admin:bots_botconfig_versions", args=[made.pk])).content.decode()
    assert "Too tight" in page
    assert "<del>0.02</del> <ins>0.05</ins>" in page


def test_a_bot_that_holds_a_position_keeps_its_symbol_and_key(admin_client):
    post_bot(admin_client)
    made = BotConfig.objects.get()
    builders.open_trade(made, builders.NOW)
    BotState.objects.update(base=Decimal("0.00824"))
    other = builders.paper_key("Another")
    ether = {**builders.INFO, "symbol": "ETHUSDT", "baseAsset": "ETH"}
    Symbol.objects.create(
        venue=Venue.PAPER, name="ETHUSDT", base="ETH", quote="USDT", info=ether, read_at=timezone.now()
    )
    address = reverse("admin:bots_botconfig_change", args=[made.pk])
    for changes in ({"symbol": "ETHUSDT", "api_key": made.api_key_id}, {"api_key": other.pk}):
        refused = errors(admin_client.post(address, FORM | changes))
        assert "holds a position" in refused["symbol" if "symbol" in changes else "api_key"]
    made.refresh_from_db()
    assert (made.symbol, made.api_key.name) == ("BTCUSDT", "Paper")


def test_a_bot_that_holds_a_position_is_not_deleted(admin_client):
    made = builders.with_history(builders.bot())
    admin_client.post(reverse("admin:bots_botconfig_delete", args=[made.pk]), {"post": "yes"})
    assert BotConfig.objects.filter(pk=made.pk).exists()


def test_a_flat_bot_is_deleted_with_all_its_records(admin_client):
    made = builders.with_history(builders.bot(), holds=False)
    admin_client.post(reverse("admin:bots_botconfig_delete", args=[made.pk]), {"post": "yes"})
    assert not BotConfig.objects.exists()
    assert not Decision.objects.exists()
    assert not Order.objects.exists()


def test_removal_says_what_goes(admin_client):
    made = builders.with_history(builders.bot(), days=1)
    assert "24 decisions" in deletion.contents(made)


def test_a_button_needs_a_post_and_the_permission(client):
    made = builders.bot()
    viewer = get_user_model().objects.create_user("vera", password="x", is_staff=True)
    viewer.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(viewer)
    address = reverse("admin:bots_botconfig_action", args=[made.pk, "pause"])
    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 403
    assert client.get(reverse("admin:bots_botconfig_live", args=[made.pk])).status_code == 200
    assert client.get(reverse("admin:kill_switch")).status_code == 403


def test_an_operator_stops_bots_and_sets_the_kill_switch_but_edits_none(client):
    made = builders.bot(is_active=True)
    made.state.status = Status.RUNNING
    made.state.save()
    operator = get_user_model().objects.create_user("olga", password="x", is_staff=True)
    operator.groups.add(Group.objects.get(name="Operator"))
    client.force_login(operator)
    client.post(reverse("admin:bots_botconfig_action", args=[made.pk, "stop"]))
    made.state.refresh_from_db()
    assert made.state.status == Status.STOPPED
    client.post(reverse("admin:kill_switch"), {"is_on": "1", "reason": "Storm"})
    assert KillSwitch.objects.get().reason == "Storm"
    assert client.get(reverse("admin:bots_botconfig_add")).status_code == 403


def test_a_copy_is_stopped_and_has_books_of_its_own(admin_client):
    made = builders.with_history(builders.bot("Alpha", is_active=True, take_profit=Decimal("0.07")))
    response = admin_client.post(reverse("admin:bots_botconfig_action", args=[made.pk, "duplicate"]))
    copy = BotConfig.objects.get(name="Alpha (2)")
    assert response.url == reverse("admin:bots_botconfig_change", args=[copy.pk])
    assert (copy.take_profit, copy.is_active, copy.state.status) == (Decimal("0.07"), False, Status.STOPPED)
    assert (copy.state.quote, copy.state.base, copy.trades.count()) == (1000, 0, 0)
    assert PeriodicTask.objects.get(args=f"[{copy.pk}]").enabled is False


def test_run_now_queues_one_tick_of_a_bot_that_is_not_stopped(
    admin_client, redis_url, django_capture_on_commit_callbacks
):
    made = builders.bot("Alpha")
    address = reverse("admin:bots_botconfig_action", args=[made.pk, "run-now"])
    empty_queue()
    for status, queued in ((Status.STOPPED, 0), (Status.PAUSED, 1)):
        BotState.objects.update(status=status)
        with django_capture_on_commit_callbacks(execute=True):
            page = admin_client.post(address, follow=True).content.decode()
        assert ("A stopped bot does not tick" in page) == (status == Status.STOPPED)
        assert queue_length() == queued


def test_a_paused_bot_keeps_its_schedule_and_a_stopped_one_is_not_paused(admin_client):
    made = builders.bot("Alpha")
    address = reverse("admin:bots_botconfig_action", args=[made.pk, "pause"])
    assert "start it first" in admin_client.post(address, follow=True).content.decode()
    assert BotState.objects.get().status == Status.STOPPED
    BotState.objects.update(status=Status.RUNNING)
    admin_client.post(address)
    assert BotState.objects.get().status == Status.PAUSED
    assert PeriodicTask.objects.get(args=f"[{made.pk}]").enabled is True


def test_the_list_says_where_each_bot_stands_and_when_it_runs_next(admin_client):
    made = builders.with_history(builders.bot("Alpha", is_active=True), until=timezone.now())
    builders.with_history(builders.bot("Beta"), holds=False)

    def page() -> str:
        response = admin_client.get(reverse("admin:bots_botconfig_changelist"))
        return " ".join(response.content.decode().split())

    for words in ("0.00824", "flat", "+8.30", "Refused", "decided 3.2 s after the close", "not scheduled"):
        assert words in page(), words
    assert 'class="sub loss">decided' not in page()
    BotState.objects.filter(bot=made).update(lateness_s=15.5)  # a bot decides within fifteen seconds
    assert 'class="sub loss">decided' in page()


@pytest.mark.parametrize("model", ["decision", "order", "fill", "trade", "botrun"])
def test_records_are_read_and_never_written_by_hand(admin_client, model):
    builders.with_history(builders.bot(), days=1)
    row = apps.get_model("bots", model).objects.first()
    change = reverse(f"admin:bots_{model}_change", args=[row.pk])
    assert 'name="_save"' not in admin_client.get(change).content.decode()
    assert admin_client.post(change, {}).status_code == 403
    assert admin_client.get(reverse(f"admin:bots_{model}_add")).status_code == 403
    assert admin_client.post(reverse(f"admin:bots_{model}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert type(row).objects.filter(pk=row.pk).exists()


def test_an_incident_is_resolved_with_a_note(admin_client, admin_user):
    incident = Incident.objects.create(bot=builders.bot(), kind="order_in_doubt", cause="No response")
    address = reverse("admin:bots_incident_change", args=[incident.pk])
    assert admin_client.post(address, {"resolution": ""}).status_code == 200
    admin_client.post(address, {"resolution": "Looked it up: filled."})
    incident.refresh_from_db()
    assert incident.resolved_by == admin_user
    assert incident.resolved_at is not None


def test_csv_holds_what_the_filters_let_through(admin_client):
    builders.with_history(builders.bot("Alpha"), days=1)
    builders.with_history(builders.bot("Beta"), days=2)
    response = admin_client.get(reverse("admin:bots_decision_csv"), {"q": "alpha"})
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert lines[0].startswith("bot_name,venue,symbol,bar")
    assert len(lines) == 1 + 24
    assert all(line.startswith("Alpha,paper,BTCUSDT") for line in lines[1:])


def test_a_formula_in_a_name_is_harmless_in_a_spreadsheet(admin_client):
    builders.with_history(builders.bot("=1+1"), days=1)
    response = admin_client.get(reverse("admin:bots_trade_csv"))
    assert b"".join(response.streaming_content).decode().splitlines()[1].startswith("'=1+1,")


def test_a_bots_schedule_is_not_edited_by_hand(admin_client):
    builders.bot()
    task = PeriodicTask.objects.get(name__startswith="bot-")
    page = admin_client.get(reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]))
    assert b'name="_save"' not in page.content
    assert (
        b"Managed by its bot" in admin_client.get(reverse("admin:django_celery_beat_periodictask_changelist")).content
    )


def test_today_counts_trades_closed_since_midnight_utc(admin_client):
    made = builders.bot()
    now = timezone.now()
    builders.closed_trade(made, now - timedelta(days=3), Decimal(7), "signal")
    builders.closed_trade(made, now - timedelta(hours=5), Decimal(2), "signal")
    from bots.pages.bot_facts import facts_of

    facts = facts_of(made, now)
    assert (facts.today_pnl, facts.total_pnl) == (Decimal(2), Decimal(9))
    assert Trade.objects.count() == 2


def parity_check(made, **values):
    row = {
        "bar": "2026-11-20T10:00:00+00:00",
        "what": "exit price",
        "live": "61800",
        "engine": "61812.5",
        "cause": "Unexplained",
        "impact": "-0.10312500",
        "is_drift": True,
    }
    causes = [{"cause": "Unexplained", "count": 1, "impact": "-0.10312500", "is_drift": True}]
    drift = {"differences": 1, "unexplained": 1, "drift": "1 unexplained", "rows": [row], "causes": causes}
    return ParityCheck.objects.create(bot=made, bars=120, trades=2, **(drift | values))


CLEAN = {"differences": 0, "unexplained": 0, "drift": "", "rows": [], "causes": []}


def test_the_list_shows_each_bots_last_parity_check(admin_client):
    made, other = builders.bot("Alpha"), builders.bot("Beta")
    page = admin_client.get(reverse("admin:bots_botconfig_changelist")).content.decode()
    assert page.count("not checked") == 2
    parity_check(made, **CLEAN)
    parity_check(made)
    parity_check(other)
    parity_check(other, **CLEAN)
    page = admin_client.get(reverse("admin:bots_botconfig_changelist")).content.decode()
    assert page.count(">Drift<") == 1
    assert page.count(">Equal<") == 1


def test_the_page_of_parity_lists_each_difference_with_its_cause(admin_client):
    made = builders.bot("Alpha")
    address = reverse("admin:bots_botconfig_parity", args=[made.pk])
    assert "Not checked yet" in admin_client.get(address).content.decode()
    parity_check(made, notes=["Fees as now."])
    page = admin_client.get(address).content.decode()
    for words in ("Drift: 1 unexplained", "2026-11-20 10:00", "61812.5", "Unexplained", "−0.10", "Fees as now."):
        assert words in page, words
    parity_check(made, **CLEAN)
    page = admin_client.get(address).content.decode()
    assert "No difference" in page
    assert "Earlier checks" in page
    ParityCheck.objects.create(bot=made, error="the exchange did not response")
    assert "the exchange did not response" in admin_client.get(address).content.decode()


def test_a_parity_check_is_asked_for_by_who_may_operate(client, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr("bots.pages.actions.current_app.send_task", lambda name, args: sent.append((name, args)))
    made = builders.bot("Alpha")
    address = reverse("admin:bots_botconfig_action", args=[made.pk, "check-parity"])
    page = reverse("admin:bots_botconfig_parity", args=[made.pk])
    for role, status in (("Viewer", 403), ("Operator", 302)):
        person = get_user_model().objects.create_user(role, password="x", is_staff=True)
        person.groups.add(Group.objects.get(name=role))
        client.force_login(person)
        with django_capture_on_commit_callbacks(execute=True):
            response = client.post(address)
        assert response.status_code == status
        assert ("Check now" in client.get(page).content.decode()) == (status == 302)
    assert response.url == page
    assert sent == [("backtests.tasks.check_parity_task", [made.pk])]


def test_times_in_the_admins_own_cells_are_iso_and_24_hours(admin_client):
    opened = timezone.now().replace(hour=16, minute=5, second=9)
    trade = builders.closed_trade(builders.bot("Alpha"), opened, Decimal(1), "signal")
    assert trade.opened_at == opened
    page = admin_client.get("/admin/bots/trade/").content.decode()
    assert f"{opened:%Y-%m-%d} 16:05:09" in page
    assert "p.m." not in page


def test_a_schedule_is_said_in_the_units_that_people_use(admin_client):
    made = builders.bot("Alpha", timeframe="4h")
    page = admin_client.get("/admin/django_celery_beat/periodictask/").content.decode()
    assert f"bot-{made.pk}" in page
    assert "4 hours" in page
    assert "14400" not in page
