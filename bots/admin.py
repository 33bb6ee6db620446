"""Everything of bots in the admin; the classes are in admin_bots.py, admin_records.py and admin_schedules.py."""

from bots import admin_bots, admin_records, admin_schedules  # noqa: F401
