"""Declare every setting of a bot and of a run, once.

Model fields, form fields, command parsing, labels, the search space and the engine's values all come from here. What
must fit together is in validate.py; a strategy's own parameters are in its module (see strategies.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from bots.settings import trading_hours
from core.errors import UserError

Value = Decimal | int | str | bool | None

SMALLEST = Decimal("0.00000001")
BELOW_ONE = Decimal("0.99999999")
ONE = Decimal(1)
LARGEST_RATIO = Decimal("9999.99999999")
# Amounts are int64 multiples of 1e-8 while a run goes on, which ends at 9.2e10.
LARGEST_AMOUNT = Decimal(90_000_000_000)
LARGEST_SMALL_INT = Decimal(32_767)
LARGEST_INT = Decimal(2_147_483_647)

WORDS_FOR_OFF = ("none", "off", "")
WORDS_FOR_TRUE = ("true", "yes", "on", "1")
WORDS_FOR_FALSE = ("false", "no", "off", "0", "none")


class SettingError(UserError):
    """Report a wrong setting: `field` names it, `sentence` says what is wrong and what is allowed."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence

    def __reduce__(self) -> tuple[type[SettingError], tuple[str, str]]:
        return SettingError, (self.field, self.sentence)


class SettingKind(StrEnum):
    """Name the kinds of values."""

    AMOUNT = "amount"  # of quote
    FRACTION = "fraction"  # of one: 0.02 is 2 %
    NUMBER = "number"
    COUNT = "count"  # a whole number
    CHOICE = "choice"
    FLAG = "flag"
    TRADING_HOURS = "trading hours"


class Group(StrEnum):
    """Name the groups of settings in forms and reports."""

    SIZE = "Size"
    EXITS = "Exits"
    LIMITS = "Limits"
    COSTS = "Costs"


@dataclass(frozen=True, slots=True)
class SearchRange:
    """Bound what an optimisation may try: inclusive bounds, step, and a suggested value."""

    low: float
    high: float
    step: float
    suggested: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Declare one setting. `off` is the value of "none"; without `can_be_off` a value is required.

    Bounds are inclusive.
    """

    name: str
    label: str
    kind: SettingKind
    help: str
    group: Group = Group.LIMITS
    default: Value = None
    low: Decimal = Decimal(0)
    high: Decimal = LARGEST_AMOUNT
    decimals: int = 8
    unit: str = ""
    can_be_off: bool = True
    off: Value = None
    choices: Mapping[str, str] = field(default_factory=dict)
    needed_by: tuple[str, ...] = ()  # values of position_size_mode that cannot do without it
    needed_sentence: str = ""
    search: SearchRange | None = None
    of_bot: bool = True
    of_run: bool = True

    def read(self, value: object) -> Value:
        """Return the value, typed and within its bounds. Raise `SettingError`."""
        return _READERS[self.kind](self, value)

    def refuse(self, must: str, value: object) -> SettingError:
        """Return the error that says what the value must be."""
        return SettingError(self.name, f"{self.label} must be {must}, not {value}.")


def _read_number(setting: Setting, value: object) -> Value:
    if _means_off(value):
        if not setting.can_be_off:
            raise SettingError(setting.name, f"{setting.label} cannot be off; give a number.")
        return setting.off
    number = _decimal(setting, value)
    if not setting.low <= number <= setting.high:
        raise setting.refuse(f"between {setting.low:f} and {setting.high:f}", value)
    if setting.kind == SettingKind.COUNT:
        if number != number.to_integral_value():
            raise setting.refuse("a whole number", value)
        return int(number)
    if -int(number.normalize().as_tuple().exponent) > setting.decimals:
        raise SettingError(setting.name, f"{setting.label} may have at most {setting.decimals} decimals, not {value}.")
    return number


def _means_off(value: object) -> bool:
    return value is None or str(value).strip().lower() in WORDS_FOR_OFF


def _decimal(setting: Setting, value: object) -> Decimal:
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise setting.refuse("a number", repr(value))
    return number


def _read_flag(setting: Setting, value: object) -> bool:
    word = str(value).strip().lower()
    if word in WORDS_FOR_TRUE:
        return True
    if word in WORDS_FOR_FALSE:
        return False
    raise setting.refuse("true or false", repr(value))


def _read_choice(setting: Setting, value: object) -> str:
    word = str(value).strip().lower()
    if word not in setting.choices:
        *most, last = setting.choices
        raise setting.refuse(f"{', '.join(most)} or {last}", repr(value))
    return word


def _read_hours(setting: Setting, value: object) -> str:
    text = "" if value is None or str(value).strip().lower() == "none" else str(value).strip()
    try:
        trading_hours.parse(text)
    except trading_hours.HoursInvalid as error:
        raise SettingError(setting.name, f"{setting.label}: {error}.") from error
    return text


_READERS: dict[SettingKind, Callable[[Setting, object], Value]] = {
    SettingKind.AMOUNT: _read_number,
    SettingKind.FRACTION: _read_number,
    SettingKind.NUMBER: _read_number,
    SettingKind.COUNT: _read_number,
    SettingKind.CHOICE: _read_choice,
    SettingKind.FLAG: _read_flag,
    SettingKind.TRADING_HOURS: _read_hours,
}

SIZE_MODES = {
    "fixed": "Fixed amount of quote",
    "percent": "Share of capital",
    "risk": "Risk per trade (needs a stop-loss)",
}

SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="initial_capital",
        label="Initial capital",
        kind=SettingKind.AMOUNT,
        group=Group.SIZE,
        default=Decimal(1000),
        low=SMALLEST,
        unit="quote",
        can_be_off=False,
        help="Quote that the bot's own ledger starts with. It never spends more than its ledger holds.",
    ),
    Setting(
        name="position_size_mode",
        label="Position sizing",
        kind=SettingKind.CHOICE,
        group=Group.SIZE,
        default="percent",
        choices=SIZE_MODES,
        can_be_off=False,
        help="How the size of an entry is found.",
    ),
    Setting(
        name="position_size_fixed",
        label="Fixed position size",
        kind=SettingKind.AMOUNT,
        group=Group.SIZE,
        low=SMALLEST,
        unit="quote",
        needed_by=("fixed",),
        needed_sentence="Fixed position size is missing: say how much quote each entry spends.",
        search=SearchRange(1e-8, 1e12, 10, 100),
        help="Quote per entry, where positions are sized by a fixed amount.",
    ),
    Setting(
        name="position_size_perc",
        label="Position size, share of capital",
        kind=SettingKind.FRACTION,
        group=Group.SIZE,
        default=Decimal("0.5"),
        low=SMALLEST,
        high=ONE,
        needed_by=("percent",),
        needed_sentence="Position size is missing: say which share of the capital each entry spends.",
        search=SearchRange(0.0001, 1, 0.05, 0.5),
        help="Where positions are sized by a share of capital. A fraction: 0.5 is half of the capital.",
    ),
    Setting(
        name="risk_per_trade",
        label="Risk per trade",
        kind=SettingKind.FRACTION,
        group=Group.SIZE,
        low=SMALLEST,
        high=BELOW_ONE,
        needed_by=("risk",),
        needed_sentence="Risk per trade is missing: say how much of the capital one trade may lose.",
        search=SearchRange(0.0001, 0.9999, 0.005, 0.01),
        help="Capital lost if the stop-loss is hit, where positions are sized by risk. A fraction: 0.02 is 2 %.",
    ),
    Setting(
        name="compounding",
        label="Compounding",
        kind=SettingKind.FLAG,
        group=Group.SIZE,
        default=True,
        can_be_off=False,
        help="Count closed trades' results into the capital.",
    ),
    Setting(
        name="stop_loss",
        label="Stop-loss",
        kind=SettingKind.FRACTION,
        group=Group.EXITS,
        low=SMALLEST,
        high=BELOW_ONE,
        needed_by=("risk",),
        needed_sentence="Sizing by risk needs a stop-loss: the size follows from its distance.",
        search=SearchRange(0.0001, 0.9999, 0.005, 0.05),
        help="Fall from the entry price that sells. A fraction: 0.02 is 2 %. Empty: off.",
    ),
    Setting(
        name="take_profit",
        label="Take-profit",
        kind=SettingKind.FRACTION,
        group=Group.EXITS,
        low=SMALLEST,
        high=LARGEST_RATIO,
        search=SearchRange(0.0001, 100, 0.005, 0.1),
        help="Rise over the entry price that sells. A fraction: 0.02 is 2 %. Empty: off.",
    ),
    Setting(
        name="trailing_stop",
        label="Trailing stop",
        kind=SettingKind.FRACTION,
        group=Group.EXITS,
        low=SMALLEST,
        high=BELOW_ONE,
        search=SearchRange(0.0001, 0.9999, 0.005, 0.05),
        help="Fall from the highest price since the entry that sells. A fraction: 0.02 is 2 %. Empty: off.",
    ),
    Setting(
        name="stop_limit_distance",
        label="Stop-limit distance",
        kind=SettingKind.FRACTION,
        group=Group.EXITS,
        default=Decimal("0.005"),
        low=SMALLEST,
        high=Decimal("0.5"),
        can_be_off=False,
        of_run=False,
        help="Only where the symbol has no stop-market order: how far the stop's limit lies under it. A fraction.",
    ),
    Setting(
        name="max_daily_trades",
        label="Max. daily trades",
        kind=SettingKind.COUNT,
        low=ONE,
        high=LARGEST_SMALL_INT,
        unit="entries",
        search=SearchRange(1, 1000, 1, 3),
        help="Entries per UTC day. Empty: no limit.",
    ),
    Setting(
        name="max_daily_loss",
        label="Max. daily loss",
        kind=SettingKind.FRACTION,
        low=SMALLEST,
        high=ONE,
        search=SearchRange(0.0001, 1, 0.005, 0.03),
        help="Loss of trades closed today that stops entries until tomorrow. A fraction: 0.02 is 2 %. Empty: off.",
    ),
    Setting(
        name="daily_profit_target",
        label="Daily profit target",
        kind=SettingKind.FRACTION,
        low=SMALLEST,
        high=LARGEST_RATIO,
        search=SearchRange(0.0001, 100, 0.005, 0.03),
        help="Profit of trades closed today that stops entries until tomorrow. A fraction: 0.02 is 2 %. Empty: off.",
    ),
    Setting(
        name="max_drawdown",
        label="Drawdown limit",
        kind=SettingKind.FRACTION,
        low=SMALLEST,
        high=ONE,
        search=SearchRange(0.0001, 1, 0.05, 0.3),
        help="Fall of equity from its peak that stops entries until a person resumes. A fraction: 0.02 is 2 %. "
        "Empty: off.",
    ),
    Setting(
        name="cooldown_bars",
        label="Cooldown",
        kind=SettingKind.COUNT,
        default=0,
        high=LARGEST_SMALL_INT,
        off=0,
        unit="bars",
        search=SearchRange(0, 10_000, 1, 0),
        help="Bars to wait after an exit; 1 forbids an entry decided on the exit's own bar.",
    ),
    Setting(
        name="max_signal_age_s",
        label="Max. signal age",
        kind=SettingKind.COUNT,
        low=ONE,
        high=LARGEST_INT,
        unit="seconds",
        help="Seconds since the bar's close after which no entry is made. Empty: half the interval.",
    ),
    Setting(
        name="trading_hours",
        label="Trading hours",
        kind=SettingKind.TRADING_HOURS,
        default="",
        off="",
        help="When it may enter, UTC: “Mon-Fri 08:00-20:00; Sat 10:00-12:00”. Empty: always. Exits always go out.",
    ),
    Setting(
        name="fee_rate",
        label="Taker fee",
        kind=SettingKind.FRACTION,
        group=Group.COSTS,
        default=Decimal("0.001"),
        high=BELOW_ONE,
        off=Decimal(0),
        of_bot=False,
        help="Of each fill's value; Binance Spot takes 0.001, 0.1 %.",
    ),
    Setting(
        name="maker_fee_rate",
        label="Maker fee (take-profit)",
        kind=SettingKind.FRACTION,
        group=Group.COSTS,
        high=BELOW_ONE,
        of_bot=False,
        help="Of a take-profit that rested on the book. Empty: the taker fee.",
    ),
    Setting(
        name="slippage_bps",
        label="Slippage",
        kind=SettingKind.NUMBER,
        group=Group.COSTS,
        default=Decimal(0),
        high=Decimal("9999.9999"),
        decimals=4,
        off=Decimal(0),
        unit="basis points",
        of_bot=False,
        help="How much worse than the open market orders fill: 5 is 0.05 %.",
    ),
)
BY_NAME: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}
BOT_SETTINGS = tuple(setting for setting in SETTINGS if setting.of_bot)
RUN_SETTINGS = tuple(setting for setting in SETTINGS if setting.of_run)
