"""Parity of a running bot: its record held against the backtest engine, difference by difference, each with a cause."""
