"""Label reasons for people: the gates of rule 6, the exits of rule 4, and the tick's own, a sentence each."""

from __future__ import annotations

from bots.models import Action, Decision

REASONS = {
    "halted": "The kill switch is on.",
    "outside_schedule": "Outside the bot's trading hours.",
    "stale_signal": "The signal came too late to enter on.",
    "cooldown": "Cooling down after the last exit.",
    "daily_trade_limit": "Today's number of entries is used up.",
    "daily_loss_limit": "Today's loss limit is reached.",
    "daily_profit_target": "Today's profit target is reached.",
    "max_drawdown": "Drawdown limit reached: waits to be resumed.",
    "order_limit": "The exchange has no room for the protective orders.",
    "exposure_limit": "The key's exposure limit for this asset is reached.",
    "insufficient_balance": "The account's free balance is too small.",
    "below_min_notional": "The order would be under the exchange's minimum.",
    "paused": "Paused: no entries, exits only.",
    "stopped": "The bot is stopped.",
    "warming_up": "Waiting for enough history.",
    "order_refused": "The exchange refused the order.",
    "already_long": "Buy signal while already holding.",
    "nothing_to_sell": "Sell signal while holding nothing.",
    "missed": "The bar passed while nothing was running.",
    "signal": "The strategy's signal.",
    "stop_loss": "Stop-loss hit.",
    "trailing_stop": "Trailing stop hit.",
    "take_profit": "Target reached.",
    "manual": "Closed manually.",
}

# Those that a decision can carry; the rest belong to exits of trades.
DECISION_REASONS = {
    name: sentence
    for name, sentence in REASONS.items()
    if name not in ("stop_loss", "trailing_stop", "take_profit", "manual")
}

WITHOUT_REASON = {
    Action.ENTER: "Buy signal.",
    Action.EXIT: "Sell signal.",
    Action.HOLD: "Holds; no signal to sell.",
    Action.WAIT: "No signal.",
    Action.REFUSED: "Entry refused.",
    Action.MISSED: "The bar passed while nothing was running.",
}


def reason(name: str) -> str:
    """Return the sentence for a stored reason; an unknown one as words."""
    return REASONS.get(name) or (name.replace("_", " ").capitalize() + "." if name else "")


def decision_reason(decision: Decision) -> str:
    """Return why a decision was made, as a sentence."""
    signal_buys = decision.action == Action.ENTER and decision.reason == "signal"
    if not decision.reason or signal_buys:
        return WITHOUT_REASON.get(Action(decision.action), "")
    return reason(decision.reason)


def indicators(values: dict[str, float | None]) -> str:
    """Return indicator values in one line."""
    return " · ".join(f"{name} {value:,.6g}" for name, value in values.items() if isinstance(value, int | float))
