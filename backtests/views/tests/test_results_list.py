"""The list of results: found by words, span and figures, sorted, and acted on many at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from backtests.models import Backtest
from bots.tests import builders

pytestmark = pytest.mark.django_db


def result(number: int, **columns):
    """Return a finished run with the columns that a list reads."""
    values = {
        "symbol": "BTCUSDT", "interval": "1h", "strategy": "ema_rsi", "settings": {}, "symbol_info": {},
        "start_at": datetime(2024, 1, 1, tzinfo=UTC), "end_at": datetime(2024, 7, 1, tzinfo=UTC),
        "data_hash": "d", "code_version": "c", "status": "done", "result": {"trades": []},
        "finished_at": datetime(2024, 8, 1, tzinfo=UTC), "total_return": number / 10, "sharpe": float(number),
        "max_drawdown": 0.1 * number, "closed_trades": 10 * number,
        "verdict": {"headline": "Not proven", "level": "unproven"},
    }  # fmt: skip
    return Backtest.objects.create(**values | columns)


def listed(client, **query) -> list[int]:
    page = client.get(reverse("backtests:home"), query)
    return [row["run"].pk for row in page.context["rows"]]


def test_results_are_filtered_by_words_range_and_metrics(admin_client):
    one, two, three = result(1), result(2, symbol="ETHUSDT", note="keep this"), result(3, bot=builders.bot("Alpha"))
    later = result(4, start_at=datetime(2025, 1, 1, tzinfo=UTC), end_at=datetime(2025, 2, 1, tzinfo=UTC))
    assert listed(admin_client, q="eth") == [two.pk]
    assert listed(admin_client, q="keep ETHUSDT") == [two.pk]
    assert listed(admin_client, q="alpha") == [three.pk]
    assert listed(admin_client, start="2024-07-02") == [later.pk]
    assert set(listed(admin_client, end="2024-06-30")) == {one.pk, two.pk, three.pk}
    assert set(listed(admin_client, least_return="20")) == {two.pk, three.pk, later.pk}
    assert set(listed(admin_client, least_sharpe="3", least_trades="40")) == {later.pk}


def test_results_are_sorted_with_unmeasured_ones_last(admin_client):
    low, high, unmeasured = result(1), result(3), result(2, sharpe=None, max_drawdown=None)
    assert listed(admin_client, sort="sharpe") == [high.pk, low.pk, unmeasured.pk]
    assert listed(admin_client, sort="drawdown") == [low.pk, high.pk, unmeasured.pk]
    Backtest.objects.filter(pk=low.pk).update(is_pinned=True)
    assert listed(admin_client) == [low.pk, unmeasured.pk, high.pk]


def test_nonsense_in_a_filter_shows_an_error_and_filters_nothing(admin_client):
    run = result(1)
    page = admin_client.get(reverse("backtests:home"), {"least_sharpe": "much", "start": "soon"})
    assert [row["run"].pk for row in page.context["rows"]] == [run.pk]
    assert "Enter a number" in page.content.decode()
    assert "Enter a valid date" in page.content.decode()


def test_an_empty_list_explains_itself(admin_client):
    assert b"No backtest yet" in admin_client.get(reverse("backtests:home")).content
    result(1)
    assert b"No result matches" in admin_client.get(reverse("backtests:home"), {"q": "nothing"}).content


def act(client, name: str, *runs, **values):
    address = reverse("backtests:choose", args=["backtest"])
    return client.post(address, {"act": name, "id": [run.pk for run in runs], "asked": "q=btc"} | values)


def test_selected_results_are_pinned_noted_compared_and_deleted(admin_client):
    one, two, three = result(1), result(2), result(3)
    assert act(admin_client, "pin", one, two).url == reverse("backtests:index", args=["backtest"]) + "?q=btc"
    assert set(Backtest.objects.filter(is_pinned=True)) == {one, two}
    act(admin_client, "unpin", one)
    assert list(Backtest.objects.filter(is_pinned=True)) == [two]
    act(admin_client, "note", two, three, note=" try wider ")
    assert set(Backtest.objects.filter(note="try wider")) == {two, three}
    answer = act(admin_client, "compare", one, three)
    assert answer.url == f"{reverse('backtests:compare')}?id={one.pk}&id={three.pk}"
    act(admin_client, "delete", one, two)
    assert list(Backtest.objects.all()) == [three]


def test_an_action_without_selection_or_permission_does_nothing(admin_client, client, django_user_model):
    run = result(1)
    answer = act(admin_client, "delete")
    assert "Select at least one result" in admin_client.get(answer.url).content.decode()
    client.force_login(django_user_model.objects.create_user("guest", password="x", is_staff=True))
    assert act(client, "pin", run).status_code == 403
    assert Backtest.objects.get().is_pinned is False


def test_the_list_asks_few_questions_however_long_it_is(admin_client, django_assert_max_num_queries):
    bot = builders.bot("Alpha")
    for number in range(40):
        result(number, bot=bot)
    with django_assert_max_num_queries(14):
        admin_client.get(reverse("backtests:home"))


@pytest.mark.parametrize(
    ("query", "is_open"), [({"q": "BTC"}, False), ({"least_sharpe": "1"}, True), ({"start": "x"}, True)]
)
def test_the_fields_that_a_phone_folds_away_are_open_once_they_matter(admin_client, query, is_open):
    body = admin_client.get("/backtests/backtest/", query).content.decode()
    assert ('id="all-filters" checked' in body) is is_open
