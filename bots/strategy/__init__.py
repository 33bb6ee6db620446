"""Decides: pure functions. No Django, no network, no clock, nothing of ours from outside this folder."""
