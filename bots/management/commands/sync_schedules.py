"""`manage.py sync_schedules`: sync the bots' schedules."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from bots.control import schedules


class Command(BaseCommand):
    help = "Sync every bot's periodic task, and delete those without a bot."

    def handle(self, *args: Any, **options: Any) -> None:
        changed, removed = schedules.sync_all()
        self.stdout.write(f"{changed} schedule(s) repaired, {removed} without a bot removed.")
