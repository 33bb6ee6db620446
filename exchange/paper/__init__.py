"""Serve Binance's Spot REST API over simulated money."""
