"""Store API keys, symbols and what the candle store covers.

The accounts and orders of the paper exchange are in paper/models.py.
"""

from __future__ import annotations

from django.db import models

from exchange.secrets import EncryptedTextField


class Venue(models.TextChoices):
    PAPER = "paper", "Paper (simulated money)"
    TESTNET = "testnet", "Binance testnet"
    LIVE = "live", "Binance (real money)"


class ApiKey(models.Model):
    """A key to one account on one venue. Bots trade through it; the venue is the only thing that makes money real."""

    name = models.CharField(max_length=60, unique=True, help_text="How bots and pages call it.")
    venue = models.CharField(max_length=10, choices=Venue, default=Venue.PAPER)
    key = EncryptedTextField(help_text="The API key as the exchange shows it. Write-only.")
    secret = EncryptedTextField(help_text="Its secret. Write-only: it is never shown again.")
    key_hint = models.CharField(max_length=4, blank=True, editable=False, help_text="The key's last four characters.")
    max_exposure_quote = models.DecimalField(
        "exposure limit",
        max_digits=28,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="The most, in quote, that all bots of this key together may hold of one base asset. Empty: no limit.",
    )
    is_demo = models.BooleanField(default=False, editable=False)
    can_trade = models.BooleanField(null=True, editable=False)
    can_withdraw = models.BooleanField(null=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    check_message = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "API key"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="exposure_limit_positive",
                condition=models.Q(max_exposure_quote__isnull=True) | models.Q(max_exposure_quote__gt=0),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.venue})"

    @property
    def is_simulated(self) -> bool:
        return self.venue == Venue.PAPER


class Symbol(models.Model):
    """A symbol as one venue describes it: `info` is its exchangeInfo entry, from which the filters are read."""

    venue = models.CharField(max_length=10, choices=Venue)
    name = models.CharField(max_length=20, help_text="As in BTCUSDT.")
    base = models.CharField(max_length=12)
    quote = models.CharField(max_length=12)
    status = models.CharField(max_length=20, default="TRADING")
    info = models.JSONField()
    read_at = models.DateTimeField()

    class Meta:
        ordering = ("name", "venue")
        constraints = (models.UniqueConstraint(fields=("venue", "name"), name="one_symbol_per_venue"),)

    def __str__(self) -> str:
        return self.name


class Dataset(models.Model):
    """Candles of one symbol and interval in the Parquet store, and what they cover."""

    symbol = models.CharField(max_length=20)
    interval = models.CharField(max_length=4)
    first_open_time = models.DateTimeField(help_text="Open of the first bar.")
    last_open_time = models.DateTimeField(help_text="Open of the last bar.")
    rows = models.PositiveIntegerField(help_text="Bars stored.")
    gaps = models.JSONField(default=list, help_text="[[first missing open time, last missing open time], …] in ms.")
    missing = models.PositiveIntegerField(default=0, help_text="Bars missing inside the span.")
    data_hash = models.CharField(max_length=64, help_text="SHA-256 of the stored bars.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("symbol", "interval")
        constraints = (models.UniqueConstraint(fields=("symbol", "interval"), name="one_dataset_per_series"),)

    def __str__(self) -> str:
        return f"{self.symbol} {self.interval}"
