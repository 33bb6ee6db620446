"""Read the parameters of a new order into frozen values, by their shape only.

Which parameters a type needs, forbids and defaults to is here; filters, prices and balances are judged in place.py.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from decimal import Decimal

from exchange.paper import errors
from exchange.paper.account.ledger import ALGO_TYPES, MARKET_ON_TRIGGER
from exchange.paper.protocol.endpoint import ApiRequest
from exchange.paper.protocol.parameters import Parameters

SIDES = ("BUY", "SELL")
TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
ANSWERS = ("ACK", "RESULT", "FULL")
_LIMIT_ON_TRIGGER = ALGO_TYPES - MARKET_ON_TRIGGER
_ID_LETTERS = string.ascii_letters + string.digits
LEAST_STRATEGY_TYPE = 1_000_000

ORDER_PARAMETERS = frozenset(
    {
        "symbol",
        "side",
        "type",
        "timeInForce",
        "quantity",
        "quoteOrderQty",
        "price",
        "newClientOrderId",
        "strategyId",
        "strategyType",
        "stopPrice",
        "trailingDelta",
        "icebergQty",
        "newOrderRespType",
        "selfTradePreventionMode",
        "pegPriceType",
        "pegOffsetValue",
        "pegOffsetType",
    }
)
_LEG_NAMES = (
    "Type",
    "ClientOrderId",
    "IcebergQty",
    "Price",
    "StopPrice",
    "TrailingDelta",
    "TimeInForce",
    "StrategyId",
    "StrategyType",
    "PegPriceType",
    "PegOffsetType",
    "PegOffsetValue",
)
OCO_PARAMETERS = frozenset(
    {"symbol", "side", "quantity", "listClientOrderId", "newOrderRespType", "selfTradePreventionMode"}
    | {f"{leg}{name}" for leg in ("above", "below") for name in _LEG_NAMES}
)

NO_TRAILING = "Trailing stop orders are not supported for this symbol."
NO_PEGGING = "Pegged orders are not supported for this symbol."
PEG_PRICES = ("PRIMARY_PEG", "MARKET_PEG")
PEG_OFFSETS = ("PRICE_LEVEL",)


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """One order as asked for. Amounts not sent are zero; `quantity` is zero where only a quote amount was sent."""

    symbol: str
    side: str
    type: str
    quantity: Decimal
    client_order_id: str
    quote_quantity: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    stop_price: Decimal = Decimal(0)
    iceberg_quantity: Decimal = Decimal(0)
    time_in_force: str = "GTC"
    strategy_id: int | None = None
    strategy_type: int | None = None
    self_trade_mode: str | None = None

    @property
    def is_buy(self) -> bool:
        return self.side == "BUY"

    @property
    def is_algo(self) -> bool:
        return self.type in ALGO_TYPES


@dataclass(frozen=True, slots=True)
class OcoDraft:
    """Two orders of which one ends the other; `above` and `below` as the caller named them."""

    list_client_order_id: str
    above: OrderDraft
    below: OrderDraft

    @property
    def stop(self) -> OrderDraft:
        return self.above if self.above.type.startswith("STOP_LOSS") else self.below

    @property
    def target(self) -> OrderDraft:
        return self.below if self.stop is self.above else self.above


def generated_id() -> str:
    """Return a client order id for a caller that sent none."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(22))


def answer_type(params: Parameters, default: str) -> str:
    return params.choice("newOrderRespType", ANSWERS) or default


def default_answer(order_type: str) -> str:
    return "FULL" if order_type in ("MARKET", "LIMIT") else "ACK"


def read_side(params: Parameters) -> str:
    params.require("side")
    return params.choice("side", SIDES, errors.bad_side) or ""


def read_order(request: ApiRequest) -> OrderDraft:
    """Read the parameters of POST order."""
    params = request.params
    symbol, side = params.symbol(), read_side(params)
    params.require("type")
    order_type = params.choice("type", TYPES, errors.bad_order_type) or ""
    _check_mandatory(params, order_type)
    draft = OrderDraft(
        symbol=symbol,
        side=side,
        type=order_type,
        quantity=_positive(params, "quantity", "Invalid quantity."),
        quote_quantity=_positive(params, "quoteOrderQty", "Invalid quote order quantity."),
        price=_positive(params, "price", "Invalid price."),
        stop_price=_positive(params, "stopPrice", "Invalid stop price."),
        iceberg_quantity=_positive(params, "icebergQty", "Invalid iceberg quantity."),
        time_in_force=params.choice("timeInForce", TIMES_IN_FORCE, errors.bad_time_in_force) or "GTC",
        client_order_id=params.client_id("newClientOrderId") or generated_id(),
        strategy_id=params.integer("strategyId"),
        strategy_type=_strategy_type(params, "strategyType"),
        self_trade_mode=params.raw("selfTradePreventionMode"),
    )
    _check_iceberg(draft)
    return draft


def _check_mandatory(params: Parameters, order_type: str) -> None:
    """Check what each type must and must not carry: -1102 and -1106."""
    _check_no_peg(params, order_type, "pegPriceType", "pegOffsetType", "pegOffsetValue")
    if order_type == "MARKET":
        params.refuse("price", "timeInForce", "stopPrice", "icebergQty", "trailingDelta")
        if params.has("quantity") and params.has("quoteOrderQty"):
            raise errors.bad_combination()
        if not params.has("quantity") and not params.has("quoteOrderQty"):
            raise errors.one_of_two_missing("quantity", "quoteOrderQty")
        return
    params.refuse("quoteOrderQty")
    if order_type == "LIMIT":
        params.need_all("timeInForce", "quantity", "price")
    elif order_type == "LIMIT_MAKER":
        params.need_all("quantity", "price")
        params.refuse("timeInForce")
    elif order_type in MARKET_ON_TRIGGER:
        params.need_all("quantity")
        params.refuse("price", "timeInForce", "icebergQty")
    else:
        params.need_all("timeInForce", "quantity", "price")
    if order_type in ALGO_TYPES:
        _check_trigger(params, "stopPrice", "trailingDelta")
    else:
        params.refuse("stopPrice", "trailingDelta")


def _check_no_peg(params: Parameters, order_type: str, price_type: str, offset_type: str, offset: str) -> None:
    """Refuse pegged prices, which no symbol here takes; an invalid peg is refused as such first."""
    price = params.choice(price_type, PEG_PRICES, errors.bad_peg_price_type)
    params.choice(offset_type, PEG_OFFSETS, errors.bad_peg_offset_type)
    if not (params.has(price_type) or params.has(offset_type) or params.has(offset)):
        return
    if order_type in ("MARKET", *MARKET_ON_TRIGGER):
        raise errors.rejected("This order type may not use pegged price.")
    if order_type == "LIMIT_MAKER" and price == "MARKET_PEG":
        raise errors.rejected("This price peg cannot be used with this order type.")
    raise errors.rejected(NO_PEGGING)


def _check_trigger(params: Parameters, stop: str, trailing: str) -> None:
    if not params.has(stop) and not params.has(trailing):
        raise errors.one_of_two_missing(stop, trailing)
    if params.has(trailing):
        raise errors.rejected(NO_TRAILING)


def _positive(params: Parameters, name: str, zero_text: str) -> Decimal:
    """Return an amount, zero if not sent. Zero sent is -1013 with `zero_text`."""
    value = params.decimal(name)
    if value == 0:
        raise errors.invalid_message(zero_text)
    return value or Decimal(0)


def _strategy_type(params: Parameters, name: str) -> int | None:
    value = params.integer(name)
    if value is not None and value < LEAST_STRATEGY_TYPE:
        raise errors.bad_strategy_type()
    return value


def _check_iceberg(draft: OrderDraft) -> None:
    if draft.iceberg_quantity and draft.time_in_force != "GTC":
        raise errors.unsupported_combination()
    if draft.iceberg_quantity > draft.quantity:
        raise errors.rejected("IcebergQty exceeds QTY.")


# OCO


def read_oco(request: ApiRequest) -> OcoDraft:
    """Read the parameters of POST orderList/oco."""
    params = request.params
    symbol, side = params.symbol(), read_side(params)
    params.need_all("quantity", "aboveType", "belowType")
    list_id = params.client_id("listClientOrderId") or generated_id()
    above, below = (_read_leg(params, leg, symbol, side) for leg in ("above", "below"))
    _check_leg_types(side, above.type, below.type)
    if above.client_order_id == below.client_order_id:
        raise errors.duplicate_order()
    return OcoDraft(list_id, above, below)


def _read_leg(params: Parameters, leg: str, symbol: str, side: str) -> OrderDraft:
    order_type = params.choice(f"{leg}Type", TYPES, errors.bad_order_type) or ""
    if order_type in ("MARKET", "LIMIT"):
        raise errors.ApiError(-1158, "Order type not supported in OCO.")
    _check_leg_parameters(params, leg, order_type)
    draft = OrderDraft(
        symbol=symbol,
        side=side,
        type=order_type,
        quantity=_positive(params, "quantity", "Invalid quantity."),
        price=_positive(params, f"{leg}Price", "Invalid price."),
        stop_price=_positive(params, f"{leg}StopPrice", "Invalid stop price."),
        iceberg_quantity=_positive(params, f"{leg}IcebergQty", "Invalid iceberg quantity."),
        time_in_force=params.choice(f"{leg}TimeInForce", TIMES_IN_FORCE, errors.bad_time_in_force) or "GTC",
        client_order_id=params.client_id(f"{leg}ClientOrderId") or generated_id(),
        strategy_id=params.integer(f"{leg}StrategyId"),
        strategy_type=_strategy_type(params, f"{leg}StrategyType"),
        self_trade_mode=params.raw("selfTradePreventionMode"),
    )
    if draft.iceberg_quantity and draft.time_in_force != "GTC":
        raise errors.iceberg_leg_must_rest(f"{leg}IcebergQty")
    _check_iceberg(draft)
    return draft


def _check_leg_parameters(params: Parameters, leg: str, order_type: str) -> None:
    price, stop, trailing = f"{leg}Price", f"{leg}StopPrice", f"{leg}TrailingDelta"
    time_in_force = f"{leg}TimeInForce"
    _check_no_peg(params, order_type, f"{leg}PegPriceType", f"{leg}PegOffsetType", f"{leg}PegOffsetValue")
    if order_type == "LIMIT_MAKER":
        params.need_all(price)
        params.refuse(stop, trailing, time_in_force)
    elif order_type in MARKET_ON_TRIGGER:
        params.refuse(price, time_in_force, f"{leg}IcebergQty")
        _check_trigger(params, stop, trailing)
    else:
        params.need_all(price, time_in_force)
        _check_trigger(params, stop, trailing)


def _check_leg_types(side: str, above: str, below: str) -> None:
    """Check that one leg is a limit or take-profit, the other a stop-loss, each on its side of the market."""
    if above == "LIMIT_MAKER" and below == "LIMIT_MAKER":
        raise errors.ApiError(-1168, "At least one OCO order must be contingent.")
    wrong_above, wrong_below = _WRONG_LEGS[side]
    for leg_type, wrong in ((above, wrong_above), (below, wrong_below)):
        kind = leg_type.removesuffix("_LIMIT") if leg_type in _LIMIT_ON_TRIGGER else leg_type
        if kind in wrong:
            code, text = wrong[kind]
            raise errors.ApiError(code, text)


# Which kinds may not be the above and the below leg, by side.
_WRONG_LEGS: dict[str, tuple[dict[str, tuple[int, str]], dict[str, tuple[int, str]]]] = {
    "BUY": (
        {
            "LIMIT_MAKER": (-1165, "A limit order in a buy OCO must be below."),
            "TAKE_PROFIT": (-1198, "A take profit order in a buy OCO must be below."),
        },
        {"STOP_LOSS": (-1196, "A stop loss order in a buy OCO must be above.")},
    ),
    "SELL": (
        {"STOP_LOSS": (-1197, "A stop loss order in a sell OCO must be below.")},
        {
            "LIMIT_MAKER": (-1166, "A limit order in a sell OCO must be above."),
            "TAKE_PROFIT": (-1199, "A take profit order in a sell OCO must be above."),
        },
    ),
}
