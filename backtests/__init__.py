"""Asks the bots' own decisions of the past, then measures and reports."""
