"""Write out the statements that every order costs (core/sql.py says why). Everything else uses Django's models."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db import connection

from core.sql import columns, find, query, row_of
from exchange.paper.models import PaperAccount, PaperBalance, PaperOrder

_ACCOUNT, _BALANCE = PaperAccount._meta.db_table, PaperBalance._meta.db_table
_OPEN = "WHERE account_id = %s AND status IN %s ORDER BY id"


def lock_account(account_id: int) -> PaperAccount | None:
    """Return the account, its row locked until the transaction ends. Its secret stays unread.

    What it holds is read by later statements: one joined to this would see the balances from before the wait.
    """
    accounts = find(PaperAccount, "WHERE id = %s FOR UPDATE", [account_id], without=("api_secret", "created_at"))
    return accounts[0] if accounts else None


def balances(account_id: int) -> list[tuple[str, Decimal, Decimal]]:
    """Return asset, free and locked of everything the account holds."""
    return query(f'SELECT asset, free, locked FROM "{_BALANCE}" WHERE account_id = %s', [account_id])  # noqa: S608


def open_orders(account_id: int, statuses: tuple[str, ...]) -> list[PaperOrder]:
    """Return the open orders of the account, oldest first."""
    return find(PaperOrder, _OPEN, [account_id, statuses])


def open_orders_at(account_id: int, statuses: tuple[str, ...]) -> tuple[int, list[PaperOrder]]:
    """Return up to when the account is settled, or 0, and its open orders at that time."""
    rows = query(
        f'SELECT (SELECT settled_to_ms FROM "{_ACCOUNT}" WHERE id = account_id), {columns(PaperOrder)} '  # noqa: S608
        f'FROM "{PaperOrder._meta.db_table}" {_OPEN}',
        [account_id, statuses],
    )
    return (rows[0][0] if rows else 0), [row_of(PaperOrder, values) for _, *values in rows]


def newest_order(account_id: int, symbol: str, client_order_id: str | None) -> PaperOrder | None:
    """Return the order of that client id, the newest if it was used again."""
    where = "WHERE account_id = %s AND symbol = %s AND client_order_id = %s ORDER BY id DESC LIMIT 1"
    orders = find(PaperOrder, where, [account_id, symbol, client_order_id])
    return orders[0] if orders else None


def write_balances(account_id: int, held: Iterable[tuple[str, Decimal, Decimal]]) -> None:
    """Set free and locked of these assets, new ones included."""
    values = [value for asset, free, locked in held for value in (account_id, asset, free, locked)]
    places = ", ".join(["(%s, %s, %s, %s)"] * (len(values) // 4))
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{_BALANCE}" (account_id, asset, free, locked) VALUES {places} '  # noqa: S608
            "ON CONFLICT (account_id, asset) DO UPDATE SET free = EXCLUDED.free, locked = EXCLUDED.locked",
            values,
        )
