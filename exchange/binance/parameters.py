"""Write our requests in Binance's parameters. Decimals are plain digits, because `str` may write 1E-7."""

from __future__ import annotations

from core.formats import plain
from exchange.api.types import OcoRequest, OrderRequest, OrderType, Side, TimeInForce

_LIMIT_TYPES = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


def order_parameters(request: OrderRequest) -> dict[str, str]:
    """Return the parameters of POST order."""
    parameters = {
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.type.value,
        "quantity": plain(request.quantity),
        "newClientOrderId": request.client_order_id,
        "newOrderRespType": "FULL",
    }
    if request.limit_price is not None:
        parameters["price"] = plain(request.limit_price)
    if request.stop_price is not None:
        parameters["stopPrice"] = plain(request.stop_price)
    if request.type in _LIMIT_TYPES:
        parameters["timeInForce"] = (request.time_in_force or TimeInForce.GTC).value
    return parameters


def oco_parameters(request: OcoRequest) -> dict[str, str]:
    """Return the parameters of POST orderList/oco. A sale has its target above and its stop below, a purchase the
    reverse.
    """
    target, stop = ("above", "below") if request.side == Side.SELL else ("below", "above")
    parameters = {
        "symbol": request.symbol,
        "side": request.side.value,
        "quantity": plain(request.quantity),
        "listClientOrderId": request.list_client_order_id,
        f"{target}Type": OrderType.LIMIT_MAKER.value,
        f"{target}Price": plain(request.target_price),
        f"{target}ClientOrderId": request.target_client_order_id,
        f"{stop}Type": OrderType.STOP_LOSS.value,
        f"{stop}StopPrice": plain(request.stop_price),
        f"{stop}ClientOrderId": request.stop_client_order_id,
        "newOrderRespType": "FULL",
    }
    if request.stop_limit_price is not None:
        parameters[f"{stop}Type"] = OrderType.STOP_LOSS_LIMIT.value
        parameters[f"{stop}Price"] = plain(request.stop_limit_price)
        parameters[f"{stop}TimeInForce"] = TimeInForce.GTC.value
    return parameters
