"""Size, exits, gates and the decision, rule by rule, on numbers small enough to check by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from bots.settings.lot_rules import lot_rules
from bots.strategy.decide import decide
from bots.strategy.exits import active_stop, opening_levels, stop_reason, trail_level
from bots.strategy.risk import drawdown_reached, entry_gate
from bots.strategy.sizing import entry_size
from bots.strategy.types import (
    OFF,
    EntryFacts,
    ExitParams,
    ExitReason,
    Funds,
    Levels,
    LotRules,
    RejectionReason,
    RiskParams,
    RuleSettings,
    Signal,
    SizeMode,
    SizeParams,
    StrategyAction,
)
from exchange.api.types import SymbolRules

MANY = 10**12
INF = float("inf")
FACTS = EntryFacts(False, False, False, MANY, 0, 0.0, 1000.0, False, True, INF)
NO_RISK = RiskParams(0, OFF, OFF, OFF, OFF)
NO_EXITS = ExitParams(OFF, OFF, OFF)
RULES = LotRules(tick_size=0.01, step_size=0.1, min_lots=1, max_lots=MANY, min_notional=5.0)


def fixed(amount: float) -> SizeParams:
    return SizeParams(SizeMode.FIXED, amount, OFF, OFF, OFF)


def percent(share: float) -> SizeParams:
    return SizeParams(SizeMode.PERCENT, OFF, share, OFF, OFF)


def risked(share: float, stop_loss: float) -> SizeParams:
    return SizeParams(SizeMode.RISK, OFF, OFF, share, stop_loss)


def size(params, *, capital=1000.0, ledger=1000.0, account=1000.0, price=10.0, fee=0.0, stop=0.0, rules=RULES):
    return entry_size(params, rules, Funds(capital, ledger, account, price, fee), stop)


# --- Rule 5 -----------------------------------------------------------------------------------------------------------


def test_each_mode_wants_its_notional():
    assert size(fixed(105.0)) == (105, RejectionReason.OPEN)  # 10.5 at 10, in lots of 0.1
    assert size(percent(0.25)) == (250, RejectionReason.OPEN)
    assert size(risked(0.01, 0.05)) == (200, RejectionReason.OPEN)  # 1000 * 0.01 / 0.05 = 200 quote


def test_fixed_fractional_size_as_published(shared_data: Path):
    cases = json.loads((shared_data.parent / "reference" / "sizing" / "sizing.json").read_text())["cases"]
    case = next(case for case in cases if case["id"] == "ff-50k")
    args, expected = case["args"], case["expected"]
    distance = (args["entry"] - args["stop"]) / args["entry"]
    rules = RULES._replace(step_size=1.0)
    mine = size(
        risked(args["risk_fraction"], distance), capital=args["equity"] * 1.0, ledger=1e6, account=1e6,
        price=args["entry"] * 1.0, rules=rules,
    )  # fmt: skip
    assert mine == (expected["units"], RejectionReason.OPEN)


def test_a_size_is_never_over_capital_or_either_quote():
    assert size(fixed(5000.0)).lots == 1000
    assert size(fixed(500.0), ledger=300.0).lots == 300
    assert size(fixed(500.0), account=200.0).lots == 200
    assert size(fixed(500.0), capital=100.0).lots == 100


def test_a_quantity_is_floored_to_the_step_but_not_by_binary_noise():
    assert size(fixed(10.99), price=1.0).lots == 109
    assert size(fixed(0.3), price=0.1, rules=RULES._replace(min_notional=0.0, step_size=1.0)).lots == 3


def test_a_quantity_stays_under_the_maximum():
    assert size(fixed(500.0), rules=RULES._replace(max_lots=70)).lots == 70


def test_a_size_too_small_is_raised_to_the_smallest_worth_buying():
    assert size(fixed(1.0)).lots == 5  # 0.5 at 10 is worth the minimum notional of 5
    assert size(fixed(1.0), rules=RULES._replace(min_lots=30)).lots == 30


def test_what_remains_after_the_fee_must_still_be_worth_the_minimum():
    assert size(fixed(1.0), fee=0.001).lots == 6  # 0.5 less its fee is 0.4995: only 0.4 could be sold


def test_what_remains_must_be_worth_the_minimum_at_the_stop():
    assert size(fixed(1.0), stop=8.0).lots == 7  # 5 / 8 = 0.625, so 0.7
    assert size(fixed(1.0), stop=8.0, fee=0.001).lots == 8


def test_without_a_minimum_notional_one_lot_must_still_be_left_to_sell():
    rules = RULES._replace(min_notional=0.0)
    assert size(fixed(0.1), rules=rules).lots == 1
    assert size(fixed(0.1), rules=rules, fee=0.001).lots == 2


def test_the_reason_is_the_accounts_balance_only_where_the_account_is_short():
    assert size(fixed(100.0), account=4.0) == (0, RejectionReason.INSUFFICIENT_BALANCE)
    assert size(fixed(100.0), ledger=4.0) == (0, RejectionReason.BELOW_MIN_NOTIONAL)
    assert size(fixed(100.0), capital=4.0) == (0, RejectionReason.BELOW_MIN_NOTIONAL)
    assert size(fixed(100.0), capital=-50.0) == (0, RejectionReason.BELOW_MIN_NOTIONAL)


def test_a_smallest_quantity_over_the_maximum_buys_nothing():
    assert size(fixed(100.0), rules=RULES._replace(max_lots=4)) == (0, RejectionReason.BELOW_MIN_NOTIONAL)


def smallest_exact(rules: LotRules, price: Decimal, fee: Decimal, stop: Decimal) -> int:
    """Rule 5.3 in exact arithmetic: the first lot count that is enough; every larger one is enough too."""
    step, minimum, level = Decimal(str(rules.step_size)), Decimal(str(rules.min_notional)), stop or price

    def is_enough(lots: int) -> bool:
        bought = lots * step
        kept = (bought - (bought * fee).quantize(Decimal("1e-8"), rounding="ROUND_DOWN")) // step * step
        return bought * price >= minimum and kept > 0 and kept * level >= minimum

    least, most = rules.min_lots - 1, rules.min_lots
    while not is_enough(most):
        least, most = most, 2 * most
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if is_enough(middle) else (middle, most)
    return most


amounts = st.integers(1, 10**6).map(lambda cents: Decimal(cents) / 100)


@settings(max_examples=200, deadline=None)
@given(
    price=amounts,
    step=st.sampled_from(["0.00001", "0.001", "0.1", "1"]),
    minimum=st.sampled_from(["1", "5", "10"]),
    fee=st.sampled_from(["0", "0.00075", "0.001", "0.01"]),
    stop_share=st.sampled_from(["0", "0.5", "0.9", "0.99"]),
    wanted=amounts,
    capital=amounts,
    account=amounts,
)
def test_sizes_equal_exact_arithmetic(price, step, minimum, fee, stop_share, wanted, capital, account):
    rules = LotRules(0.01, float(step), 1, MANY, float(minimum))
    stop = (price * Decimal(stop_share)).quantize(Decimal("0.01"), rounding="ROUND_DOWN")
    funds = Funds(float(capital), 1e9, float(account), float(price), float(fee))
    mine = entry_size(fixed(float(wanted)), rules, funds, float(stop))
    smallest = smallest_exact(rules, price, Decimal(fee), stop)
    lots = int(min(wanted, capital, account) / price / Decimal(step))
    if lots < smallest:
        cost = smallest * Decimal(step) * price
        lots = smallest if cost <= min(capital, account) else 0
        reason = RejectionReason.INSUFFICIENT_BALANCE if cost > account else RejectionReason.BELOW_MIN_NOTIONAL
        assert mine == (lots, RejectionReason.OPEN if lots else reason)
    else:
        assert mine == (lots, RejectionReason.OPEN)


def test_lot_filters_are_merged_the_larger_minimum_the_smaller_maximum():
    rules = SymbolRules(
        "X", "A", "B", step_size=Decimal("0.1"), market_step_size=Decimal("0.5"), min_quantity=Decimal(1),
        market_min_quantity=Decimal(2), max_quantity=Decimal(100), market_max_quantity=Decimal(30),
        tick_size=Decimal("0.01"), min_notional=Decimal(5),
    )  # fmt: skip
    assert lot_rules(rules) == (0.01, 0.5, 4, 60, 5.0)


def test_zeros_and_absent_filters_are_no_rule():
    merged = lot_rules(SymbolRules("X", "A", "B", market_step_size=Decimal(0), market_max_quantity=Decimal(0)))
    assert merged == (1e-8, 1e-8, 1, 2**63 - 1, 0.0)


# --- Rule 6 -----------------------------------------------------------------------------------------------------------


def gate(risk: RiskParams = NO_RISK, **facts) -> RejectionReason:
    return entry_gate(risk, FACTS._replace(**facts))


def test_an_unset_limit_stops_nothing():
    assert gate(entries_today=10**6, net_pnl_today=-(10.0**9), bars_since_exit=0) == RejectionReason.OPEN


def test_cooldown_of_one_forbids_the_exits_own_bar_only():
    risk = NO_RISK._replace(cooldown_bars=1)
    assert gate(risk, bars_since_exit=0) == RejectionReason.COOLDOWN
    assert gate(risk, bars_since_exit=1) == RejectionReason.OPEN


def test_daily_limits_close_when_they_are_reached():
    assert gate(NO_RISK._replace(max_daily_trades=2.0), entries_today=1) == RejectionReason.OPEN
    assert gate(NO_RISK._replace(max_daily_trades=2.0), entries_today=2) == RejectionReason.DAILY_TRADE_LIMIT
    assert gate(NO_RISK._replace(max_daily_loss=0.07), net_pnl_today=-69.99) == RejectionReason.OPEN
    assert gate(NO_RISK._replace(max_daily_loss=0.07), net_pnl_today=-70.0) == RejectionReason.DAILY_LOSS_LIMIT
    assert gate(NO_RISK._replace(daily_profit_target=0.07), net_pnl_today=69.99) == RejectionReason.OPEN
    assert gate(NO_RISK._replace(daily_profit_target=0.07), net_pnl_today=70.0) == RejectionReason.DAILY_PROFIT_TARGET


def test_the_first_gate_that_says_no_is_the_reason():
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


def test_drawdown_counts_from_the_peak_and_is_reached_at_the_limit():
    assert drawdown_reached(200.0, 180.0, 0.1)
    assert not drawdown_reached(200.0, 180.01, 0.1)
    assert not drawdown_reached(200.0, 1.0, OFF)


# --- Rule 8 -----------------------------------------------------------------------------------------------------------


def test_levels_are_floored_to_the_tick():
    assert opening_levels(ExitParams(0.02, 0.03, 0.01), 100.55, 0.1) == Levels(985, 1035, 995)
    assert opening_levels(NO_EXITS, 100.0, 0.1) == Levels(0, 0, 0)


def test_the_stop_in_force_is_the_larger_and_names_its_reason():
    assert active_stop(Levels(95, 0, 97)) == 97
    assert stop_reason(Levels(95, 0, 97)) == ExitReason.TRAILING_STOP
    assert stop_reason(Levels(97, 0, 97)) == ExitReason.STOP_LOSS
    assert stop_reason(Levels(0, 0, 1)) == ExitReason.TRAILING_STOP


def test_a_trail_follows_the_highest_price():
    exits = ExitParams(OFF, OFF, 0.05)
    assert [trail_level(exits, high, 1.0) for high in (100.0, 106.0, 106.0)] == [95, 100, 100]


# --- The decision -----------------------------------------------------------------------------------------------------


def decided(
    signal: int,
    lots: int,
    *,
    facts: EntryFacts = FACTS,
    params: SizeParams | None = None,
    exits=NO_EXITS,
    capital=1000.0,
):
    settings = RuleSettings(params or fixed(100.0), exits, NO_RISK)
    return decide(signal, lots, facts, settings, RULES, Funds(capital, capital, capital, 10.0, 0.001))


def test_signals_act_only_where_there_is_something_to_do():
    assert decided(Signal.BUY, 0) == (StrategyAction.ENTER, 100, RejectionReason.OPEN)
    assert decided(Signal.BUY, 7) == (StrategyAction.HOLD, 0, RejectionReason.OPEN)
    assert decided(Signal.SELL, 7) == (StrategyAction.EXIT, 7, RejectionReason.OPEN)
    assert decided(Signal.SELL, 0) == (StrategyAction.WAIT, 0, RejectionReason.OPEN)
    assert decided(Signal.NONE, 7).action == StrategyAction.HOLD
    assert decided(Signal.NONE, 0).action == StrategyAction.WAIT


def test_gates_stop_entries_and_never_exits():
    halted = FACTS._replace(is_halted=True)
    assert decided(Signal.BUY, 0, facts=halted) == (StrategyAction.REFUSED, 0, RejectionReason.HALTED)
    assert decided(Signal.SELL, 7, facts=halted) == (StrategyAction.EXIT, 7, RejectionReason.OPEN)


def test_exposure_is_judged_once_the_size_is_known():
    assert decided(Signal.BUY, 0, facts=FACTS._replace(exposure_room=100.0)).action == StrategyAction.ENTER
    assert decided(Signal.BUY, 0, facts=FACTS._replace(exposure_room=99.9)).gate == RejectionReason.EXPOSURE_LIMIT
    assert decided(Signal.BUY, 0, facts=FACTS._replace(exposure_room=-1.0)).gate == RejectionReason.EXPOSURE_LIMIT


def test_the_smallest_size_is_measured_at_the_larger_of_stop_and_trail():
    loose, tight = ExitParams(0.5, OFF, OFF), ExitParams(0.5, OFF, 0.1)
    assert decided(Signal.BUY, 0, params=fixed(1.0), exits=loose).lots == 11  # 5 / 5 = 1, and the fee
    assert decided(Signal.BUY, 0, params=fixed(1.0), exits=tight).lots == 7  # 5 / 9 = 0.56: 0.6, and the fee


_compiled = njit(lambda *values: decide(*values))


@settings(max_examples=200, deadline=None)
@given(
    signal=st.sampled_from([-1, 0, 1]),
    lots=st.integers(0, 3),
    capital=st.floats(0.01, 1e6),
    account=st.floats(0.01, 1e6),
    price=st.floats(0.01, 1e5),
    stop_loss=st.floats(0.001, 0.9),
    trail=st.floats(0.001, 0.9),
    mode=st.sampled_from([0, 1, 2]),
    room=st.floats(0, 1e6),
    since=st.integers(0, 5),
)
def test_decisions_are_the_same_interpreted_and_compiled(
    signal, lots, capital, account, price, stop_loss, trail, mode, room, since
):
    values = (
        signal,
        lots,
        FACTS._replace(exposure_room=room, bars_since_exit=since),
        RuleSettings(
            SizeParams(mode, 50.0, 0.3, 0.01, stop_loss),
            ExitParams(stop_loss, OFF, trail),
            NO_RISK._replace(cooldown_bars=2),
        ),
        RULES,
        Funds(capital, capital, account, price, 0.001),
    )
    assert _compiled(*values) == decide(*values)
