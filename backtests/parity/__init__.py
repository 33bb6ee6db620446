"""Parity of a running bot: its record compared with the backtest engine, each difference with its cause."""
