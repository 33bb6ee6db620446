"""The form of a bot: each setting with its bounds and help, each problem at its field.

Checks that need the exchange run when a bot starts; they are in control/validation.py.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from bots.models import BotConfig, BotState
from bots.settings.form_fields import SymbolInput, input_name, parameter_fields, setting_fields
from bots.settings.parse import COLUMN_STRATEGY
from bots.settings.schema import BOT_SETTINGS
from bots.settings.strategies import make_params
from bots.settings.validate import conflicts
from bots.strategy import registry
from exchange.models import ApiKey, Symbol, Venue
from exchange.symbols.filters import InvalidSymbolInfo, parse_rules

# Changed under an open position, these would leave the position without its bot.
FIXED_WHILE_HOLDING = ("api_key", "symbol")

# The admin shows only fields that are declared on the form class.
SettingInputs: Any = type("SettingInputs", (forms.ModelForm,), parameter_fields() | setting_fields(BOT_SETTINGS))


class BotForm(SettingInputs):
    """Edit a bot. The inputs of strategies without columns of their own are stored in `parameters`."""

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
        if "symbol" not in self.fields:
            return  # shown to somebody who may only look: no field is an input
        self.fields["strategy"] = forms.ChoiceField(
            choices=[(name, strategy.LABEL) for name, strategy in registry.STRATEGIES.items()],
            initial=COLUMN_STRATEGY,
            help_text="Decides when to buy and to sell. Size, exits and limits work the same for all.",
        )
        symbols = Symbol.objects.order_by("name").values_list("name", flat=True).distinct()[:2000]
        self.fields["symbol"].widget = SymbolInput(symbols)
        self.fields["api_key"].empty_label = "Choose a key…"
        related = self.fields["api_key"].widget
        for name in ("can_change_related", "can_delete_related", "can_view_related"):
            setattr(related, name, False)
        if self.instance.pk:
            self._show_stored_parameters()

    def _show_stored_parameters(self) -> None:
        bot = self.instance
        for described in registry.STRATEGIES[COLUMN_STRATEGY].FIELDS:
            self.initial[described.name] = getattr(bot, described.name)
        if bot.strategy != COLUMN_STRATEGY:
            for name, value in bot.parameters.items():
                self.initial[input_name(bot.strategy, name)] = value

    def clean_symbol(self) -> str:
        return str(self.cleaned_data["symbol"]).strip().upper()

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
        """Require all parameters of the chosen strategy, and that they fit together."""
        name = cleaned.get("strategy")
        if name is None:
            return
        strategy = registry.get(name)
        values = {described.name: cleaned.get(input_name(name, described.name)) for described in strategy.FIELDS}
        self._ignore_other_strategies(name, cleaned)
        if any(value is None for value in values.values()):
            return
        params = make_params(name, values)
        for parameter, sentence in strategy.check(params):
            self.add_error(input_name(name, parameter), sentence)
        self.instance.parameters = {} if name == COLUMN_STRATEGY else params._asdict()

    def _ignore_other_strategies(self, chosen: str, cleaned: dict[str, Any]) -> None:
        """Drop the errors of strategies that are not used; their columns keep their values."""
        for name, strategy in registry.STRATEGIES.items():
            for described in strategy.FIELDS:
                if name == chosen:
                    continue
                unused = input_name(name, described.name)
                self.errors.pop(unused, None)
                if name == COLUMN_STRATEGY:
                    cleaned[unused] = getattr(self.instance, described.name)

    def _check_size(self, cleaned: dict[str, Any]) -> None:
        for name, sentence in conflicts(cleaned, without=self.errors).items():
            self.add_error(name, sentence)

    def _check_symbol(self, cleaned: dict[str, Any]) -> None:
        """Require a symbol that the venue knows, that trades, and that this capital can buy."""
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
            return  # starting the bot reports it; a broken description must not block an edit
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
        """Refuse to take more money out of the bot's ledger than it has."""
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
