"""Report what went wrong with the embedded servers, in sentences for the person at the terminal."""

from __future__ import annotations


class EmbeddedError(Exception):
    """Report that a server cannot be found, started or used; the message says what to do."""
