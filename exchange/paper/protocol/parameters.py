"""Read the parameters of one request by type: every way of getting one wrong has its documented code.

Only the shape of a value is judged here; whether a symbol exists or a price fits its filters is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from decimal import Decimal
from urllib.parse import unquote_plus

from exchange.paper import errors
from exchange.paper.errors import ApiError

_NUMBER = re.compile(errors.NUMBER_PATTERN, re.ASCII)
_INTEGER = re.compile(errors.INTEGER_PATTERN, re.ASCII)
_CLIENT_ID = re.compile(errors.CLIENT_ID_PATTERN, re.ASCII)
_SYMBOL = re.compile(errors.SYMBOL_PATTERN, re.ASCII)
_SYMBOLS = re.compile(errors.SYMBOLS_PATTERN, re.ASCII)
_BOOLEAN_PATTERN = "^(true|false)$"

PRECISION = 8
LARGEST_INTEGER = 2**63 - 1
LARGEST_AMOUNT = Decimal(LARGEST_INTEGER).scaleb(-PRECISION)
_MICROSECONDS_FROM = 10**14  # as ms this is the year 5138: such a number counts microseconds


def parse_pairs(encoded: str) -> list[tuple[str, str]]:
    """Return `a=1&b=2` as decoded pairs, in order; a name without `=` has the empty value."""
    pairs = (piece.partition("=") for piece in encoded.split("&") if piece)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


def merge(query: str, body: str) -> Parameters:
    """Merge query string and form body. A name in both takes the query's value; twice in one is an error."""
    values: dict[str, str] = {}
    for encoded in (body, query):
        pairs = parse_pairs(encoded)
        if len({name for name, _ in pairs}) != len(pairs):
            raise errors.duplicate_parameter()
        values.update(pairs)
    return Parameters(values)


class Parameters:
    """Read-only, typed access by name. Optional readers give None for what was not sent."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    @property
    def names(self) -> Collection[str]:
        return self._values.keys()

    def has(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> str | None:
        """Return the text as sent. Raise -1105 if it was sent empty."""
        value = self._values.get(name)
        if value == "":
            raise errors.empty(name)
        return value

    def require(self, name: str) -> str:
        value = self.raw(name)
        if value is None:
            raise errors.missing(name)
        return value

    def need_all(self, *names: str) -> None:
        """Raise -1102 for the first of `names` that was not sent."""
        for name in names:
            self.require(name)

    def refuse(self, *names: str) -> None:
        """Raise -1106 for the first of `names` that was sent."""
        for name in names:
            if name in self._values:
                raise errors.not_required(name)

    def decimal(self, name: str) -> Decimal | None:
        """Return a plain decimal of at most 8 places (trailing zeros aside). Exponents and signs are illegal
        characters.
        """
        text = self.raw(name)
        if text is None:
            return None
        if not _NUMBER.match(text):
            raise errors.illegal_characters(name, errors.NUMBER_PATTERN)
        _, _, places = text.partition(".")
        if len(places) > PRECISION and len(places.rstrip("0")) > PRECISION:
            raise errors.too_precise(name)
        value = Decimal(text)
        if value > LARGEST_AMOUNT:
            raise errors.overflow(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number from 0 to 2**63 - 1."""
        text = self.raw(name)
        if text is None:
            return None
        if not _INTEGER.match(text):
            raise errors.illegal_characters(name, errors.INTEGER_PATTERN)
        value = int(text)
        if value > LARGEST_INTEGER:
            raise errors.overflow(name)
        return value

    def limit(self, default: int, most: int) -> int:
        """Return how many rows: `default` if not sent, clamped to `most`; 0 is -1130."""
        value = self.integer("limit")
        if value is None:
            return default
        if value == 0:
            raise errors.invalid("limit")
        return min(value, most)

    def time_ms(self, name: str) -> int | None:
        """Return a time sent in milliseconds or microseconds, in milliseconds."""
        value = self.integer(name)
        if value is None or value < _MICROSECONDS_FROM:
            return value
        return value // 1000

    def flag(self, name: str, default: bool = False) -> bool:
        text = self.raw(name)
        if text is None:
            return default
        if text.lower() not in ("true", "false"):
            raise errors.illegal_characters(name, _BOOLEAN_PATTERN)
        return text.lower() == "true"

    def choice(self, name: str, allowed: Collection[str], refusal: Callable[[], ApiError] | None = None) -> str | None:
        """Return one of `allowed`; else raise `refusal()`, or -1130 if none is given."""
        text = self.raw(name)
        if text is not None and text not in allowed:
            raise refusal() if refusal else errors.invalid(name)
        return text

    def client_id(self, name: str) -> str | None:
        text = self.raw(name)
        if text is not None and not _CLIENT_ID.match(text):
            raise errors.illegal_characters(name, errors.CLIENT_ID_PATTERN)
        return text

    def symbol(self) -> str:
        """Return the mandatory `symbol`; the market decides whether it exists (-1121)."""
        return self.optional_symbol() or self.require("symbol")

    def optional_symbol(self) -> str | None:
        text = self.raw("symbol")
        if text is not None and not _SYMBOL.match(text):
            raise errors.illegal_characters("symbol", errors.SYMBOL_PATTERN)
        return text

    def symbols(self) -> tuple[str, ...] | None:
        """Return the JSON array `symbols`, each named once."""
        text = self.raw("symbols")
        if text is None:
            return None
        text = text.replace(" ", "")
        if not _SYMBOLS.match(text):
            raise errors.illegal_characters("symbols", errors.SYMBOLS_PATTERN)
        names = tuple(name.strip('"') for name in text[1:-1].split(","))
        if len(set(names)) != len(names):
            raise errors.duplicate_symbols()
        return names
