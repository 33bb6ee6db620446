"""Define the refusals of the paper exchange: Binance's own codes and texts, each named once.

A handler raises an `ApiError`; `dispatch.py` turns it into the answer. Texts are those of the official error page.
"""

from __future__ import annotations

NUMBER_PATTERN = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER_PATTERN = r"^[0-9]{1,20}$"
CLIENT_ID_PATTERN = r"^[a-zA-Z0-9-_]{1,36}$"
SYMBOL_PATTERN = r"^[A-Z0-9-_.]{1,20}$"
SYMBOLS_PATTERN = r"^\[\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}\]$"


class ApiError(Exception):
    """A refusal as it goes over the wire: `{"code": code, "msg": msg}` under `http_status`."""

    def __init__(self, code: int, msg: str, http_status: int = 400, *, retry_after_s: int | None = None) -> None:
        super().__init__(f"{code}: {msg}")
        self.code = code
        self.msg = msg
        self.http_status = http_status
        self.retry_after_s = retry_after_s


# The request itself


def unknown_path() -> ApiError:
    return ApiError(-1020, "This operation is not supported.", 404)


def internal() -> ApiError:
    return ApiError(-1000, "An unknown error occurred while processing the request.", 500)


def market_unavailable(reason: str) -> ApiError:
    """Report that the market's source does not answer: nothing is invented in its place."""
    return ApiError(-1001, f"Internal error; unable to process your request. Please try again. ({reason})", 503)


def too_much_weight(limit: int, interval: str, retry_after_s: int) -> ApiError:
    text = (
        f"Too much request weight used; current limit is {limit} request weight per {interval}. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return ApiError(-1003, text, 429, retry_after_s=retry_after_s)


def banned(until_ms: int, retry_after_s: int) -> ApiError:
    text = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return ApiError(-1003, text, 418, retry_after_s=retry_after_s)


def too_many_orders(limit: int, interval: str, retry_after_s: int) -> ApiError:
    text = f"Too many new orders; current limit is {limit} orders per {interval}."
    return ApiError(-1015, text, 429, retry_after_s=retry_after_s)


def outside_receive_window() -> ApiError:
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def ahead_of_server() -> ApiError:
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def bad_signature() -> ApiError:
    return ApiError(-1022, "Signature for this request is not valid.")


def bad_key_format() -> ApiError:
    return ApiError(-2014, "API-key format invalid.", 401)


def rejected_key() -> ApiError:
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def bad_time_unit() -> ApiError:
    return ApiError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")


# Parameters


def illegal_characters(name: str, legal_range: str) -> ApiError:
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal_range}'.")


def too_many_parameters(expected: int, received: int) -> ApiError:
    return ApiError(-1101, f"Too many parameters; expected '{expected}' and received '{received}'.")


def duplicate_parameter() -> ApiError:
    return ApiError(-1101, "Duplicate values for a parameter detected.")


def missing(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def one_of_two_missing(first: str, second: str) -> ApiError:
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def over_the_most(name: str, most: int) -> ApiError:
    return ApiError(-1102, f"'{name}' contains unexpected value. Cannot be greater than {most}.")


def unread_parameters(read: int, sent: int) -> ApiError:
    return ApiError(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")


def empty(name: str) -> ApiError:
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> ApiError:
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def overflow(name: str) -> ApiError:
    return ApiError(-1108, f"Parameter '{name}' overflowed.")


def too_precise(name: str) -> ApiError:
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def bad_time_in_force() -> ApiError:
    return ApiError(-1115, "Invalid timeInForce.")


def bad_order_type() -> ApiError:
    return ApiError(-1116, "Invalid orderType.")


def bad_side() -> ApiError:
    return ApiError(-1117, "Invalid side.")


def bad_interval() -> ApiError:
    return ApiError(-1120, "Invalid interval.")


def bad_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


def bad_symbol_status() -> ApiError:
    return ApiError(-1122, "Invalid symbolStatus.")


def span_too_long(hours: int) -> ApiError:
    return ApiError(-1127, f"More than {hours} hours between startTime and endTime.")


def bad_combination() -> ApiError:
    return ApiError(-1128, "Combination of optional parameters invalid.")


def invalid(name: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def receive_window_too_long() -> ApiError:
    return ApiError(-1131, "recvWindow must be less than 60000")


def bad_strategy_type() -> ApiError:
    return ApiError(-1134, "`strategyType` was less than 1000000.")


def bad_ticker_type() -> ApiError:
    return ApiError(-1139, "Invalid ticker type.")


def bad_cancel_restrictions() -> ApiError:
    return ApiError(-1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.")


def iceberg_leg_must_rest(name: str) -> ApiError:
    text = f"Parameter '{name}' is not supported if `aboveTimeInForce`/`belowTimeInForce` is not GTC."
    return ApiError(-1160, text)


def bad_peg_price_type() -> ApiError:
    return ApiError(-1210, "Invalid pegPriceType.")


def bad_peg_offset_type() -> ApiError:
    return ApiError(-1211, "Invalid pegOffsetType.")


def duplicate_symbols() -> ApiError:
    return ApiError(-1151, "Symbol is present multiple times in the list.")


def symbol_has_other_status() -> ApiError:
    return ApiError(-1220, "The symbol's status does not match the requested symbolStatus.")


# Orders


def filter_failure(name: str, *, counted_by_engine: bool = False) -> ApiError:
    """Return the refusal of a filter: -1013 for the order's own numbers, -2010 for what the account holds."""
    return ApiError(-2010 if counted_by_engine else -1013, f"Filter failure: {name}")


def invalid_message(text: str) -> ApiError:
    return ApiError(-1013, text)


def unsupported_combination() -> ApiError:
    return ApiError(-1014, "Unsupported order combination.")


def rejected(text: str) -> ApiError:
    """Return the engine's refusal; the text says why."""
    return ApiError(-2010, text)


def insufficient_balance() -> ApiError:
    return rejected("Account has insufficient balance for requested action.")


def duplicate_order() -> ApiError:
    return rejected("Duplicate order sent.")


def would_trigger() -> ApiError:
    return rejected("Order would trigger immediately.")


def would_take() -> ApiError:
    return rejected("Order would immediately match and take.")


def market_closed() -> ApiError:
    return rejected("Market is closed.")


def symbol_not_permitted() -> ApiError:
    return rejected("This symbol is not permitted for this account.")


def too_little_liquidity(of: str) -> ApiError:
    """Refuse a quote amount that the book cannot serve; `of` names what it falls short of."""
    return rejected(f"Order book liquidity is less than {of} minimum quantity.")


def wrong_price_order() -> ApiError:
    return rejected("The relationship of the prices for the orders is not correct.")


def unknown_order() -> ApiError:
    return ApiError(-2011, "Unknown order sent.")


def cancel_restricted() -> ApiError:
    return ApiError(-2011, "Order was not canceled due to cancel restrictions.")


def no_such_order() -> ApiError:
    return ApiError(-2013, "Order does not exist.")


def archived_order() -> ApiError:
    text = "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
    return ApiError(-2026, text)


def no_such_order_list() -> ApiError:
    return ApiError(-2018, "Order list does not exist.")


def ids_do_not_match() -> ApiError:
    return ApiError(-2039, "Client order ID is not correct for this order ID.")
