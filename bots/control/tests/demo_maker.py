"""The demo with three days of past instead of fourteen: `python -m bots.control.tests.demo_maker`."""

from __future__ import annotations

from datetime import timedelta

import django

django.setup()

from bots.control import demo  # noqa: E402

demo.PAST = timedelta(days=3)

if __name__ == "__main__":
    demo.prepare()
