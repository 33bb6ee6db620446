"""Configure the app of the paper exchange."""

from django.apps import AppConfig


class PaperConfig(AppConfig):
    name = "exchange.paper"
    label = "paper"
    verbose_name = "Paper exchange"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models can be imported only once the apps are loaded.
        from exchange.api_key_issuers import register
        from exchange.models import Venue
        from exchange.paper.account.accounts import issue_key

        register(Venue.PAPER, issue_key)
