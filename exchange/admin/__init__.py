"""Register the admin pages of API keys, symbols and datasets."""

from exchange.admin import api_keys, datasets, symbols  # noqa: F401  (importing registers the pages)
