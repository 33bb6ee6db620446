"""Runs and their results: backtests, optimisations, walk-forwards, Monte Carlo runs.

Each row holds all that is needed to reproduce its result: settings, time range, data hash, code version, seed. How runs
change their status is in runs/queue.py.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings as site
from django.db import models
from django.db.models import Q

from bots.models import BotConfig, BotConfigVersion


class RunStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.PAUSED)


class Run(models.Model):
    """The fields of every kind of run. `result` is only ever written together with the status `done`."""

    bot = models.ForeignKey(BotConfig, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    symbol = models.CharField(max_length=20)
    interval = models.CharField(max_length=4)
    strategy = models.CharField(max_length=30)
    settings = models.JSONField(help_text="Every setting of the run by its name, decimals as text.")
    symbol_info = models.JSONField(help_text="The symbol's exchangeInfo entry that its filters were read from.")
    start_at = models.DateTimeField(help_text="Open of the first bar decided on.")
    end_at = models.DateTimeField(help_text="Open of the first bar after the span.")
    bars = models.PositiveIntegerField(default=0)
    data_hash = models.CharField(max_length=64, help_text="SHA-256 of the stored bars that the run read.")
    filters_at = models.DateTimeField(null=True, help_text="When the symbol's filters were read.")
    gaps = models.JSONField(default=list, help_text="Holes in the data inside the span, [[first, last], …] in ms.")
    code_version = models.CharField(max_length=64, help_text="Hash of the sources that decide a result.")
    seed = models.BigIntegerField(default=1)

    status = models.CharField(max_length=10, choices=RunStatus, default=RunStatus.QUEUED)
    done_steps = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=1)
    error = models.CharField(max_length=1000, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(site.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    result = models.JSONField(null=True)
    result_hash = models.CharField(max_length=64, blank=True)
    verdict = models.JSONField(null=True)
    series = models.BinaryField(null=True, help_text="Arrays for the charts, compressed.")
    total_return = models.FloatField(null=True)
    sharpe = models.FloatField(null=True)
    max_drawdown = models.FloatField(null=True)
    closed_trades = models.PositiveIntegerField(null=True)
    is_pinned = models.BooleanField("pinned", default=False)
    note = models.TextField(blank=True)

    class Meta:
        abstract = True
        ordering = ("-is_pinned", "-created_at")
        constraints = (
            models.CheckConstraint(
                name="%(class)s_done_has_its_result",
                condition=~Q(status="done") | Q(result__isnull=False, finished_at__isnull=False),
            ),
            models.CheckConstraint(
                name="%(class)s_unfinished_has_no_result", condition=Q(status="done") | Q(result__isnull=True)
            ),
            models.CheckConstraint(name="%(class)s_span_has_length", condition=Q(start_at__lt=models.F("end_at"))),
        )
        indexes = (
            models.Index(fields=("symbol", "interval")),
            models.Index(fields=("status",)),
            models.Index(fields=("-created_at",)),
        )

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}: {self.symbol} {self.interval}"

    @property
    def kind(self) -> str:
        return str(self._meta.model_name)

    @property
    def progress(self) -> float:
        """Return the share of steps that are done, 0 to 1."""
        return min(self.done_steps / self.total_steps, 1.0) if self.total_steps else 0.0

    @property
    def is_unfinished(self) -> bool:
        return self.status in UNFINISHED


class Backtest(Run):
    """One run of the engine over a time range."""

    optimisation = models.ForeignKey(
        "Optimisation", null=True, blank=True, on_delete=models.SET_NULL, related_name="backtests"
    )
    is_hold_out = models.BooleanField(default=False, help_text="Ran on the hold-out of an optimisation.")


class Optimisation(Run):
    """A search for the best parameters. `end_at` is where its own data stops and the hold-out begins."""

    plan = models.JSONField(help_text="grid, conditions, method, objectives, min_trades, max_trials, round_size.")
    hold_out_start_at = models.DateTimeField(null=True, help_text="Open of the first bar that no trial can see.")
    hold_out_end_at = models.DateTimeField(null=True)
    trials_made = models.PositiveIntegerField(default=0)
    earlier_trials = models.PositiveIntegerField(default=0, help_text="By other runs on the same data.")

    class Meta(Run.Meta):
        verbose_name_plural = "optimisations"


class SearchChunk(models.Model):
    """Trials of an optimisation that one worker evaluates together. `trials` is written once, with `done_at`."""

    optimisation = models.ForeignKey(Optimisation, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    round = models.PositiveIntegerField()
    proposed = models.JSONField(help_text="One list of values per trial, null for off.")
    trials = models.BinaryField(null=True, help_text="Parameters, figures and daily returns, compressed.")
    best = models.JSONField(null=True, help_text="Score, parameters and figures of its best trial; null without one.")
    claimed_at = models.DateTimeField(null=True)
    claim = models.CharField(max_length=36, blank=True, help_text="Fences off a worker that was given up.")
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("optimisation", "number")
        constraints = (
            models.UniqueConstraint(fields=("optimisation", "number"), name="one_chunk_per_number"),
            models.CheckConstraint(
                name="chunk_done_has_its_trials", condition=Q(done_at__isnull=True) | Q(trials__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.optimisation_id}/{self.number}"


class WalkForward(Run):
    """An optimisation and a traded test in turn, window by window."""

    plan = models.JSONField(help_text="The plan of the optimisations, and train_days, test_days, anchored.")
    steps = models.JSONField(
        default=list, help_text="Windows walked so far: a run that was cut off goes on after them."
    )
    trials_made = models.PositiveIntegerField(default=0)

    class Meta(Run.Meta):
        verbose_name = "walk-forward"


class MonteCarlo(Run):
    """Simulated outcomes of one backtest's trades or days."""

    backtest = models.ForeignKey(Backtest, on_delete=models.CASCADE, related_name="monte_carlos")
    plan = models.JSONField(help_text="method, paths, mean_block, skip_probability, ruin_level, stress.")

    class Meta(Run.Meta):
        verbose_name = "Monte Carlo run"


class HoldOutOpening(models.Model):
    """A look at the hold-out of an optimisation. Never deleted by the site: a second look is no test."""

    optimisation = models.ForeignKey(Optimisation, on_delete=models.PROTECT, related_name="openings")
    backtest = models.ForeignKey(Backtest, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    parameters = models.JSONField()
    reason = models.CharField(max_length=300)
    opened_by = models.ForeignKey(site.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-opened_at",)

    def __str__(self) -> str:
        return f"{self.optimisation_id} opened {self.opened_at:%Y-%m-%d %H:%M}"


class DeletedTrials(models.Model):
    """Trials of a deleted run. They still count against later results on the same bars."""

    symbol = models.CharField(max_length=20)
    interval = models.CharField(max_length=4)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    trials = models.PositiveIntegerField(default=1)
    settings_hash = models.CharField(
        max_length=64, blank=True, help_text="Of a single backtest: SHA-256 of its settings."
    )
    deleted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "deleted trials"
        indexes = (models.Index(fields=("symbol", "interval")),)

    def __str__(self) -> str:
        return f"{self.trials} on {self.symbol} {self.interval}"


class Application(models.Model):
    """A result's parameters that became a bot's version. Reverting brings back the version before it."""

    kind = models.CharField(max_length=20)
    run_id = models.PositiveBigIntegerField()
    version = models.OneToOneField(BotConfigVersion, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ("-pk",)
        indexes = (models.Index(fields=("kind", "run_id")),)

    def __str__(self) -> str:
        return f"{self.kind} {self.run_id} to {self.version}"


def run_models() -> dict[str, type[Any]]:
    """Return the models of runs by the names that addresses use."""
    return {"backtest": Backtest, "optimisation": Optimisation, "walkforward": WalkForward, "montecarlo": MonteCarlo}
