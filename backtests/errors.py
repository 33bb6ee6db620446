"""Errors of runs that are shown to the person who asked for the run."""

from __future__ import annotations

from core.errors import UserError


class BacktestError(UserError):
    """The data, or the time range, cannot carry the run; the message tells why and what would do."""


class SearchSpaceError(UserError):
    """A plan or a search space cannot be used; the message tells what is wrong and what would do."""


class RunError(UserError):
    """A run cannot be made, or changed, as asked.

    `field` names the setting at fault, as a form calls it; empty if it is no single one.
    """

    def __init__(self, message: str, field: str = "") -> None:
        is_name = "_" in message.partition(" ")[0]
        text = message if is_name else message[:1].upper() + message[1:]
        super().__init__(text if text.endswith((".", "?", "!")) else f"{text}.")
        self.field = field


class NothingToCompare(UserError):
    """Nothing in the period can be compared with the engine; the message tells why and what would do."""


class ReplayFailed(UserError):
    """A tick failed; the replay ends there."""
