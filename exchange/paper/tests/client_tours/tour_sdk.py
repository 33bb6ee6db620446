"""The official SDK around the paper exchange: everything in the query string, types held to strictly."""

from __future__ import annotations

import logging

from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_spot.spot import Spot
from common import BASE, KEY, REFUSED_ORDERS, SECRET, SYMBOL, advance, refused_order, same

warnings: list[str] = []


class Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            warnings.append(record.getMessage())


logging.getLogger().addHandler(Listener())
api = Spot(ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=BASE, timeout=10_000, retries=0)).rest_api
NAMES = {
    "timeInForce": "time_in_force",
    "newClientOrderId": "new_client_order_id",
    "stopPrice": "stop_price",
    "strategyType": "strategy_type",
}
UNTYPED = ("1e-05",)


def refusal(call, **params) -> tuple[int, str]:
    try:
        call(**params).data()
    except Exception as error:  # noqa: BLE001 (its errors have no common base that carries the code)
        return getattr(error, "status_code", 0), str(getattr(error, "error_message", error))
    raise AssertionError(f"{params} was accepted")


same(bool(api.time().data().server_time), True)
same([s.symbol for s in api.exchange_info().data().symbols], [SYMBOL])
same(len(api.klines(symbol=SYMBOL, interval="1m", limit=3).data()), 3)

bought = api.new_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=1).data()
same((bought.status, bought.fills[0].commission), ("FILLED", "0.00100000"))
same(len(bought.client_order_id), 22)
account = api.get_account(omit_zero_balances=True).data()
same({b.asset: (b.free, b.locked) for b in account.balances}["BTC"], ("10.99900000", "0.00000000"))

resting = api.new_order(symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=1, price=90).data()
same(api.get_order(symbol=SYMBOL, order_id=resting.order_id).data().status, "NEW")
same([o.order_id for o in api.get_open_orders(symbol=SYMBOL).data()], [resting.order_id])
same(api.delete_order(symbol=SYMBOL, order_id=resting.order_id).data().status, "CANCELED")
for type_, more in (
    ("LIMIT_MAKER", {"price": 150}),
    ("STOP_LOSS", {"stop_price": 50}),
    ("STOP_LOSS_LIMIT", {"stop_price": 50, "price": 49, "time_in_force": "GTC"}),
    ("TAKE_PROFIT", {"stop_price": 150}),
    ("TAKE_PROFIT_LIMIT", {"stop_price": 150, "price": 149, "time_in_force": "GTC"}),
):
    placed = api.new_order(
        symbol=SYMBOL, side="SELL", type=type_, quantity=1, new_order_resp_type="FULL", **more
    ).data()
    same((placed.status, placed.type), ("NEW", type_))
same(len(api.delete_open_orders(symbol=SYMBOL).data()), 5)

pair = api.order_list_oco(
    symbol=SYMBOL,
    side="SELL",
    quantity=1,
    above_type="LIMIT_MAKER",
    above_price=110,
    below_type="STOP_LOSS",
    below_stop_price=95,
).data()
advance(3)
same([api.get_order(symbol=SYMBOL, order_id=o.order_id).data().status for o in pair.orders], ["EXPIRED", "FILLED"])
same(api.my_trades(symbol=SYMBOL).data()[-1].price, "110.00000000")
same(api.account_commission(symbol=SYMBOL).data().standard_commission.taker, "0.00100000")
same([limit.count for limit in api.rate_limit_order().data()][1] >= 0, True)

for changes, code, text in REFUSED_ORDERS:
    order = {NAMES.get(name, name): value for name, value in refused_order(changes).items()}
    same(refusal(api.new_order, **order), (code, text))
same(warnings, [])
print("tour done")
