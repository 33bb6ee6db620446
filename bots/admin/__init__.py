"""Everything of bots in the admin."""

from bots.admin import bots, operations, records, schedules  # noqa: F401
