"""Talks to Binance or to paper money; knows nothing of bots."""
