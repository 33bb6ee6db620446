"""Bots, what they decided, and what became of it. Rules that the database can keep are constraints here."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from exchange.models import ApiKey

SMALLEST = Decimal("0.00000001")


def amount(**kwargs: object) -> models.DecimalField:
    """An amount of an asset or a price: 8 decimals, as the exchange counts."""
    return models.DecimalField(max_digits=28, decimal_places=8, **kwargs)  # type: ignore[arg-type]


def exact_amount(**kwargs: object) -> models.DecimalField:
    """A product of two amounts (a fee in base at its price): 16 decimals, nothing lost."""
    return models.DecimalField(max_digits=38, decimal_places=16, **kwargs)  # type: ignore[arg-type]


def fraction(help_text: str, *, below_one: bool = True) -> models.DecimalField:
    """An optional fraction over 0, at most (or, with `below_one`, under) 1: 0.02 is 2 %."""
    top = Decimal("0.99999999") if below_one else Decimal(1)
    return models.DecimalField(
        max_digits=9,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST), MaxValueValidator(top)],
        help_text=help_text + " A fraction: 0.02 is 2 %. Empty: off.",
    )


def in_range(name: str, field: str, *, top_included: bool = False) -> models.CheckConstraint:
    top = Q(**{f"{field}__lte": 1}) if top_included else Q(**{f"{field}__lt": 1})
    return models.CheckConstraint(
        name=name, condition=Q(**{f"{field}__isnull": True}) | (Q(**{f"{field}__gt": 0}) & top)
    )


class SizeModeChoice(models.TextChoices):
    FIXED = "fixed", "Fixed amount of quote"
    PERCENT = "percent", "Share of capital"
    RISK = "risk", "Risk per trade (needs a stop-loss)"


class Timeframe(models.TextChoices):
    M1 = "1m", "1 minute"
    M3 = "3m", "3 minutes"
    M5 = "5m", "5 minutes"
    M15 = "15m", "15 minutes"
    M30 = "30m", "30 minutes"
    H1 = "1h", "1 hour"
    H2 = "2h", "2 hours"
    H4 = "4h", "4 hours"
    H6 = "6h", "6 hours"
    H8 = "8h", "8 hours"
    H12 = "12h", "12 hours"
    D1 = "1d", "1 day"


class BotConfig(models.Model):
    """What a person chooses about one bot. What it does with it is in `BotState` and the records below."""

    name = models.CharField(max_length=60, unique=True)
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.PROTECT,
        related_name="bots",
        verbose_name="API key",
        help_text="Whose money it trades.",
    )
    symbol = models.CharField(max_length=20, help_text="As on Binance: BTCUSDT.")
    timeframe = models.CharField(max_length=3, choices=Timeframe, default=Timeframe.H1, help_text="Length of a bar.")
    strategy = models.CharField(max_length=30, default="ema_rsi")

    ema_fast = models.PositiveSmallIntegerField(default=12, help_text="Bars of the fast average; under the slow one.")
    ema_slow = models.PositiveSmallIntegerField(default=26, help_text="Bars of the slow average.")
    rsi_period = models.PositiveSmallIntegerField(default=14, help_text="Bars of Wilder's RSI.")
    rsi_overbought = models.DecimalField(
        max_digits=5, decimal_places=2, default=Decimal(70), help_text="No buy at or over this RSI, 0 to 100."
    )
    rsi_oversold = models.DecimalField(
        max_digits=5, decimal_places=2, default=Decimal(30), help_text="No signal sell at or under this RSI, 0 to 100."
    )
    parameters = models.JSONField(
        default=dict, blank=True, help_text="Parameters of a strategy other than EMA/RSI, by name."
    )

    initial_capital = amount(
        validators=[MinValueValidator(SMALLEST)],
        default=Decimal(1000),
        help_text="Quote that the bot's own ledger starts with. It never spends more than its ledger holds.",
    )
    position_size_mode = models.CharField(
        max_length=10, choices=SizeModeChoice, default=SizeModeChoice.PERCENT, verbose_name="size of an entry"
    )
    position_size_fixed = amount(
        null=True, blank=True, validators=[MinValueValidator(SMALLEST)], help_text="Quote per entry, in the fixed mode."
    )
    position_size_perc = models.DecimalField(
        "share of capital per entry",
        max_digits=9,
        decimal_places=8,
        null=True,
        blank=True,
        default=Decimal("0.5"),
        validators=[MinValueValidator(SMALLEST), MaxValueValidator(Decimal(1))],
        help_text="In the percent mode. A fraction: 0.5 is half of the capital.",
    )
    risk_per_trade = fraction("Capital lost if the stop-loss is hit, in the risk mode.")
    compounding = models.BooleanField(default=True, help_text="Count closed trades' results into the capital.")

    stop_loss = fraction("Fall from the entry price that sells.")
    take_profit = models.DecimalField(
        max_digits=12,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST)],
        help_text="Rise over the entry price that sells. A fraction: 0.02 is 2 %. Empty: off.",
    )
    trailing_stop = fraction("Fall from the highest price since the entry that sells.")

    stop_limit_distance = models.DecimalField(
        max_digits=9,
        decimal_places=8,
        default=Decimal("0.005"),
        validators=[MinValueValidator(SMALLEST), MaxValueValidator(Decimal("0.5"))],
        help_text="Only where the symbol has no stop-market order: how far the stop's limit lies under it. A fraction.",
    )

    max_daily_trades = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Entries per UTC day. Empty: no limit."
    )
    max_daily_loss = fraction("Loss of trades closed today that stops entries until tomorrow.", below_one=False)
    daily_profit_target = models.DecimalField(
        max_digits=12,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST)],
        help_text="Profit of trades closed today that stops entries until tomorrow. A fraction. Empty: off.",
    )
    max_drawdown = fraction("Fall of equity from its peak that stops entries until a person resumes.", below_one=False)
    cooldown_bars = models.PositiveSmallIntegerField(
        default=0, help_text="Bars to wait after an exit; 1 forbids an entry decided on the exit's own bar."
    )
    max_signal_age_s = models.PositiveIntegerField(
        "oldest signal to enter on",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Seconds since the bar's close. Empty: half the interval.",
    )
    trading_hours = models.CharField(
        max_length=200,
        blank=True,
        help_text="When it may enter, UTC: “Mon-Fri 08:00-20:00; Sat 10:00-12:00”. Empty: always. Exits always go out.",
    )
    is_active = models.BooleanField(default=False, help_text="Its schedule ticks. Start and stop set this.")
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "bot"
        ordering = ("name",)
        permissions = (("operate_botconfig", "Can start, pause, stop and run bots"),)
        constraints = (
            models.CheckConstraint(
                name="bot_fast_under_slow", condition=Q(ema_fast__gte=1, ema_fast__lt=F("ema_slow"))
            ),
            models.CheckConstraint(name="bot_rsi_period_at_least_two", condition=Q(rsi_period__gte=2)),
            models.CheckConstraint(
                name="bot_rsi_levels_in_range",
                condition=Q(rsi_oversold__gte=0, rsi_overbought__lte=100, rsi_oversold__lt=F("rsi_overbought")),
            ),
            models.CheckConstraint(name="bot_capital_positive", condition=Q(initial_capital__gt=0)),
            models.CheckConstraint(
                name="bot_size_fits_its_mode",
                condition=Q(position_size_mode="fixed", position_size_fixed__gt=0)
                | Q(position_size_mode="percent", position_size_perc__gt=0)
                | Q(position_size_mode="risk", risk_per_trade__gt=0, stop_loss__gt=0),
            ),
            in_range("bot_size_fraction_in_range", "position_size_perc", top_included=True),
            in_range("bot_risk_fraction_in_range", "risk_per_trade"),
            in_range("bot_stop_loss_in_range", "stop_loss"),
            in_range("bot_trailing_stop_in_range", "trailing_stop"),
            in_range("bot_daily_loss_in_range", "max_daily_loss", top_included=True),
            in_range("bot_drawdown_in_range", "max_drawdown", top_included=True),
            models.CheckConstraint(
                name="bot_take_profit_positive", condition=Q(take_profit__isnull=True) | Q(take_profit__gt=0)
            ),
            models.CheckConstraint(
                name="bot_profit_target_positive",
                condition=Q(daily_profit_target__isnull=True) | Q(daily_profit_target__gt=0),
            ),
            models.CheckConstraint(
                name="bot_daily_trades_not_zero",
                condition=Q(max_daily_trades__isnull=True) | Q(max_daily_trades__gt=0),
            ),
            models.CheckConstraint(
                name="bot_signal_age_not_zero",
                condition=Q(max_signal_age_s__isnull=True) | Q(max_signal_age_s__gt=0),
            ),
        )

    def __str__(self) -> str:
        return self.name


class BotConfigVersion(models.Model):
    """What a bot's configuration was from one change to the next: by whom, and why."""

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    values = models.JSONField(help_text="Every field of the configuration, decimals as strings.")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("bot", "-number")
        constraints = (models.UniqueConstraint(fields=("bot", "number"), name="one_version_per_number"),)

    def __str__(self) -> str:
        return f"{self.bot} v{self.number}"


class Status(models.TextChoices):
    STOPPED = "stopped", "Stopped"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused: exits only"


class BotState(models.Model):
    """Where a bot stands. Start, pause and stop move `status`; everything else is written by the runner alone."""

    bot = models.OneToOneField(BotConfig, on_delete=models.CASCADE, related_name="state")
    status = models.CharField(max_length=10, choices=Status, default=Status.STOPPED)
    since = models.DateTimeField(auto_now_add=True)
    run_number = models.PositiveBigIntegerField(default=0, help_text="Fences off a run that lost its lease.")
    lease_expires_at = models.DateTimeField(null=True)
    last_bar = models.DateTimeField(null=True, help_text="Open time of the last bar decided on.")
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
    """One bar of one bot: what it saw, what it wanted, and what stood in the way."""

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="decisions")
    version = models.ForeignKey(BotConfigVersion, on_delete=models.PROTECT, related_name="+")
    bar = models.DateTimeField(help_text="Open time of the decided bar.")
    action = models.CharField(max_length=8, choices=Action)
    signal = models.SmallIntegerField(default=0, help_text="+1 buy, -1 sell, 0 none.")
    reason = models.CharField(max_length=40, blank=True, help_text="The gate or rule that decided.")
    close = models.FloatField(null=True)
    values = models.JSONField(default=dict, help_text="Indicator values at the bar.")
    quantity = amount(null=True, help_text="Base to buy or sell.")
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
    """A round trip, from flat to flat (rule 4)."""

    class Reason(models.TextChoices):
        SIGNAL = "signal", "Signal"
        STOP_LOSS = "stop_loss", "Stop-loss"
        TRAILING_STOP = "trailing_stop", "Trailing stop"
        TAKE_PROFIT = "take_profit", "Take-profit"
        MANUAL = "manual", "By hand"

    bot = models.ForeignKey(BotConfig, on_delete=models.CASCADE, related_name="trades")
    version = models.ForeignKey(BotConfigVersion, on_delete=models.PROTECT, related_name="+")
    symbol = models.CharField(max_length=20)
    opened_at = models.DateTimeField(help_text="Market time of the first fill.")
    closed_at = models.DateTimeField(null=True, blank=True)
    quantity = amount(help_text="Base bought, before the fee.")
    entry_price = exact_amount(help_text="Average fill price.")
    exit_price = exact_amount(null=True, blank=True)
    exit_reason = models.CharField(max_length=15, choices=Reason, blank=True)
    exit_wanted = models.CharField(
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
    """Our side of an order's life. CREATED and UNKNOWN must be looked up before anything else happens to the bot."""

    CREATED = "created", "On record, not yet sent"
    UNKNOWN = "unknown", "Sent, answer lost"
    OPEN = "open", "Resting"
    FILLED = "filled", "Filled"
    CANCELED = "canceled", "Cancelled"
    EXPIRED = "expired", "Expired"
    REJECTED = "rejected", "Refused"


class Order(models.Model):
    """What we asked of the exchange: on record before it is sent, under a name of our own."""

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
    sent_at = models.DateTimeField(null=True, blank=True, help_text="Wall time of the last sending.")
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
    """An execution of one of our orders, booked once: unique by the exchange's trade id."""

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
    """Something a person should look at: its cause, a proposed repair, and how it ended."""

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


class KillSwitch(models.Model):
    """Stops every entry of every bot at once. One row; exits always go out."""

    is_on = models.BooleanField(default=False, help_text="No bot enters while this is on.")
    reason = models.CharField(max_length=300, blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.CheckConstraint(name="one_kill_switch", condition=Q(pk=1)),)

    def __str__(self) -> str:
        return "on" if self.is_on else "off"
