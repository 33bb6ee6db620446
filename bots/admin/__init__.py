"""Everything of bots in the admin; the classes are in bots.py, records.py and schedules.py."""

from bots.admin import bots, records, schedules  # noqa: F401
