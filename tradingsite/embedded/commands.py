"""What runs around a management command."""

from __future__ import annotations


def run(arguments: list[str]) -> int:
    """Run one management command."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)
    return 0
