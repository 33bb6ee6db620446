"""Test the admin pages of the paper exchange."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exchange.paper.models import PaperAccount, PaperBalance


def open_accounts(first: int, count: int) -> None:
    for number in range(first, first + count):
        account = PaperAccount.objects.create(name=f"=p{number}", api_key=f"k{number}", api_secret="s", market="mirror")
        PaperBalance.objects.create(account=account, asset="USDT", free=100 + number)


def test_longer_list_of_accounts_takes_no_more_queries(admin: Client, django_assert_num_queries: Any) -> None:
    page = reverse("admin:paper_paperaccount_changelist")
    open_accounts(0, 2)
    admin.get(page)
    with CaptureQueriesContext(connection) as few:
        admin.get(page)
    open_accounts(2, 20)
    with django_assert_num_queries(len(few)):
        assert "121 USDT" in admin.get(page).content.decode()


def test_account_cannot_be_edited(admin: Client) -> None:
    open_accounts(0, 1)
    page = reverse("admin:paper_paperaccount_change", args=[PaperAccount.objects.get().pk])
    assert admin.get(page).status_code == 200
    assert admin.post(page, {"name": "X"}).status_code == 403


def test_selected_accounts_are_exported_with_their_balances(admin: Client) -> None:
    open_accounts(0, 3)
    selected = {
        "action": "export_csv",
        "_selected_action": [row.pk for row in PaperAccount.objects.order_by("name")[:2]],
    }
    lines = b"".join(admin.post(reverse("admin:paper_paperaccount_changelist"), selected)).decode().splitlines()
    assert lines[0] == "name,market,balances__asset,balances__free,balances__locked"
    assert sorted(lines[1:]) == ["'=p0,mirror,USDT,100,0", "'=p1,mirror,USDT,101,0"]


def test_csv_page_exports_every_row_of_the_search(admin: Client) -> None:
    open_accounts(0, 3)
    page = admin.get(reverse("admin:paper_paperaccount_csv"), {"q": "p2"})
    assert b"".join(page).decode().splitlines()[1:] == ["'=p2,mirror,USDT,102,0"]


def test_old_address_of_a_page_redirects(admin: Client) -> None:
    page = admin.get("/admin/exchange/paperorder/?status__exact=NEW")
    assert page["Location"] == "/admin/paper/paperorder/?status__exact=NEW"


@pytest.mark.parametrize("name", ["paperorder", "paperfill", "paperaccount"])
def test_every_list_opens(admin: Client, name: str) -> None:
    assert admin.get(reverse(f"admin:paper_{name}_changelist")).status_code == 200
