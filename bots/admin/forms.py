"""The form of a bot: every choice typed, bounded and explained; what does not fit is refused in words at its field.

What is refused only when a bot is to start (a key that cannot trade, no candles) is in validation.py.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from bots.models import BotConfig, BotState, SizeModeChoice
from bots.settings import trading_hours
from bots.settings.form_fields import (
    AMOUNTS,
    COLUMN_STRATEGY,
    COUNTS,
    FRACTIONS,
    FractionField,
    PlainDecimalField,
    SymbolInput,
    UnitInput,
    input_name,
    parameter_fields,
)
from bots.strategy import registry
from exchange.models import ApiKey, Symbol, Venue
from exchange.symbols.filters import InvalidSymbolInfo, parse_rules

# Under an open position these would part the bot from what it holds.
FIXED_WHILE_HOLDING = ("api_key", "symbol")
NEEDED_BY_MODE = {
    SizeModeChoice.FIXED: (("position_size_fixed", "Say how much quote each entry spends."),),
    SizeModeChoice.PERCENT: (("position_size_perc", "Say which share of the capital each entry spends."),),
    SizeModeChoice.RISK: (
        ("risk_per_trade", "Say how much of the capital one trade may lose."),
        ("stop_loss", "Sizing by risk needs a stop-loss: the size follows from its distance."),
    ),
}


# Declared on a class, as the admin wants fields that it is told to show.
StrategyInputs: Any = type("StrategyInputs", (forms.ModelForm,), dict(parameter_fields()))


class BotForm(StrategyInputs):
    """A bot as a person chooses it. `parameters` of strategies without columns are filled from their own inputs."""

    reason_for_change = forms.CharField(
        label="Reason for this change",
        max_length=300,
        required=False,
        widget=forms.TextInput(attrs={"size": "60"}),
        help_text="Kept with the new version of the configuration.",
    )

    class Meta:
        model = BotConfig
        exclude = ("parameters", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._use_units()
        self.fields["strategy"] = forms.ChoiceField(
            choices=[(name, strategy.LABEL) for name, strategy in registry.STRATEGIES.items()],
            initial=COLUMN_STRATEGY,
            help_text="What decides to buy and to sell. Size, exits and limits are the same for all.",
        )
        symbols = Symbol.objects.order_by("name").values_list("name", flat=True).distinct()[:2000]
        self.fields["symbol"].widget = SymbolInput(symbols)
        self.fields["api_key"].empty_label = "Choose a key…"
        related = self.fields["api_key"].widget
        for name in ("can_change_related", "can_delete_related", "can_view_related"):
            setattr(related, name, False)
        if self.instance.pk:
            self._show_stored_parameters()

    def _use_units(self) -> None:
        described = {field.name: field for field in BotConfig._meta.get_fields() if hasattr(field, "formfield")}
        for name in FRACTIONS:
            self.fields[name] = described[name].formfield(form_class=FractionField, widget=None)
        for name in AMOUNTS:
            self.fields[name] = described[name].formfield(form_class=PlainDecimalField, widget=UnitInput("quote"))
        for name, unit in COUNTS.items():
            self.fields[name].widget = UnitInput(unit, inputmode="numeric")

    def _show_stored_parameters(self) -> None:
        bot = self.instance
        for described in registry.STRATEGIES[COLUMN_STRATEGY].FIELDS:
            self.initial[described.name] = getattr(bot, described.name)
        if bot.strategy != COLUMN_STRATEGY:
            for name, value in bot.parameters.items():
                self.initial[input_name(bot.strategy, name)] = value

    # --- What is refused ---------------------------------------------------------------------------------------------

    def clean_symbol(self) -> str:
        return str(self.cleaned_data["symbol"]).strip().upper()

    def clean_trading_hours(self) -> str:
        text = str(self.cleaned_data["trading_hours"]).strip()
        try:
            trading_hours.parse(text)
        except trading_hours.HoursInvalid as error:
            raise forms.ValidationError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._check_strategy(cleaned)
        self._check_size(cleaned)
        self._check_symbol(cleaned)
        if self.instance.pk:
            self._check_open_position(cleaned)
            self._check_capital_taken_out(cleaned)
        return cleaned

    def _check_strategy(self, cleaned: dict[str, Any]) -> None:
        """The chosen strategy's parameters must all be there and fit together; those of the others do not matter."""
        name = cleaned.get("strategy")
        if name is None:
            return
        strategy = registry.get(name)
        values = {described.name: cleaned.get(input_name(name, described.name)) for described in strategy.FIELDS}
        for parameter, value in values.items():
            if value is None and input_name(name, parameter) not in self.errors:
                self.add_error(input_name(name, parameter), "This strategy needs a value here.")
        self._forget_other_strategies(name, cleaned)
        if any(value is None for value in values.values()):
            return
        for parameter, sentence in strategy.check(strategy.Params(**values)):
            self.add_error(input_name(name, parameter), _in_labels(sentence, strategy.FIELDS))
        self.instance.parameters = {} if name == COLUMN_STRATEGY else {key: _plain(v) for key, v in values.items()}

    def _forget_other_strategies(self, chosen: str, cleaned: dict[str, Any]) -> None:
        """Nonsense in an input of a strategy that is not used refuses nothing, and its column keeps its value."""
        for name, strategy in registry.STRATEGIES.items():
            for described in strategy.FIELDS:
                if name == chosen:
                    continue
                unused = input_name(name, described.name)
                self.errors.pop(unused, None)
                if name == COLUMN_STRATEGY:
                    cleaned[unused] = getattr(self.instance, described.name)

    def _check_size(self, cleaned: dict[str, Any]) -> None:
        mode = cleaned.get("position_size_mode")
        for field, sentence in NEEDED_BY_MODE.get(SizeModeChoice(mode), ()) if mode else ():
            if cleaned.get(field) is None and field not in self.errors:
                self.add_error(field, sentence)
        risk, stop = cleaned.get("risk_per_trade"), cleaned.get("stop_loss")
        if mode == SizeModeChoice.RISK and risk and stop and risk > stop:
            self.add_error(
                "risk_per_trade",
                f"A risk of {_percent(risk)} with a stop {_percent(stop)} away asks for more than the whole capital. "
                "Lower the risk or widen the stop.",
            )

    def _check_symbol(self, cleaned: dict[str, Any]) -> None:
        """Known to the venue, trading, and affordable with this capital."""
        key, name = cleaned.get("api_key"), cleaned.get("symbol")
        if not isinstance(key, ApiKey) or not name:
            return
        symbol = Symbol.objects.filter(venue=key.venue, name=name).first()
        if symbol is None:
            if Symbol.objects.filter(venue=key.venue).exists():
                venue = Venue(key.venue).label
                self.add_error("symbol", f"{name} is not known on {venue}. Symbols lists those that are.")
            return
        if symbol.status != "TRADING":
            self.add_error("symbol", f"{name} is not trading at present (status {symbol.status}).")
        self._check_minimum(cleaned, symbol)

    def _check_minimum(self, cleaned: dict[str, Any], symbol: Symbol) -> None:
        capital = cleaned.get("initial_capital")
        try:
            least = parse_rules(symbol.info).min_notional
        except InvalidSymbolInfo:
            return  # the start of the bot tells; a broken description must not block an edit
        if capital is not None and least is not None and capital < least:
            self.add_error(
                "initial_capital",
                f"The exchange takes no {symbol.name} order under {least.normalize():f} {symbol.quote}; "
                f"{capital.normalize():f} could never buy.",
            )

    def _check_open_position(self, cleaned: dict[str, Any]) -> None:
        moved = [name for name in FIXED_WHILE_HOLDING if name in cleaned and name in self.changed_data]
        if moved and self.instance.trades.filter(closed_at__isnull=True).exists():
            for name in moved:
                self.add_error(name, "The bot holds a position here. Close it first, then move the bot.")

    def _check_capital_taken_out(self, cleaned: dict[str, Any]) -> None:
        """A smaller capital takes money out of the bot's ledger: no more than what lies there."""
        capital, before = cleaned.get("initial_capital"), self.initial.get("initial_capital")
        state = BotState.objects.filter(bot=self.instance).first()
        if capital is None or before is None or state is None:
            return
        taken = Decimal(before) - capital
        if taken > state.quote:
            self.add_error(
                "initial_capital",
                f"The ledger holds {state.quote.normalize():f} in quote; {taken.normalize():f} cannot be taken out.",
            )


def _plain(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f} %"


def _in_labels(sentence: str, fields: Any) -> str:
    """A strategy's sentence with labels instead of names."""
    for described in fields:
        sentence = sentence.replace(described.name, described.label)
    return f"{sentence}."
