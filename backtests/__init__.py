"""Backtests, optimisations, walk-forwards, Monte Carlo runs and parity checks, with their reports."""
