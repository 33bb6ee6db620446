"""Store the paper exchange's accounts, balances, orders and fills.

Bots never read these tables: they ask the exchange over HTTP, as they would ask Binance.
The tables keep the names they had as a part of the app `exchange`.
"""

from __future__ import annotations

from django.db import models

from exchange.secrets import EncryptedTextField


def amount(**kwargs: object) -> models.DecimalField:
    """Return a field for an amount or a price, in the exchange's own precision of 8 decimals."""
    return models.DecimalField(max_digits=30, decimal_places=8, **kwargs)  # type: ignore[arg-type]


class PaperAccount(models.Model):
    """One simulated account: its key, its costs, its market and how far that market has been settled."""

    name = models.CharField(max_length=60, unique=True)
    api_key = models.CharField(max_length=64, unique=True, editable=False)
    api_secret = EncryptedTextField()
    market = models.CharField(
        max_length=400, help_text="replay:FILE_OR_DATASET,… or simulated:SEED or mirror: where its prices come from."
    )
    maker_fee_rate = models.DecimalField(max_digits=10, decimal_places=8, default="0.001")
    taker_fee_rate = models.DecimalField(max_digits=10, decimal_places=8, default="0.001")
    slippage_bps = models.DecimalField(max_digits=8, decimal_places=4, default=0, help_text="Basis points.")
    volume_share = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Share of a bar's volume that one order may take, 0 to 1. Empty: orders fill in full.",
    )
    pays_fees_in_bnb = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False, editable=False)
    settled_to_ms = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "exchange_paperaccount"

    def __str__(self) -> str:
        return self.name


class PaperBalance(models.Model):
    """What an account holds of one asset."""

    account = models.ForeignKey(PaperAccount, on_delete=models.CASCADE, related_name="balances")
    asset = models.CharField(max_length=12)
    free = amount(default=0)
    locked = amount(default=0)

    class Meta:
        db_table = "exchange_paperbalance"
        constraints = (
            models.UniqueConstraint(fields=("account", "asset"), name="one_paper_balance_per_asset"),
            models.CheckConstraint(name="paper_balance_not_negative", condition=models.Q(free__gte=0, locked__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.free} {self.asset}"


class PaperOrderList(models.Model):
    """An OCO: two orders of which one ends the other. Its id is Binance's orderListId."""

    account = models.ForeignKey(PaperAccount, on_delete=models.CASCADE, related_name="order_lists")
    symbol = models.CharField(max_length=20)
    list_client_order_id = models.CharField(max_length=36)
    is_done = models.BooleanField(default=False)
    time_ms = models.BigIntegerField()

    class Meta:
        db_table = "exchange_paperorderlist"
        indexes = (models.Index(fields=("account", "list_client_order_id")),)

    def __str__(self) -> str:
        return self.list_client_order_id


class PaperOrder(models.Model):
    """One order of an account. Its id is Binance's orderId."""

    account = models.ForeignKey(PaperAccount, on_delete=models.CASCADE, related_name="orders")
    order_list = models.ForeignKey(PaperOrderList, null=True, on_delete=models.CASCADE, related_name="orders")
    symbol = models.CharField(max_length=20)
    client_order_id = models.CharField(max_length=36)
    side = models.CharField(max_length=4)
    type = models.CharField(max_length=20)
    time_in_force = models.CharField(max_length=3, default="GTC")
    status = models.CharField(max_length=20)
    quantity = amount()
    quote_order_quantity = amount(default=0)
    price = amount(default=0)
    stop_price = amount(default=0)
    iceberg_quantity = amount(default=0)
    executed_quantity = amount(default=0)
    executed_quote = amount(default=0)
    locked_amount = amount(default=0)
    is_working = models.BooleanField(default=True)
    strategy_id = models.BigIntegerField(null=True)
    strategy_type = models.BigIntegerField(null=True)
    self_trade_prevention_mode = models.CharField(max_length=15, default="NONE")
    expiry_reason = models.CharField(max_length=50, blank=True)
    time_ms = models.BigIntegerField()
    update_time_ms = models.BigIntegerField()
    working_time_ms = models.BigIntegerField(default=-1)

    class Meta:
        db_table = "exchange_paperorder"
        indexes = (
            models.Index(fields=("account", "symbol", "status")),
            models.Index(fields=("account", "client_order_id")),
        )

    def __str__(self) -> str:
        return self.client_order_id


class PaperFill(models.Model):
    """One execution. Its id is Binance's trade id."""

    order = models.ForeignKey(PaperOrder, on_delete=models.CASCADE, related_name="fills")
    account = models.ForeignKey(PaperAccount, on_delete=models.CASCADE, related_name="fills")
    symbol = models.CharField(max_length=20)
    price = amount()
    quantity = amount()
    quote_quantity = amount()
    commission = amount()
    commission_asset = models.CharField(max_length=12)
    is_buyer = models.BooleanField()
    is_maker = models.BooleanField()
    time_ms = models.BigIntegerField()

    class Meta:
        db_table = "exchange_paperfill"
        indexes = (models.Index(fields=("account", "symbol", "time_ms")),)

    def __str__(self) -> str:
        return f"{self.quantity} {self.symbol} at {self.price}"
