"""The record pages on many rows: an index answers every page, and nothing counts the whole table.

MANY_DECISIONS asks for another number than 200,000, for a try by hand.
"""

from __future__ import annotations

import os
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bots.tests import builders
from bots.versions import current_version

ROWS = int(os.environ.get("MANY_DECISIONS", "200000"))
BOTS = 10
FILL = """
    INSERT INTO bots_decision (bot_id, version_id, bar, action, signal, reason, close, values, equity, decided_at)
    SELECT %s, %s, TIMESTAMPTZ '2026-11-20 12:00Z' - make_interval(mins => n),
        CASE WHEN n %% 50 = 0 THEN 'refused' ELSE 'wait' END, 0,
        CASE WHEN n %% 5000 = 0 THEN 'cooldown' ELSE '' END, 60000, '{}', 1000, now()
    FROM generate_series(1, %s) AS n
"""
PAGES = (
    {},
    {"bar__since": "2026-11-19", "bar__until": "2026-11-19"},
    {"action__exact": "refused"},
    {"reason": "cooldown"},
    {"bot": ""},
    {"q": "Big 3"},
    {"p": "90"},
)


@pytest.fixture
def many_decisions(db):
    bots = [builders.bot(f"Big {number}") for number in range(BOTS)]
    with connection.cursor() as cursor:
        for bot in bots:
            cursor.execute(FILL, [bot.pk, current_version(bot).pk, ROWS // BOTS])
        cursor.execute("ANALYZE bots_decision")
    return bots


@pytest.mark.slow
def test_every_page_of_many_decisions_is_answered_by_an_index(admin_client, many_decisions):
    address = reverse("admin:bots_decision_changelist")
    for page in PAGES:
        query = {"bot__id__exact": many_decisions[2].pk} if "bot" in page else page
        started = time.perf_counter()
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(address, query).status_code == 200
        print(f"{query or 'newest'}: {time.perf_counter() - started:.3f} s")
        selects = [q["sql"] for q in captured if 'FROM "bots_decision"' in q["sql"]]
        assert selects
        for sql in selects:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
            is_capped_count = "COUNT(*)" in sql and "LIMIT" in sql
            assert is_capped_count or "Seq Scan on bots_decision" not in plan, f"{query}\n{sql}\n{plan}"
            assert "COUNT(*)" not in sql or "LIMIT" in sql
