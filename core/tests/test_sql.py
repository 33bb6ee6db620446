"""Statements written out give and take what Django's models would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.sql import find, get, insert, update
from exchange.models import ApiKey, Symbol
from exchange.secrets import Secret

pytestmark = pytest.mark.django_db

READ_AT = datetime(2024, 2, 1, tzinfo=UTC)


def symbol(name: str, **values: Any) -> Symbol:
    return Symbol(name=name, venue="paper", base="BTC", quote="USDT", info={"filters": [1]}, read_at=READ_AT, **values)


def test_rows_that_were_inserted_are_those_that_django_reads():
    rows = [symbol("BTCUSDT"), symbol("BTCEUR", status="BREAK")]
    insert(rows)
    assert list(Symbol.objects.order_by("pk")) == rows
    assert Symbol.objects.get(name="BTCUSDT").info == {"filters": [1]}
    assert Symbol.objects.get(name="BTCEUR").status == "BREAK"
    rows[0].save()  # each knows that it is on record
    assert Symbol.objects.count() == 2


def test_rows_are_found_with_their_values_as_a_model_has_them():
    insert([symbol("BTCUSDT")])
    found = get(Symbol, "WHERE name = %s", ["BTCUSDT"])
    assert (found.info, found.read_at, found._state.adding) == ({"filters": [1]}, READ_AT, False)
    assert find(Symbol, "WHERE name = %s", ["ETHUSDT"]) == []
    with pytest.raises(Symbol.DoesNotExist):
        get(Symbol, "WHERE name = %s", ["ETHUSDT"])


def test_an_update_writes_the_fields_that_it_names_alone():
    insert([symbol("BTCUSDT"), symbol("BTCEUR")])
    row = get(Symbol, "WHERE name = %s", ["BTCUSDT"])
    row.info, row.status = {"filters": []}, "BREAK"
    update(row, "info")
    assert Symbol.objects.get(name="BTCUSDT").info == {"filters": []}
    assert Symbol.objects.get(name="BTCUSDT").status == "TRADING"
    assert Symbol.objects.get(name="BTCEUR").info == {"filters": [1]}
    with pytest.raises(KeyError):
        update(row, "no_such_field")
    Symbol.objects.all().delete()
    with pytest.raises(Symbol.DoesNotExist):
        update(row, "info")


def test_secret_is_stored_as_ciphertext():
    insert([ApiKey(name="Paper", key="of-the-key", secret="of-the-secret")])
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, secret FROM exchange_apikey")
        assert not {"of-the-key", "of-the-secret"} & set(cursor.fetchone())
    with CaptureQueriesContext(connection) as asked:
        [key] = find(ApiKey, "WHERE name = %s", ["Paper"], without=("secret",))
    assert '"secret"' not in asked[0]["sql"]
    assert (type(key.key), key.key == "of-the-key") == (Secret, True)
    assert (type(key.secret), key.secret == "of-the-secret") == (Secret, True)  # asked for now
