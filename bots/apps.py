"""Configure the app of bots."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BotsConfig(AppConfig):
    name = "bots"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give the groups their permissions after every migration."""
        from bots.control.roles import grant  # models may be imported once all apps are loaded

        post_migrate.connect(grant, dispatch_uid="bots.control.roles.grant")
