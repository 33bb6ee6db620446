"""The ledger and what fees leave of it, on the live runner (rule 4)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.trading.tests.tables import BUY, lines, lots, run, short

pytestmark = pytest.mark.django_db


DUST = (
    BUY
    + """
    100  100  100  100   enters at 100
    100  100   99   99   sells
    110  110  110  110   sold at 110; a close above both highs buys again
    100  100  100  100   enters at 100
    100  100   90   90   sells
     90   90   90   90   sold at 90
    """
)


def test_commission_of_a_buy_is_base_and_of_a_sale_quote():
    result = run(DUST, info=lots("0.001"), fee_rate="0.001")
    first = result.closed_trades[0]
    assert lines(result)[0] == "bar 3 buys 5 at 100, bar 5 sells at 110: signal"
    # 4.995 are left of 5, sold for 549.45, of which 0.54945 is fee
    assert first.net_pnl == Decimal("549.45") - Decimal("0.54945") - 500
    assert first.fees == Decimal("0.005") * 100 + Decimal("0.54945")


def test_dust_stays_on_the_ledger_and_goes_out_with_the_next_sale():
    result = run(DUST, info=lots("0.01", "0.01"), fee_rate="0.001")
    first, second = result.closed_trades
    # 4.995 are left of 5: 4.99 are sold at 110, 0.005 stay
    assert first.net_pnl == Decimal("548.90") - Decimal("0.54890") - 500
    # 0.005 and 4.995 are a whole 5.00, sold at 90
    assert (short(second.quantity), second.net_pnl) == ("5", Decimal("450") - Decimal("0.45") - 500)
    assert result.metrics.final_equity == pytest.approx(float(1000 + first.net_pnl + second.net_pnl))


def test_dust_counts_in_the_equity_and_is_no_position():
    until_sold = "\n".join([line for line in DUST.splitlines() if line.strip()][:6])
    result = run(until_sold, info=lots("0.01", "0.01"), fee_rate="0.001")
    assert [trade.net_pnl for trade in result.closed_trades] == [Decimal("48.35110")]
    assert result.metrics.final_equity == pytest.approx(1048.3511 + 0.005 * 110)
