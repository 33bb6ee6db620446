"""Where the paper exchange's prices come from: recorded candles, an invented market, or Binance's own public data."""
