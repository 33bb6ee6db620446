"""`manage.py forget_orders`: the old name of abandon_orders, for one release."""

from bots.management.commands.abandon_orders import Command as Command
