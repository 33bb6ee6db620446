"""Give the paper exchange its prices: recorded candles, a simulated market, or Binance's own public data."""
