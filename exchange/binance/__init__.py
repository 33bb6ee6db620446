"""Our side of Binance's REST protocol, over python-binance."""
