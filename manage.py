#!/usr/bin/env python
"""Django's command line, with the embedded PostgreSQL and Valkey running for commands that need them."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one management command; see tradingsite/embedded/commands.py for what is started around it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
    try:
        from tradingsite.embedded.commands import run
    except ImportError as error:
        raise SystemExit(f"error: {error}. Run `make setup`, then use .venv/bin/python.") from error
    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
