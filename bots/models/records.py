"""Bot state and its records: decisions, orders, fills, trades, incidents, actions."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q

from bots.models.config import BotConfig, BotConfigVersion
from bots.models.fields import amount, exact_amount
from exchange.models import ApiKey


class Status(models.TextChoices):
    STOPPED = "stopped", "Stopped"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused: exits only"
    PREPARING = "preparing", "Preparing: its history is being simulated"  # see control/demo.py


class BotState(models.Model):
    """Hold a bot's state. Operator actions move `status`; ticks write the rest."""

    bot = models.OneToOneField(BotConfig, on_delete=models.CASCADE, related_name="state")
    status = models.CharField(max_length=10, choices=Status, default=Status.STOPPED)
    since = models.DateTimeField(auto_now_add=True)
    run_number = models.PositiveBigIntegerField(default=0, help_text="Stops a run that lost its lease from writing.")
    lease_expires_at = models.DateTimeField(null=True)
    last_bar = models.DateTimeField(null=True, help_text="Open time of the last decided bar.")
    quote = amount(default=0)
    base = amount(default=0)
    peak_equity = models.FloatField(default=0)
    equity = models.FloatField(default=0, help_text="At the close of the last bar seen.")
    drawdown_reached_at = models.DateTimeField(null=True, help_text="Market time; entries wait for a person.")
    last_tick_at = models.DateTimeField(null=True)
    lateness_s = models.FloatField(null=True, help_text="Seconds from the bar's close to its decision.")
    failures = models.PositiveIntegerField(default=0, help_text="Failed ticks in a row.")
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(name="bot_holds_no_negative_base", condition=Q(base__gte=0)),)

    def __str__(self) -> str:
        return f"{self.bot}: {self.status}"


class Action(models.TextChoices):
    ENTER = "enter", "Enter"
    EXIT = "exit", "Exit"
    HOLD = "hold", "Hold"
    WAIT = "wait", "Wait"
    REFUSED = "refused", "Refused"
    MISSED = "missed", "Missed"


class Decision(models.Model):
    """Record the decision about one bar of one bot."""

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="decisions")
    version = models.ForeignKey(BotConfigVersion, on_delete=models.PROTECT, related_name="+")
    bar = models.DateTimeField(help_text="Open time of the decided bar.")
    action = models.CharField(max_length=8, choices=Action)
    signal = models.SmallIntegerField(default=0, help_text="+1 buy, -1 sell, 0 none.")
    reason = models.CharField(max_length=40, blank=True, help_text="The gate or rule that decided.")
    close = models.FloatField(null=True)
    values = models.JSONField(default=dict, help_text="Indicator values at the bar.")
    quantity = amount(null=True, help_text="Base to buy or sell.")
    terms = models.JSONField(
        null=True, help_text="What a BUY was sized at: the price asked, the account's free quote, its fee rate."
    )
    equity = models.FloatField(null=True)
    decided_at = models.DateTimeField(help_text="Market time.")
    lateness_s = models.FloatField(null=True)

    class Meta:
        ordering = ("-bar",)
        constraints = (models.UniqueConstraint(fields=("bot", "bar"), name="one_decision_per_bar"),)
        indexes = (
            models.Index(fields=("-bar",)),
            models.Index(fields=("action", "-bar")),
            models.Index(fields=("reason", "-bar")),
        )

    def __str__(self) -> str:
        return f"{self.bot_id} {self.bar:%Y-%m-%d %H:%M} {self.action}"


class Trade(models.Model):
    """Record a round trip, from flat to flat (rule 4)."""

    class Reason(models.TextChoices):
        SIGNAL = "signal", "Signal"
        STOP_LOSS = "stop_loss", "Stop-loss"
        TRAILING_STOP = "trailing_stop", "Trailing stop"
        TAKE_PROFIT = "take_profit", "Take-profit"
        MANUAL = "manual", "Manual"

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="trades")
    version = models.ForeignKey(BotConfigVersion, on_delete=models.PROTECT, related_name="+")
    symbol = models.CharField(max_length=20)
    opened_at = models.DateTimeField(help_text="Market time of the first fill.")
    closed_at = models.DateTimeField(null=True, blank=True)
    quantity = amount(help_text="Base bought, before the fee.")
    entry_price = exact_amount(help_text="Average fill price.")
    exit_price = exact_amount(null=True, blank=True)
    exit_reason = models.CharField(max_length=15, choices=Reason, blank=True)
    exit_requested = models.CharField(
        max_length=15, choices=Reason, blank=True, help_text="Why it is being sold at market, from that decision on."
    )
    stop_price = amount(null=True, blank=True, help_text="Stop in force: the larger of stop-loss and trail.")
    target_price = amount(null=True, blank=True)
    highest_price = amount(null=True, blank=True, help_text="The larger of entry price and highs since.")
    fees = exact_amount(default=0, help_text="In quote, each at its fill's price.")
    net_pnl = amount(default=0, help_text="Change of the bot's quote over the trade, so far while it is open.")

    class Meta:
        ordering = ("-opened_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("bot",), condition=Q(closed_at__isnull=True), name="one_open_trade_per_bot"
            ),
            models.CheckConstraint(
                name="closed_trade_has_its_reason",
                condition=Q(closed_at__isnull=True) | (~Q(exit_reason="") & Q(exit_price__isnull=False)),
            ),
        )
        indexes = (models.Index(fields=("bot", "closed_at")), models.Index(fields=("-opened_at",)))

    def __str__(self) -> str:
        return f"{self.symbol} {self.opened_at:%Y-%m-%d %H:%M}"

    @property
    def gross_pnl(self) -> Decimal:
        return self.net_pnl + self.fees


class Purpose(models.TextChoices):
    ENTRY = "entry", "Entry"
    STOP = "stop", "Stop"
    TARGET = "target", "Target"
    EXIT = "exit", "Exit"


class OrderState(models.TextChoices):
    """Name our states of an order. CREATED and UNKNOWN must be looked up before the bot does anything else."""

    CREATED = "created", "On record, not yet sent"
    UNKNOWN = "unknown", "Sent, answer lost"
    OPEN = "open", "Resting"
    FILLED = "filled", "Filled"
    CANCELED = "canceled", "Cancelled"
    EXPIRED = "expired", "Expired"
    REJECTED = "rejected", "Refused"


class Order(models.Model):
    """Record an order before it is sent, under a client order id of our own."""

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="orders")
    version = models.ForeignKey(BotConfigVersion, on_delete=models.PROTECT, related_name="+")
    trade = models.ForeignKey(Trade, null=True, blank=True, on_delete=models.SET_NULL, related_name="orders")
    decision = models.ForeignKey(Decision, null=True, blank=True, on_delete=models.SET_NULL, related_name="orders")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+")
    symbol = models.CharField(max_length=20)
    purpose = models.CharField(max_length=8, choices=Purpose)
    exit_reason = models.CharField(max_length=15, choices=Trade.Reason, blank=True)
    side = models.CharField(max_length=4)
    type = models.CharField(max_length=20)
    quantity = amount()
    limit_price = amount(null=True, blank=True)
    stop_price = amount(null=True, blank=True)
    client_order_id = models.CharField(max_length=36, unique=True)
    list_client_order_id = models.CharField(max_length=36, blank=True, help_text="Shared by the two legs of an OCO.")
    exchange_order_id = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=OrderState, default=OrderState.CREATED)
    executed_quantity = amount(default=0)
    executed_quote = amount(default=0)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(help_text="Market time.")
    sent_at = models.DateTimeField(
        null=True, blank=True, help_text="By the exchange's clock: when it went on record to be sent."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (
            models.Index(
                fields=("bot",), condition=Q(state__in=("created", "unknown", "open")), name="order_unsettled"
            ),
            models.Index(fields=("list_client_order_id",)),
            models.Index(fields=("-created_at",)),
        )

    def __str__(self) -> str:
        return self.client_order_id


class Fill(models.Model):
    """Record an execution of an order once; it is unique by the exchange's trade id."""

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="fills")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="fills")
    trade = models.ForeignKey(Trade, null=True, blank=True, on_delete=models.SET_NULL, related_name="fills")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+")
    symbol = models.CharField(max_length=20)
    exchange_trade_id = models.BigIntegerField()
    side = models.CharField(max_length=4)
    price = amount()
    quantity = amount()
    quote_quantity = amount()
    commission = amount()
    commission_asset = models.CharField(max_length=12)
    fee_quote = exact_amount(default=0, help_text="The commission in quote, at the fill's price.")
    is_maker = models.BooleanField(default=False)
    filled_at = models.DateTimeField(help_text="Market time.")

    class Meta:
        ordering = ("-filled_at", "-pk")
        constraints = (
            models.UniqueConstraint(fields=("api_key", "symbol", "exchange_trade_id"), name="one_fill_per_execution"),
        )
        indexes = (models.Index(fields=("-filled_at",)),)

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.symbol} at {self.price}"


class BotRun(models.Model):
    """The run log: one row for each tick that did, refused or failed something."""

    class Outcome(models.TextChoices):
        DECIDED = "decided", "Decided"
        SETTLED = "settled", "Settled only"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="runs")
    outcome = models.CharField(max_length=8, choices=Outcome)
    message = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField()
    duration_s = models.FloatField(default=0)

    class Meta:
        verbose_name = "run"
        ordering = ("-started_at",)
        indexes = (models.Index(fields=("bot", "-started_at")), models.Index(fields=("-started_at",)))

    def __str__(self) -> str:
        return f"{self.bot_id} {self.outcome}"


class Incident(models.Model):
    """Record what needs an operator: cause, proposed repair and resolution."""

    bot = models.ForeignKey(BotConfig, null=True, blank=True, on_delete=models.CASCADE, related_name="incidents")
    kind = models.CharField(max_length=40)
    cause = models.CharField(max_length=500)
    proposed_repair = models.CharField(max_length=500, blank=True)
    occurrences = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(auto_now=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    resolution = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-last_seen_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("bot", "kind"), condition=Q(resolved_at__isnull=True), name="one_open_incident_per_kind"
            ),
        )

    def __str__(self) -> str:
        return self.kind


class OperatorAction(models.Model):
    """Log an action on a bot, or on all of them. The log outlives the bot and its author."""

    class ActionKind(models.TextChoices):
        START = "start", "Started"
        PAUSE = "pause", "Paused"
        STOP = "stop", "Stopped"
        RESUME = "resume", "Resumed after a drawdown halt"
        RUN_NOW = "run_now", "Run now"
        CLOSE_POSITION = "close_position", "Position closed"
        DUPLICATE = "duplicate", "Duplicated"
        ABANDON_ORDERS = "abandon_orders", "Orders marked as lost"
        DELETE = "delete", "Deleted"
        KILL_SWITCH_ON = "kill_switch_on", "Kill switch on"
        KILL_SWITCH_OFF = "kill_switch_off", "Kill switch off"
        REPAIR = "repair", "State repaired"

    bot = models.ForeignKey(BotConfig, null=True, blank=True, on_delete=models.SET_NULL, related_name="actions")
    bot_name = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=20, choices=ActionKind)
    reason = models.CharField(max_length=500, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    author_name = models.CharField(max_length=150, blank=True, help_text="Empty: the site itself.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("bot", "-created_at")), models.Index(fields=("-created_at",)))

    def __str__(self) -> str:
        return f"{self.bot_name} {self.get_kind_display()}"


class ParityCheck(models.Model):
    """Record a comparison of a bot's trades with the backtest engine: differences, causes and drift.

    Written by backtests/parity/; declared here because it is a bot's record. Labels are stored as they are shown.
    """

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="parity_checks")
    checked_at = models.DateTimeField(auto_now_add=True)
    first_bar = models.DateTimeField(null=True)
    last_bar = models.DateTimeField(null=True)
    bars = models.PositiveIntegerField(default=0, help_text="Decided bars that were compared.")
    trades = models.PositiveIntegerField(default=0, help_text="Trades that were compared.")
    differences = models.PositiveIntegerField(default=0)
    unexplained = models.PositiveIntegerField(default=0)
    causes = models.JSONField(default=list, help_text="Each cause in words, its count, and what it came to in quote.")
    rows = models.JSONField(default=list, help_text="The differences, oldest first.")
    notes = models.JSONField(default=list, help_text="What was assumed and what was left out.")
    cost = amount(default=0, help_text="Quote that fills and fees cost more than the engine's.")
    cost_bps = models.FloatField(null=True, help_text="That, per quote traded, in basis points.")
    drift = models.CharField(max_length=500, blank=True, help_text="Why this is drift; empty where it is none.")
    error = models.CharField(max_length=500, blank=True, help_text="Why nothing could be compared.")

    class Meta:
        ordering = ("-checked_at",)
        indexes = (models.Index(fields=("bot", "-checked_at")),)

    def __str__(self) -> str:
        return f"{self.bot_id} {self.checked_at:%Y-%m-%d %H:%M}"
