"""List bad requests with the code and text that each gets: the table of test_refusals.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FLAT = "100 100 100 100\n" * 5
NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = "^[0-9]{1,20}$"
CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"
SYMBOL = "^[A-Z0-9-_.]{1,20}$"
SYMBOLS = r"^\[\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}\]$"
INSUFFICIENT = "Account has insufficient balance for requested action."
DAY_MS = 86_400_000

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "90"}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
MAKER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "90"}
STOP = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "90"}
STOP_LIMIT = {**STOP, "type": "STOP_LOSS_LIMIT", "price": "89", "timeInForce": "GTC"}
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110",
    "belowType": "STOP_LOSS", "belowStopPrice": "90",
}  # fmt: skip
OCO_LIMIT = {**OCO, "belowType": "STOP_LOSS_LIMIT", "belowPrice": "89", "belowTimeInForce": "GTC"}
BUY_OCO = {
    "symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "aboveType": "STOP_LOSS", "aboveStopPrice": "110",
    "belowType": "LIMIT_MAKER", "belowPrice": "90",
}  # fmt: skip
BTC = {"symbol": "BTCUSDT"}
KLINES = {"symbol": "BTCUSDT", "interval": "1m"}


@dataclass(frozen=True)
class RefusalCase:
    """One bad request: what is sent, on what account, and what it must be told."""

    call: str
    sent: dict[str, Any]
    code: int
    text: str
    first: tuple[tuple[str, dict[str, Any]], ...] = ()  # what stands before it
    filters: dict[str, dict[str, Any]] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    account: dict[str, Any] = field(default_factory=dict)
    table: str = FLAT

    def __str__(self) -> str:
        return f"{self.code} {self.call} {self.text[:50]}"


def order(base: dict[str, Any], code: int, text: str, /, **changes: Any) -> RefusalCase:
    """POST order with `changes` (None: left out); names of a Case's own fields go to the case."""
    own = {name: changes.pop(name) for name in ("first", "filters", "info", "account", "table") if name in changes}
    sent = {name: value for name, value in {**base, **changes}.items() if value is not None}
    return RefusalCase("POST orderList/oco" if "aboveType" in base else "POST order", sent, code, text, **own)


def illegal(name: str, legal: str) -> str:
    return f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


def missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def neither(first: str, second: str) -> str:
    return f"Param '{first}' or '{second}' must be sent, but both were empty/null!"


def not_required(name: str) -> str:
    return f"Parameter '{name}' sent when not required."


def invalid(name: str) -> str:
    return f"Data sent for parameter '{name}' is not valid."


def many(base: dict[str, Any], count: int) -> tuple[tuple[str, dict[str, Any]], ...]:
    path = "POST orderList/oco" if "aboveType" in base else "POST order"
    return ((path, base),) * count


PARAMETERS = [
    *(
        order(LIMIT, -1100, illegal(name, NUMBER), **{name: bad})
        for name in ("quantity", "price", "icebergQty")
        for bad in ("1e-05", "-1", "+1", "1.", ".5", "1,5", " 1", "abc", "1" * 21, "0x1", "\u0661")
    ),
    order(STOP, -1100, illegal("stopPrice", NUMBER), stopPrice="NaN"),
    order(MARKET, -1100, illegal("quoteOrderQty", NUMBER), quantity=None, quoteOrderQty="1E2"),
    order(LIMIT, -1100, illegal("newClientOrderId", CLIENT_ID), newClientOrderId="a.b"),
    order(LIMIT, -1100, illegal("newClientOrderId", CLIENT_ID), newClientOrderId="x" * 37),
    order(LIMIT, -1100, illegal("newClientOrderId", CLIENT_ID), newClientOrderId="ключ"),
    order(LIMIT, -1100, illegal("symbol", SYMBOL), symbol="btcusdt"),
    order(LIMIT, -1100, illegal("symbol", SYMBOL), symbol="BTC/USDT"),
    order(LIMIT, -1100, illegal("strategyId", INTEGER), strategyId="1.5"),
    order(OCO, -1100, illegal("abovePrice", NUMBER), abovePrice="1e2"),
    order(OCO, -1100, illegal("listClientOrderId", CLIENT_ID), listClientOrderId="a b"),
    order(OCO, -1100, illegal("belowClientOrderId", CLIENT_ID), belowClientOrderId="a/b"),
    RefusalCase("GET order", {**BTC, "orderId": "12a"}, -1100, illegal("orderId", INTEGER)),
    RefusalCase("GET order", {**BTC, "origClientOrderId": "a b"}, -1100, illegal("origClientOrderId", CLIENT_ID)),
    RefusalCase("DELETE order", {**BTC, "orderId": "-1"}, -1100, illegal("orderId", INTEGER)),
    RefusalCase("GET klines", {**KLINES, "startTime": "1.0"}, -1100, illegal("startTime", INTEGER)),
    RefusalCase("GET klines", {**KLINES, "limit": "ten"}, -1100, illegal("limit", INTEGER)),
    RefusalCase("GET ticker/price", {"symbols": "BTCUSDT"}, -1100, illegal("symbols", SYMBOLS)),
    RefusalCase("GET account", {"recvWindow": "x"}, -1100, illegal("recvWindow", r"^[0-9]{1,20}(\.[0-9]{1,3})?$")),
    RefusalCase("GET account", {"timestamp": "1400000000000"}, -1100, illegal("timestamp", INTEGER)),
    RefusalCase("GET ping", {"a": "1"}, -1101, "Too many parameters; expected '0' and received '1'."),
    RefusalCase("GET klines", {**KLINES, "foo": "1"}, -1104,
         "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."),
    order(LIMIT, -1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'.", foo="1"),
    *(order(LIMIT, -1102, missing(name), **{name: None})
      for name in ("symbol", "side", "type", "timeInForce", "quantity", "price")),
    *(order(MAKER, -1102, missing(name), **{name: None}) for name in ("quantity", "price")),
    order(STOP, -1102, missing("quantity"), quantity=None),
    order(STOP, -1102, neither("stopPrice", "trailingDelta"), stopPrice=None),
    *(order(STOP_LIMIT, -1102, missing(name), **{name: None}) for name in ("quantity", "price", "timeInForce")),
    order(STOP_LIMIT, -1102, neither("stopPrice", "trailingDelta"), stopPrice=None),
    order(STOP_LIMIT, -1102, neither("stopPrice", "trailingDelta"), type="TAKE_PROFIT_LIMIT", stopPrice=None),
    order(MARKET, -1102, neither("quantity", "quoteOrderQty"), quantity=None),
    *(order(OCO, -1102, missing(name), **{name: None})
      for name in ("symbol", "side", "quantity", "aboveType", "belowType", "abovePrice")),
    order(OCO, -1102, neither("belowStopPrice", "belowTrailingDelta"), belowStopPrice=None),
    *(order(OCO_LIMIT, -1102, missing(name), **{name: None}) for name in ("belowPrice", "belowTimeInForce")),
    *(RefusalCase(call, {}, -1102, missing("symbol"))
      for call in ("GET klines", "GET depth", "GET avgPrice", "GET trades", "GET order", "GET allOrders",
                   "GET myTrades", "DELETE order", "DELETE openOrders", "DELETE orderList", "GET account/commission")),
    RefusalCase("GET klines", BTC, -1102, missing("interval")),
    RefusalCase("GET order", BTC, -1102, neither("origClientOrderId", "orderId")),
    RefusalCase("DELETE order", BTC, -1102, neither("origClientOrderId", "orderId")),
    RefusalCase("GET orderList", {}, -1102, neither("orderListId", "origClientOrderId")),
    RefusalCase("DELETE orderList", BTC, -1102, neither("orderListId", "listClientOrderId")),
    *(order(LIMIT, -1105, f"Parameter '{name}' was empty.", **{name: ""})
      for name in ("symbol", "side", "type", "timeInForce", "quantity", "price", "newClientOrderId", "icebergQty")),
    RefusalCase("GET order", {**BTC, "origClientOrderId": ""}, -1105, "Parameter 'origClientOrderId' was empty."),
    RefusalCase("GET klines", {"symbol": "BTCUSDT", "interval": ""}, -1105, "Parameter 'interval' was empty."),
    *(order(MARKET, -1106, not_required(name), **{name: "1"})
      for name in ("price", "timeInForce", "stopPrice", "icebergQty", "trailingDelta")),
    order(LIMIT, -1106, not_required("stopPrice"), stopPrice="90"),
    order(LIMIT, -1106, not_required("trailingDelta"), trailingDelta="100"),
    order(LIMIT, -1106, not_required("quoteOrderQty"), quoteOrderQty="90"),
    order(MAKER, -1106, not_required("timeInForce"), timeInForce="GTC"),
    order(STOP, -1106, not_required("price"), price="90"),
    order(STOP, -1106, not_required("timeInForce"), timeInForce="GTC"),
    order(OCO, -1106, not_required("aboveTimeInForce"), aboveTimeInForce="GTC"),
    order(OCO, -1106, not_required("aboveStopPrice"), aboveStopPrice="110"),
    order(OCO, -1106, not_required("belowPrice"), belowPrice="80"),
    order(LIMIT, -1108, "Parameter 'quantity' overflowed.", quantity="99999999999"),
    order(LIMIT, -1108, "Parameter 'price' overflowed.", price="9" * 20),
    RefusalCase("GET order", {**BTC, "orderId": "9" * 20}, -1108, "Parameter 'orderId' overflowed."),
    order(LIMIT, -1111, "Parameter 'quantity' has too much precision.", quantity="0.000000001"),
    order(LIMIT, -1111, "Parameter 'price' has too much precision.", price="90.123456789"),
    order(LIMIT, -1115, "Invalid timeInForce.", timeInForce="GTX"),
    order(LIMIT, -1115, "Invalid timeInForce.", timeInForce="gtc"),
    order(OCO_LIMIT, -1115, "Invalid timeInForce.", belowTimeInForce="DAY"),
    order(LIMIT, -1116, "Invalid orderType.", type="LIMITED"),
    order(OCO, -1116, "Invalid orderType.", aboveType="TRAILING"),
    order(LIMIT, -1117, "Invalid side.", side="buy"),
    order(OCO, -1117, "Invalid side.", side="SHORT"),
    *(RefusalCase("GET klines", {**BTC, "interval": bad}, -1120, "Invalid interval.")
      for bad in ("1s", "2m", "1H", "60")),
    RefusalCase("GET uiKlines", {**BTC, "interval": "7d"}, -1120, "Invalid interval."),
    *(RefusalCase(call, {"symbol": "NOPE", **more}, -1121, "Invalid symbol.")
      for call, more in (
          ("GET klines", {"interval": "1m"}), ("GET depth", {}), ("GET trades", {}), ("GET avgPrice", {}),
          ("GET ticker/price", {}), ("GET ticker/bookTicker", {}), ("GET ticker/24hr", {}), ("GET exchangeInfo", {}),
          ("GET order", {"orderId": 1}), ("DELETE order", {"orderId": 1}), ("GET openOrders", {}),
          ("DELETE openOrders", {}), ("GET allOrders", {}), ("GET myTrades", {}), ("GET account/commission", {}),
          ("DELETE orderList", {"orderListId": 1}))),
    order(LIMIT, -1121, "Invalid symbol.", symbol="NOPE"),
    order(OCO, -1121, "Invalid symbol.", symbol="NOPE"),
    RefusalCase("GET exchangeInfo", {"symbolStatus": "OPEN"}, -1122, "Invalid symbolStatus."),
    RefusalCase("GET ticker/price", {"symbolStatus": "OPEN"}, -1122, "Invalid symbolStatus."),
    RefusalCase("GET allOrders", {**BTC, "startTime": 1, "endTime": DAY_MS + 2}, -1127,
         "More than 24 hours between startTime and endTime."),
    RefusalCase("GET myTrades", {**BTC, "startTime": 1, "endTime": DAY_MS + 2}, -1127,
         "More than 24 hours between startTime and endTime."),
    RefusalCase("GET allOrderList", {"startTime": 1, "endTime": DAY_MS + 2}, -1127,
         "More than 24 hours between startTime and endTime."),
    *(RefusalCase("GET myTrades", {**BTC, **sent}, -1128, "Combination of optional parameters invalid.")
      for sent in ({"fromId": 1, "startTime": 1}, {"orderId": 1, "startTime": 1}, {"orderId": 1, "endTime": 1},
                   {"fromId": 1, "endTime": 1})),
    RefusalCase("GET allOrderList", {"fromId": 1, "startTime": 1}, -1128,
         "Combination of optional parameters invalid."),
    RefusalCase("GET ticker/price", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128,
         "Combination of optional parameters invalid."),
    RefusalCase("GET exchangeInfo", {"symbol": "BTCUSDT", "permissions": "SPOT"}, -1128,
         "Combination of optional parameters invalid."),
    order(MARKET, -1128, "Combination of optional parameters invalid.", quoteOrderQty="100"),
    RefusalCase("GET klines", {**KLINES, "timeZone": "15"}, -1130, invalid("timeZone")),
    RefusalCase("GET klines", {**KLINES, "limit": "0"}, -1130, invalid("limit")),
    order(LIMIT, -1130, invalid("newOrderRespType"), newOrderRespType="SHORT"),
    order(LIMIT, -1130, invalid("selfTradePreventionMode"), selfTradePreventionMode="SOMETIMES"),
    RefusalCase("GET account", {"recvWindow": "60001"}, -1131, "recvWindow must be less than 60000"),
    order(LIMIT, -1134, "`strategyType` was less than 1000000.", strategyType="999999"),
    order(OCO, -1134, "`strategyType` was less than 1000000.", aboveStrategyType="1"),
    RefusalCase("GET ticker/24hr", {**BTC, "type": "HUGE"}, -1139, "Invalid ticker type."),
    RefusalCase("DELETE order", {**BTC, "orderId": 1, "cancelRestrictions": "ANY"}, -1145,
         "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."),
    RefusalCase("GET ticker/price", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151,
         "Symbol is present multiple times in the list."),
    order(OCO, -1158, "Order type not supported in OCO.", aboveType="LIMIT"),
    order(OCO, -1158, "Order type not supported in OCO.", belowType="MARKET"),
    order(OCO_LIMIT, -1160,
          "Parameter 'belowIcebergQty' is not supported if `aboveTimeInForce`/`belowTimeInForce` is not GTC.",
          belowIcebergQty="0.1", belowTimeInForce="IOC"),
    order(BUY_OCO, -1165, "A limit order in a buy OCO must be below.",
          aboveType="LIMIT_MAKER", abovePrice="110", aboveStopPrice=None, belowType="STOP_LOSS", belowStopPrice="90",
          belowPrice=None),
    order(OCO, -1166, "A limit order in a sell OCO must be above.",
          aboveType="TAKE_PROFIT", aboveStopPrice="110", abovePrice=None, belowType="LIMIT_MAKER", belowPrice="90",
          belowStopPrice=None),
    order(OCO, -1168, "At least one OCO order must be contingent.",
          belowType="LIMIT_MAKER", belowPrice="90", belowStopPrice=None),
    order(BUY_OCO, -1196, "A stop loss order in a buy OCO must be above.",
          belowType="STOP_LOSS", belowStopPrice="90", belowPrice=None),
    order(OCO, -1197, "A stop loss order in a sell OCO must be below.",
          aboveType="STOP_LOSS", aboveStopPrice="110", abovePrice=None),
    order(BUY_OCO, -1198, "A take profit order in a buy OCO must be below.", aboveType="TAKE_PROFIT"),
    order(OCO, -1199, "A take profit order in a sell OCO must be above.", belowType="TAKE_PROFIT"),
    order(LIMIT, -1210, "Invalid pegPriceType.", pegPriceType="BEST"),
    order(OCO, -1210, "Invalid pegPriceType.", abovePegPriceType="BEST"),
    order(LIMIT, -1211, "Invalid pegOffsetType.", pegPriceType="PRIMARY_PEG", pegOffsetType="BPS"),
    RefusalCase("GET ticker/price", {**BTC, "symbolStatus": "HALT"}, -1220,
         "The symbol's status does not match the requested symbolStatus."),
    RefusalCase("GET nothing", {}, -1020, "This operation is not supported."),
    RefusalCase("PUT order", {}, -1020, "This operation is not supported."),
]  # fmt: skip

ORDERS = [
    order(LIMIT, -1013, "Invalid quantity.", quantity="0"),
    order(LIMIT, -1013, "Invalid price.", price="0.00"),
    order(STOP, -1013, "Invalid stop price.", stopPrice="0"),
    order(LIMIT, -1013, "Invalid iceberg quantity.", icebergQty="0"),
    order(MARKET, -1013, "Invalid quote order quantity.", quantity=None, quoteOrderQty="0"),
    order(LIMIT, -1013, "Filter failure: PRICE_FILTER", price="90.001"),
    order(LIMIT, -1013, "Filter failure: PRICE_FILTER", price="2000000"),
    order(STOP, -1013, "Filter failure: PRICE_FILTER", stopPrice="90.005"),
    order(OCO, -1013, "Filter failure: PRICE_FILTER", belowStopPrice="90.005"),
    order(LIMIT, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", price="19.99"),
    order(LIMIT, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", side="SELL", price="500.01"),
    order(LIMIT, -1013, "Filter failure: PERCENT_PRICE", price="19.99",
          filters={"PERCENT_PRICE_BY_SIDE": None,
                   "PERCENT_PRICE": {"multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 5}}),
    order(LIMIT, -1013, "Filter failure: LOT_SIZE", quantity="0.000001"),
    order(LIMIT, -1013, "Filter failure: LOT_SIZE", quantity="1.000001"),
    order(LIMIT, -1013, "Filter failure: LOT_SIZE", quantity="9001"),
    order(MARKET, -1013, "Filter failure: LOT_SIZE", quantity="0.000015"),
    order(LIMIT, -1013, "Filter failure: LOT_SIZE", icebergQty="0.100001"),
    order(MARKET, -1013, "Filter failure: MARKET_LOT_SIZE", quantity="101"),
    order(MARKET, -1013, "Filter failure: MARKET_LOT_SIZE", quantity=None, quoteOrderQty="10100",
          account={"balances": {"USDT": "20000"}}),
    order(LIMIT, -1013, "Filter failure: NOTIONAL", quantity="0.05"),
    order(MARKET, -1013, "Filter failure: NOTIONAL", quantity="0.04999"),
    order(MARKET, -1013, "Filter failure: NOTIONAL", quantity=None, quoteOrderQty="4.99"),
    order(LIMIT, -1013, "Filter failure: MIN_NOTIONAL", quantity="0.05",
          filters={"NOTIONAL": None,
                   "MIN_NOTIONAL": {"minNotional": "5", "applyToMarket": True, "avgPriceMins": 5}}),
    order(LIMIT, -1013, "Filter failure: ICEBERG_PARTS", icebergQty="0.00999"),
    order(LIMIT, -1014, "Unsupported order combination.", icebergQty="0.5", timeInForce="IOC"),
    order(LIMIT, -2010, "IcebergQty exceeds QTY.", icebergQty="2"),
    order(LIMIT, -2010, INSUFFICIENT, quantity="500"),
    order(MARKET, -2010, INSUFFICIENT, side="SELL", quantity="11"),
    order(MARKET, -2010, INSUFFICIENT, quantity=None, quoteOrderQty="100",
          account={"balances": {"USDT": "99.99"}}),
    order(STOP, -2010, INSUFFICIENT, quantity="11"),
    order(OCO, -2010, INSUFFICIENT, quantity="11"),
    order(BUY_OCO, -2010, INSUFFICIENT, quantity="91"),
    order(LIMIT, -2010, "Duplicate order sent.", newClientOrderId="mine",
          first=(("POST order", {**LIMIT, "newClientOrderId": "mine"}),)),
    order(OCO, -2010, "Duplicate order sent.", aboveClientOrderId="x", belowClientOrderId="x"),
    order(OCO, -2010, "Duplicate order sent.", listClientOrderId="pair",
          first=(("POST orderList/oco", {**OCO, "listClientOrderId": "pair"}),)),
    order(STOP, -2010, "Order would trigger immediately.", stopPrice="100"),
    order(STOP, -2010, "Order would trigger immediately.", side="BUY", stopPrice="100"),
    order(STOP, -2010, "Order would trigger immediately.", type="TAKE_PROFIT", stopPrice="99"),
    order(STOP_LIMIT, -2010, "Order would trigger immediately.", type="TAKE_PROFIT_LIMIT", side="BUY",
          stopPrice="101", price="101"),
    order(MAKER, -2010, "Order would immediately match and take.", price="100"),
    order(MAKER, -2010, "Order would immediately match and take.", side="SELL", price="99"),
    order(OCO, -2010, "The relationship of the prices for the orders is not correct.", abovePrice="99"),
    order(OCO, -2010, "The relationship of the prices for the orders is not correct.", belowStopPrice="101"),
    order(BUY_OCO, -2010, "The relationship of the prices for the orders is not correct.", belowPrice="101"),
    order(LIMIT, -2010, "Market is closed.", info={"status": "HALT"}),
    order(MARKET, -2010, "Market is closed.", info={"status": "CANCEL_ONLY"}),
    order(LIMIT, -2010, "This symbol is not permitted for this account.", info={"permissionSets": [["MARGIN"]]}),
    order(LIMIT, -2010, "This symbol is not permitted for this account.", info={"isSpotTradingAllowed": False}),
    order(STOP, -2010, "Trailing stop orders are not supported for this symbol.", stopPrice=None, trailingDelta="100"),
    order(OCO, -2010, "Trailing stop orders are not supported for this symbol.", belowTrailingDelta="100"),
    order(LIMIT, -2010, "Pegged orders are not supported for this symbol.", pegPriceType="PRIMARY_PEG"),
    order(MARKET, -2010, "This order type may not use pegged price.", pegPriceType="MARKET_PEG"),
    order(MAKER, -2010, "This price peg cannot be used with this order type.", pegPriceType="MARKET_PEG"),
    order(LIMIT, -2010, "Iceberg orders are not supported for this symbol.", icebergQty="0.5",
          info={"icebergAllowed": False}),
    order(OCO, -2010, "OCO orders are not supported for this symbol", info={"ocoAllowed": False}),
    order(MARKET, -2010, "Quote order qty market orders are not support for this symbol.", quantity=None,
          quoteOrderQty="100", info={"quoteOrderQtyMarketAllowed": False}),
    *(order(base, -2010, f"{words} orders are not supported for this symbol.", type=kind,
            info={"orderTypes": ["LIMIT"]})
      for kind, base, words in (("MARKET", MARKET, "Market"), ("STOP_LOSS", STOP, "Stop loss"),
                                ("STOP_LOSS_LIMIT", STOP_LIMIT, "Stop loss limit"),
                                ("TAKE_PROFIT", STOP, "Take profit"),
                                ("TAKE_PROFIT_LIMIT", STOP_LIMIT, "Take profit limit"))),
    order(LIMIT, -2010, "Filter failure: MAX_NUM_ORDERS", first=many(LIMIT, 2),
          filters={"MAX_NUM_ORDERS": {"maxNumOrders": 2}}),
    order(OCO, -2010, "Filter failure: MAX_NUM_ORDERS", first=many(LIMIT, 1),
          filters={"MAX_NUM_ORDERS": {"maxNumOrders": 2}}),
    order(STOP, -2010, "Filter failure: MAX_NUM_ALGO_ORDERS", first=many(STOP, 5)),
    order(OCO, -2010, "Filter failure: MAX_NUM_ALGO_ORDERS", first=many(STOP, 5)),
    order(OCO, -2010, "Filter failure: MAX_NUM_ORDER_LISTS", first=many(OCO, 2),
          filters={"MAX_NUM_ORDER_LISTS": {"maxNumOrderLists": 2}}),
    order(LIMIT, -2010, "Filter failure: MAX_NUM_ICEBERG_ORDERS", icebergQty="0.5",
          first=many({**LIMIT, "icebergQty": "0.5"}, 1),
          filters={"MAX_NUM_ICEBERG_ORDERS": {"maxNumIcebergOrders": 1}}),
    order(LIMIT, -2010, "Filter failure: MAX_POSITION", quantity="2",
          filters={"MAX_POSITION": {"maxPosition": "11"}}),
    order(MARKET, -2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.", quantity=None,
          quoteOrderQty="100", account={"volume_share": "0.01"}, table="100 100 100 100 10\n" * 5,
          filters={"LOT_SIZE": {"minQty": "0.2", "maxQty": "9000", "stepSize": "0.1"}}),
    order(MARKET, -2010, "Order book liquidity is less than `MARKET_LOT_SIZE` filter minimum quantity.", quantity=None,
          quoteOrderQty="100", account={"volume_share": "0.01"}, table="100 100 100 100 10\n" * 5,
          filters={"MARKET_LOT_SIZE": {"minQty": "0.2", "maxQty": "90", "stepSize": "0.1"}}),
    order(MARKET, -2010, "Order book liquidity is less than symbol minimum quantity.", quantity=None,
          quoteOrderQty="100", account={"volume_share": "0.01"}, table="100 100 100 100 0\n" * 5),
    RefusalCase("DELETE order", {**BTC, "orderId": 999999}, -2011, "Unknown order sent."),
    RefusalCase("DELETE order", {**BTC, "origClientOrderId": "nobody"}, -2011, "Unknown order sent."),
    RefusalCase("DELETE order", {**BTC, "origClientOrderId": "done"}, -2011, "Unknown order sent.",
         first=(("POST order", {**MARKET, "newClientOrderId": "done"}),)),
    RefusalCase("DELETE openOrders", BTC, -2011, "Unknown order sent."),
    RefusalCase("DELETE orderList", {**BTC, "orderListId": 999999}, -2011, "Unknown order sent."),
    RefusalCase("DELETE order",
         {**BTC, "origClientOrderId": "mine", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, -2011,
         "Order was not canceled due to cancel restrictions.",
         first=(("POST order", {**LIMIT, "newClientOrderId": "mine"}),)),
    RefusalCase("GET order", {**BTC, "orderId": 999999}, -2013, "Order does not exist."),
    RefusalCase("GET order", {**BTC, "origClientOrderId": "nobody"}, -2013, "Order does not exist."),
    RefusalCase("GET orderList", {"orderListId": 999999}, -2018, "Order list does not exist."),
]  # fmt: skip
