"""Trade on Binance or on paper. Nothing here knows of bots."""
