"""App configuration of the backtests."""

from django.apps import AppConfig


class BacktestsConfig(AppConfig):
    name = "backtests"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backtests.statistics import trials  # noqa: F401  (its receivers count what is deleted)
