"""Runs the bots (settle, decide, act) and keeps the record."""
