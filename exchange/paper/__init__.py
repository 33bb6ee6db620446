"""The other side of the protocol: Binance's Spot REST API over paper money."""
