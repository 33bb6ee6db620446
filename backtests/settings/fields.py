"""What each setting of a run may be: its kind, its bounds and its default, the same as a bot's in the admin.

Reading the pairs a person typed, and what must fit together, is in parse.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from bots.settings import trading_hours

SMALLEST = Decimal("0.00000001")
BELOW_ONE = Decimal("0.99999999")
WORDS_FOR_OFF = ("none", "off", "")
WORDS_FOR_TRUE = ("true", "yes", "on", "1")
WORDS_FOR_FALSE = ("false", "no", "off", "0", "none")


class ParametersError(ValueError):
    """Settings that no run can have; the message says which, why, and what would do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two bounds, both included. `off` is what `none` means; without `can_be_off` it is refused."""

    low: Decimal
    high: Decimal
    is_integer: bool = False
    can_be_off: bool = True
    off: Decimal | None = None
    decimals: int = 8

    def read(self, name: str, value: object) -> Decimal | int | None:
        """The value as a number, or None for off."""
        if value is None or str(value).strip().lower() in WORDS_FOR_OFF:
            if not self.can_be_off:
                raise ParametersError(name, f"{name} cannot be off; give a number")
            return int(self.off) if self.is_integer and self.off is not None else self.off
        number = _decimal(name, value)
        if not self.low <= number <= self.high:
            raise ParametersError(name, f"{name} must be between {self.low:f} and {self.high:f}, not {value}")
        if self.is_integer:
            if number != number.to_integral_value():
                raise ParametersError(name, f"{name} must be a whole number, not {value}")
            return int(number)
        if -int(number.normalize().as_tuple().exponent) > self.decimals:
            raise ParametersError(name, f"{name} may have at most {self.decimals} decimals, not {value}")
        return number


def _decimal(name: str, value: object) -> Decimal:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ParametersError(name, f"{name} must be a number, not {value!r}")
    return number


def read_flag(name: str, value: object) -> bool:
    """True or false as people write them."""
    word = str(value).strip().lower()
    if word in WORDS_FOR_TRUE:
        return True
    if word in WORDS_FOR_FALSE:
        return False
    raise ParametersError(name, f"{name} must be true or false, not {value!r}")


def read_mode(name: str, value: object) -> str:
    """A way to size entries."""
    word = str(value).strip().lower()
    if word not in ("fixed", "percent", "risk"):
        raise ParametersError(name, f"{name} must be fixed, percent or risk, not {value!r}")
    return word


def read_hours(name: str, value: object) -> str:
    """Trading hours, checked and kept as written."""
    text = "" if value is None or str(value).strip().lower() == "none" else str(value).strip()
    try:
        trading_hours.parse(text)
    except trading_hours.HoursInvalid as error:
        raise ParametersError(name, f"{name}: {error}") from error
    return text


# Amounts are int64 multiples of 1e-8 while a run goes on, which ends at 9.2e10.
AMOUNT = Number(SMALLEST, Decimal(90_000_000_000))
FRACTION = Number(SMALLEST, BELOW_ONE)
FRACTION_TO_ONE = Number(SMALLEST, Decimal(1))
GAIN = Number(SMALLEST, Decimal("9999.99999999"))
COUNT = Number(Decimal(1), Decimal(32767), is_integer=True)
FEE_RATE = Number(Decimal(0), BELOW_ONE)

FIELDS: dict[str, Callable[[str, object], object]] = {
    "initial_capital": Number(SMALLEST, AMOUNT.high, can_be_off=False).read,
    "position_size_mode": read_mode,
    "position_size_fixed": AMOUNT.read,
    "position_size_perc": FRACTION_TO_ONE.read,
    "risk_per_trade": FRACTION.read,
    "compounding": read_flag,
    "stop_loss": FRACTION.read,
    "take_profit": GAIN.read,
    "trailing_stop": FRACTION.read,
    "max_daily_trades": COUNT.read,
    "max_daily_loss": FRACTION_TO_ONE.read,
    "daily_profit_target": GAIN.read,
    "max_drawdown": FRACTION_TO_ONE.read,
    "cooldown_bars": Number(Decimal(0), Decimal(32767), is_integer=True, off=Decimal(0)).read,
    "max_signal_age_s": Number(Decimal(1), Decimal(2147483647), is_integer=True).read,
    "trading_hours": read_hours,
    "fee_rate": Number(Decimal(0), BELOW_ONE, off=Decimal(0)).read,
    "maker_fee_rate": FEE_RATE.read,
    "slippage_bps": Number(Decimal(0), Decimal("9999.9999"), off=Decimal(0), decimals=4).read,
}
