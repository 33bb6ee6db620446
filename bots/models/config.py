"""Configuration: bots, their versions, and the kill switch."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from bots.models.fields import in_range, setting_field
from exchange.models import ApiKey


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
    """Configure one bot. What it does is in `BotState` and the other records."""

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

    initial_capital = setting_field("initial_capital")
    position_size_mode = setting_field("position_size_mode")
    position_size_fixed = setting_field("position_size_fixed")
    position_size_perc = setting_field("position_size_perc")
    risk_per_trade = setting_field("risk_per_trade")
    compounding = setting_field("compounding")

    stop_loss = setting_field("stop_loss")
    take_profit = setting_field("take_profit")
    trailing_stop = setting_field("trailing_stop")
    stop_limit_distance = setting_field("stop_limit_distance")

    max_daily_trades = setting_field("max_daily_trades")
    max_daily_loss = setting_field("max_daily_loss")
    daily_profit_target = setting_field("daily_profit_target")
    max_drawdown = setting_field("max_drawdown")
    cooldown_bars = setting_field("cooldown_bars")
    max_signal_age_s = setting_field("max_signal_age_s")
    trading_hours = setting_field("trading_hours")

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
                # A comparison with NULL is not false, and a check passes unless it is false.
                condition=Q(position_size_mode="fixed", position_size_fixed__isnull=False, position_size_fixed__gt=0)
                | Q(position_size_mode="percent", position_size_perc__isnull=False, position_size_perc__gt=0)
                | Q(
                    position_size_mode="risk",
                    risk_per_trade__isnull=False,
                    risk_per_trade__gt=0,
                    stop_loss__isnull=False,
                    stop_loss__gt=0,
                ),
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
    """Record one version of a bot's configuration, with author and reason."""

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


class KillSwitch(models.Model):
    """Stop the entries of all bots at once. One row; exits always go out."""

    is_on = models.BooleanField(default=False, help_text="No bot enters while this is on.")
    reason = models.CharField(max_length=300, blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.CheckConstraint(name="one_kill_switch", condition=Q(pk=1)),)

    def __str__(self) -> str:
        return "on" if self.is_on else "off"

    @classmethod
    def load(cls) -> KillSwitch:
        """Return the only row; create it if there is none."""
        return cls.objects.get_or_create(pk=1)[0]
