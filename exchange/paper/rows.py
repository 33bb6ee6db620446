"""The few statements that every order costs, written out: composing them anew each time would cost more than running
them. Everything else asks through Django's models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connection, models

from exchange.paper.models import PaperAccount, PaperBalance, PaperOrder


@cache
def _columns(model: type[models.Model], without: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Attribute names and column names of a model's fields, in the same order."""
    fields = [field for field in model._meta.concrete_fields if field.attname not in without]
    return tuple(field.attname for field in fields), tuple(f'"{field.column}"' for field in fields)


def _query(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _rows_of(model: type[models.Model], where: str, values: Sequence[Any], without: tuple[str, ...] = ()) -> list[Any]:
    names, columns = _columns(model, without)
    found = _query(f'SELECT {", ".join(columns)} FROM "{model._meta.db_table}" {where}', values)  # noqa: S608
    return [model.from_db(connection.alias, names, row) for row in found]


def lock_account(account_id: int) -> PaperAccount | None:
    """The account, its row locked until the transaction ends. Its secret stays unread.

    What it holds is read by later statements: one joined to this would see the balances from before the wait.
    """
    found = _rows_of(PaperAccount, "WHERE id = %s FOR UPDATE", [account_id], ("api_secret", "created_at"))
    return found[0] if found else None


def balances(account_id: int) -> list[tuple[str, Decimal, Decimal]]:
    """Asset, free and locked of everything the account holds."""
    table = PaperBalance._meta.db_table
    return _query(f'SELECT asset, free, locked FROM "{table}" WHERE account_id = %s', [account_id])  # noqa: S608


def open_orders(account_id: int, statuses: tuple[str, ...]) -> list[PaperOrder]:
    """Open orders of the account, oldest first."""
    return _rows_of(PaperOrder, "WHERE account_id = %s AND status IN %s ORDER BY id", [account_id, statuses])


def insert(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model in one statement; each gets its id."""
    if not rows:
        return
    model = type(rows[0])
    names, columns = _columns(model, ("id",))
    one = f"({', '.join(['%s'] * len(names))})"
    places = ", ".join([one] * len(rows))
    table = model._meta.db_table
    statement = f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES {places} RETURNING id'  # noqa: S608
    numbers = _query(statement, [getattr(row, name) for row in rows for name in names])
    for row, (number,) in zip(rows, numbers, strict=True):
        row.pk = number
        row._state.adding = False


def write_balances(account_id: int, held: Iterable[tuple[str, Decimal, Decimal]]) -> None:
    """Set free and locked of these assets, new ones included."""
    values = [value for asset, free, locked in held for value in (account_id, asset, free, locked)]
    places = ", ".join(["(%s, %s, %s, %s)"] * (len(values) // 4))
    table = PaperBalance._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" (account_id, asset, free, locked) VALUES {places} '  # noqa: S608
            "ON CONFLICT (account_id, asset) DO UPDATE SET free = EXCLUDED.free, locked = EXCLUDED.locked",
            values,
        )
