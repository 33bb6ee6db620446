"""Encrypt every stored secret again under the first key of SECRETS_KEYS."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from exchange.secrets import EncryptedTextField, SecretUnreadable


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret again under the first key of SECRETS_KEYS. To change keys: put a new one first, "
        "restart, run this, then remove the old one. All secrets change, or none."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                count = sum(_rotate(model, fields) for model, fields in _encrypted_models())
        except SecretUnreadable as error:
            raise CommandError(f"Nothing was changed: {error}") from None
        self.stdout.write(f"{count} rows encrypted under the first key.")


def _encrypted_models() -> list[tuple[type[models.Model], list[str]]]:
    encrypted = (
        (model, [field.name for field in model._meta.local_fields if isinstance(field, EncryptedTextField)])
        for model in apps.get_models()
    )
    return [(model, names) for model, names in encrypted if names]


def _rotate(model: type[models.Model], fields: list[str]) -> int:
    """Save each row: reading decrypts with whichever key fits, saving encrypts with the first."""
    count = 0
    for row in model._default_manager.select_for_update().order_by("pk"):
        row.save(update_fields=fields)
        count += 1
    return count
