"""Encrypt secrets at rest: a text column that only ciphertext reaches, under keys that the operator holds.

The first key of `settings.SECRETS_KEYS` encrypts, all of them decrypt. A value that no key opens is an error;
ciphertext is never handed on as if it were the secret.
"""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from core.errors import UserError


class SecretUnreadable(UserError):
    """A stored secret that none of the keys in SECRETS_KEYS opens."""


class Secret(str):
    """A secret in memory: a plain `str` to the client that needs it, and stars to anything that prints it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'********'"

    def __str__(self) -> str:
        return "********"

    def __format__(self, spec: str) -> str:
        return format("********", spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError("a secret is not written to caches, queues or files")

    def reveal(self) -> str:
        """Return the text itself, for the one place that signs with it."""
        return str.__str__(self)


def _fernet() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in settings.SECRETS_KEYS])
    except ValueError as error:
        raise ImproperlyConfigured(
            "SECRETS_KEYS must hold Fernet keys (44 characters of base64), separated by commas"
        ) from error


def encrypt(plain: str) -> str:
    return _fernet().encrypt(plain.encode()).decode()


def decrypt(token: str) -> Secret:
    """Raise `SecretUnreadable` when no key opens `token`."""
    try:
        return Secret(_fernet().decrypt(token.encode()).decode())
    except InvalidToken:
        raise SecretUnreadable(
            "a stored secret cannot be opened with any key in SECRETS_KEYS; put back the key that encrypted it"
        ) from None


class _SecretAttribute(DeferredAttribute):
    """Hides a secret from the moment it is assigned, not only once it has been read back."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        hidden = Secret(value) if isinstance(value, str) and value and not isinstance(value, Secret) else value
        instance.__dict__[self.field.attname] = hidden


class EncryptedTextField(models.TextField):
    """Text encrypted in the database, a `Secret` in memory, and never part of a form or a dump."""

    descriptor_class = _SecretAttribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, kwargs

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        return encrypt(value.reveal() if isinstance(value, Secret) else value)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secret | str | None:
        return decrypt(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        """Refuse a search by value: each encryption of a text is different, so it would find nothing, silently."""
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"{self.name} is encrypted: rows cannot be found by it")

    def value_to_string(self, obj: models.Model) -> str:
        """Return what `dumpdata` writes: nothing."""
        return ""
