"""What can go wrong with the embedded servers, in sentences for the person at the terminal."""

from __future__ import annotations


class EmbeddedError(Exception):
    """A server cannot be found, started or used; the message says what to do."""
