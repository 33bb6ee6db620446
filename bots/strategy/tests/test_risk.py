"""The gates that reject entries, and the drawdown (rule 6)."""

from __future__ import annotations

import pytest

from bots.strategy.risk import drawdown_reached, entry_gate
from bots.strategy.tests.builders import FACTS, MANY, NO_RISK
from bots.strategy.types import OFF, RejectionReason, RiskParams


def gate(risk: RiskParams = NO_RISK, **facts) -> RejectionReason:
    return entry_gate(risk, FACTS._replace(**facts))


def test_an_unset_limit_stops_nothing():
    assert gate(entries_today=10**6, net_pnl_today=-(10.0**9), bars_since_exit=0) == RejectionReason.OPEN


def test_cooldown_of_one_forbids_the_exits_own_bar_only():
    risk = NO_RISK._replace(cooldown_bars=1)
    assert gate(risk, bars_since_exit=0) == RejectionReason.COOLDOWN
    assert gate(risk, bars_since_exit=1) == RejectionReason.OPEN


@pytest.mark.parametrize(
    ("limit", "below", "reached", "reason"),
    [
        ({"max_daily_trades": 2.0}, {"entries_today": 1}, {"entries_today": 2}, RejectionReason.DAILY_TRADE_LIMIT),
        (
            {"max_daily_loss": 0.07},
            {"net_pnl_today": -69.99},
            {"net_pnl_today": -70.0},
            RejectionReason.DAILY_LOSS_LIMIT,
        ),
        (
            {"daily_profit_target": 0.07},
            {"net_pnl_today": 69.99},
            {"net_pnl_today": 70.0},
            RejectionReason.DAILY_PROFIT_TARGET,
        ),
    ],
)
def test_a_daily_limit_rejects_once_it_is_reached(limit, below, reached, reason):
    risk = NO_RISK._replace(**limit)
    assert (gate(risk, **below), gate(risk, **reached)) == (RejectionReason.OPEN, reason)


def test_the_first_gate_that_rejects_is_the_reason():
    risk = RiskParams(5, 1.0, 0.01, 0.0001, 0.1)
    facts = {
        "is_halted": (True, RejectionReason.HALTED, False),
        "is_outside_schedule": (True, RejectionReason.OUTSIDE_SCHEDULE, False),
        "is_stale": (True, RejectionReason.STALE_SIGNAL, False),
        "bars_since_exit": (0, RejectionReason.COOLDOWN, MANY),
        "entries_today": (1, RejectionReason.DAILY_TRADE_LIMIT, 0),
        "net_pnl_today": (-100.0, RejectionReason.DAILY_LOSS_LIMIT, 0.0),
        "drawdown_reached": (True, RejectionReason.MAX_DRAWDOWN, False),
        "has_order_room": (False, RejectionReason.ORDER_LIMIT, True),
    }
    now = {name: closed for name, (closed, _, _) in facts.items()}
    for name, (_, reason, opened) in facts.items():
        assert gate(risk, **now) == reason
        now[name] = opened
    assert gate(risk, **now) == RejectionReason.OPEN


def test_a_drawdown_is_reached_at_its_limit():
    assert drawdown_reached(200.0, 180.0, 0.1)


def test_a_drawdown_is_not_reached_above_its_limit():
    assert not drawdown_reached(200.0, 180.01, 0.1)


def test_a_drawdown_limit_that_is_off_is_never_reached():
    assert not drawdown_reached(200.0, 1.0, OFF)
