"""Open accounts of the paper exchange, and find the one a key belongs to.

What an account's money does is in ledger.py and match.py; which market and clock it lives by in registry.py.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import transaction

from core.errors import UserError
from exchange.api_key_issuers import IssuedKey
from exchange.paper import errors
from exchange.paper.models import PaperAccount, PaperBalance
from exchange.secrets import Secret

_REMEMBER_S = 30.0


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What trading costs on an account. Rates are fractions, slippage is in basis points."""

    maker_fee_rate: Decimal = Decimal("0.001")
    taker_fee_rate: Decimal = Decimal("0.001")
    slippage_bps: Decimal = Decimal(0)
    volume_share: Decimal | None = None
    pays_fees_in_bnb: bool = False
    is_demo: bool = False

    def __post_init__(self) -> None:
        for name in ("maker_fee_rate", "taker_fee_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} must be a fraction from 0 to below 1, not {getattr(self, name)}")
        if not 0 <= self.slippage_bps < 10_000:
            raise UserError(f"slippage_bps must be from 0 to below 10000, not {self.slippage_bps}")
        if self.volume_share is not None and not 0 < self.volume_share <= 1:
            raise UserError(f"volume_share must be over 0 and at most 1, not {self.volume_share}")


@transaction.atomic
def create_account(
    name: str,
    market_spec: str,
    balances: Mapping[str, Decimal],
    terms: AccountTerms | None = None,
    *,
    api_key: str | None = None,
    api_secret: str | None = None,
) -> PaperAccount:
    """Make an account with its own key and secret (generated unless given) and its starting balances."""
    terms = terms or AccountTerms()
    for asset, held in balances.items():
        if held < 0:
            raise UserError(f"a balance cannot be negative: {asset} {held}")
    account = PaperAccount.objects.create(
        name=name,
        api_key=api_key or secrets.token_hex(32),
        api_secret=api_secret or secrets.token_hex(32),
        market=market_spec,
        maker_fee_rate=terms.maker_fee_rate,
        taker_fee_rate=terms.taker_fee_rate,
        slippage_bps=terms.slippage_bps,
        volume_share=terms.volume_share,
        pays_fees_in_bnb=terms.pays_fees_in_bnb,
        is_demo=terms.is_demo,
    )
    PaperBalance.objects.bulk_create(
        PaperBalance(account=account, asset=asset, free=held) for asset, held in balances.items()
    )
    return account


def issue_key(name: str, balance: Decimal) -> IssuedKey:
    """Open an account with a balance in USDT on the simulated market. Return its key."""
    account = create_account(name, "simulated:1", {"USDT": balance})
    return IssuedKey(account.api_key, reveal(account.api_secret))


def reveal(secret: Secret | str) -> str:
    """Return the secret as text. An account just created still holds it as a plain string."""
    return secret.reveal() if isinstance(secret, Secret) else secret


@dataclass(slots=True)
class AccountCache:
    """Accounts by key, remembered for a while by this process: a lookup and a decryption are saved per request."""

    _known: dict[str, tuple[float, PaperAccount]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, api_key: str) -> PaperAccount:
        """Return the account of a key, or raise -2015."""
        remembered = self._known.get(api_key)
        if remembered and time.monotonic() - remembered[0] < _REMEMBER_S:
            return remembered[1]
        account = PaperAccount.objects.filter(api_key=api_key).first()
        if account is None:
            self.forget(api_key)
            raise errors.rejected_key()
        with self._lock:
            self._known[api_key] = (time.monotonic(), account)
        return account

    def forget(self, api_key: str) -> None:
        with self._lock:
            self._known.pop(api_key, None)


account_cache = AccountCache()
