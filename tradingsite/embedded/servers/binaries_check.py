"""Print which embedded servers are missing on this machine.

python -m tradingsite.embedded.servers.binaries_check
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.servers.postgres import find_binaries
from tradingsite.embedded.servers.valkey import find_binary


def missing() -> list[str]:
    """Return a sentence for each embedded server that the settings call for and this machine does not have."""
    from django.conf import settings

    sentences = []
    try:
        if settings.USES_EMBEDDED_POSTGRES:
            find_binaries(Path(settings.VAR_DIR) / "postgres")
    except EmbeddedError as error:
        sentences.append(str(error))
    try:
        if settings.USES_EMBEDDED_REDIS:
            find_binary()
    except EmbeddedError as error:
        sentences.append(str(error))
    return sentences


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
    try:
        sentences = missing()
    except ImproperlyConfigured as error:
        sentences = [str(error)]
    for sentence in sentences:
        sys.stderr.write(f"error: {sentence}\n")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
