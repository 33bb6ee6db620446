"""Speak Binance's REST protocol as its client, through python-binance."""
