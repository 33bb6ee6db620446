"""What fills cost, on the live runner (rule 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.trading.tests.tables import BUY, lines, run

pytestmark = pytest.mark.django_db


def test_slippage_is_rounded_to_the_tick_against_us():
    result = run(
        BUY
        + """
        103.33  104  103  104
        104     104   99   99   sells
        105.55  106  105  106
        """,
        slippage_bps=10,
    )
    # 103.33 * 1.001 = 103.43333, up to 103.44; 105.55 * 0.999 = 105.44445, down to 105.44; 500 / 103.44 = 4.8337
    assert lines(result) == ["bar 3 buys 4.833 at 103.44, bar 5 sells at 105.44: signal"]
    assert result.closed_trades[0].net_pnl == Decimal("9.666")
