"""Position sizes on numbers small enough to check by hand, and against exact arithmetic (rule 5)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.strategy.sizing import entry_size, lots_after_fee, lots_before_fee, lots_for, lots_worth
from bots.strategy.tests.builders import MANY, RULES, fixed
from bots.strategy.types import OFF, Funds, LotRules, RejectionReason, SizeMode, SizeParams

OPEN = RejectionReason.OPEN


def percent(share: float) -> SizeParams:
    return SizeParams(SizeMode.PERCENT, OFF, share, OFF, OFF)


def risked(share: float, stop_loss: float) -> SizeParams:
    return SizeParams(SizeMode.RISK, OFF, OFF, share, stop_loss)


def size(params, *, capital=1000.0, ledger=1000.0, account=1000.0, price=10.0, fee=0.0, stop=0.0, rules=RULES):
    return entry_size(params, rules, Funds(capital, ledger, account, price, fee), stop)


def test_a_fixed_amount_is_turned_into_lots():
    assert size(fixed(105.0)) == (105, OPEN)  # 10.5 at 10, in lots of 0.1


def test_a_share_of_capital_is_turned_into_lots():
    assert size(percent(0.25)) == (250, OPEN)


def test_a_risk_divided_by_its_stop_is_the_notional():
    assert size(risked(0.01, 0.05)) == (200, OPEN)  # 1000 * 0.01 / 0.05 = 200 quote


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
    assert mine == (expected["units"], OPEN)


@pytest.mark.parametrize(
    ("amount", "limit", "lots"),
    [
        (5000.0, {}, 1000),
        (500.0, {"ledger": 300.0}, 300),
        (500.0, {"account": 200.0}, 200),
        (500.0, {"capital": 100.0}, 100),
    ],
)
def test_a_size_is_never_over_capital_or_either_balance(amount, limit, lots):
    assert size(fixed(amount), **limit).lots == lots


def test_a_risk_over_its_stop_spends_the_capital_and_no_more():
    assert size(risked(0.1, 0.05), ledger=5000.0, account=5000.0) == (1000, OPEN)  # 2000 asked, 1000 allowed


def test_a_quantity_is_floored_to_the_step():
    assert size(fixed(10.99), price=1.0).lots == 109


def test_a_quantity_is_not_floored_by_floating_point_error():
    assert size(fixed(0.3), price=0.1, rules=RULES._replace(min_notional=0.0, step_size=1.0)).lots == 3


def test_a_quantity_stays_under_the_maximum():
    assert size(fixed(500.0), rules=RULES._replace(max_lots=70)).lots == 70


def test_a_size_too_small_is_raised_to_the_minimum_notional():
    assert size(fixed(1.0)).lots == 5  # 0.5 at 10 is worth the minimum notional of 5


def test_a_size_too_small_is_raised_to_the_minimum_quantity():
    assert size(fixed(1.0), rules=RULES._replace(min_lots=30)).lots == 30


def test_what_remains_after_the_fee_must_still_be_worth_the_minimum():
    assert size(fixed(1.0), fee=0.001).lots == 6  # 0.5 less its fee is 0.4995: only 0.4 could be sold


def test_what_remains_must_be_worth_the_minimum_at_the_stop():
    assert size(fixed(1.0), stop=8.0).lots == 7  # 5 / 8 = 0.625, so 0.7
    assert size(fixed(1.0), stop=8.0, fee=0.001).lots == 8


def test_without_a_minimum_notional_one_lot_must_be_left_to_sell():
    rules = RULES._replace(min_notional=0.0)
    assert size(fixed(0.1), rules=rules).lots == 1
    assert size(fixed(0.1), rules=rules, fee=0.001).lots == 2


def test_a_short_account_is_the_reason_of_its_own():
    assert size(fixed(100.0), account=4.0) == (0, RejectionReason.INSUFFICIENT_BALANCE)


@pytest.mark.parametrize("limit", [{"ledger": 4.0}, {"capital": 4.0}, {"capital": -50.0}])
def test_a_short_ledger_or_capital_is_below_the_minimum(limit):
    assert size(fixed(100.0), **limit) == (0, RejectionReason.BELOW_MIN_NOTIONAL)


def test_a_smallest_quantity_over_the_maximum_buys_nothing():
    assert size(fixed(100.0), rules=RULES._replace(max_lots=4)) == (0, RejectionReason.BELOW_MIN_NOTIONAL)


def test_lots_for_a_notional_are_at_most_the_maximum():
    assert lots_for(1e30, RULES, 10.0) == MANY


def test_lots_for_a_negative_notional_are_none():
    assert lots_for(-1.0, RULES, 10.0) == 0


def test_lots_worth_a_notional_are_the_fewest():
    assert lots_worth(5.1, RULES, 10.0) == 6


def test_lots_worth_more_than_the_maximum_are_over_it():
    assert lots_worth(100.0, RULES._replace(max_lots=70), 10.0) == 71


@given(lots=st.integers(1, 10**6), step=st.sampled_from([1, 1000, 10**8]), fee=st.sampled_from([0, 75_000, 10**6]))
def test_a_purchase_before_the_fee_is_the_smallest_that_leaves_enough(lots, step, fee):
    bought = lots_before_fee(lots, step, fee)
    assert lots_after_fee(bought, step, fee) >= lots
    assert bought == lots or lots_after_fee(bought - 1, step, fee) < lots


def smallest_exact(rules: LotRules, price: Decimal, fee: Decimal, stop: Decimal) -> int:
    """Rule 5.3 in exact arithmetic: the first lot count that is enough; every larger one is enough too."""
    step, minimum, level = Decimal(str(rules.step_size)), Decimal(str(rules.min_notional)), stop or price

    def is_enough(lots: int) -> bool:
        bought = lots * step
        sellable = (bought - (bought * fee).quantize(Decimal("1e-8"), rounding="ROUND_DOWN")) // step * step
        return bought * price >= minimum and sellable > 0 and sellable * level >= minimum

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
        assert mine == (lots, OPEN if lots else reason)
    else:
        assert mine == (lots, OPEN)
