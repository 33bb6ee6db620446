"""`manage.py prepare_demo`: prepare the demo, or finish it. `manage.py up` calls it on the first start."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bots.control import demo


class Command(BaseCommand):
    help = "Prepare three demo bots with two weeks of simulated trading, or finish that."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            is_new = demo.prepare(self._report)
        except demo.DemoFailed as error:
            raise CommandError(f"The demo stopped: {error}. Run it again to go on.") from None
        self.stdout.write("The demo's bots are running." if is_new else "The demo was ready already.")

    def _report(self, progress: demo.Progress) -> None:
        self.stdout.write(f"Demo: {progress.done} of {progress.total} past candles traded.")
        self.stdout.flush()
