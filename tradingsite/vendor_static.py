"""Serve the static files of npm packages: exactly those that pages use, with their licences.

A page names them by `{% static "vendor/…" %}`; `make setup` installs the packages into node_modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage
from django.core.files.storage import FileSystemStorage

# Name under STATIC_URL: path under node_modules.
FILES = {
    "vendor/lightweight-charts/lightweight-charts.js": "lightweight-charts/dist/"
    "lightweight-charts.standalone.production.js",
    "vendor/lightweight-charts/LICENSE.txt": "lightweight-charts/LICENSE",
    "vendor/echarts/echarts.min.js": "echarts/dist/echarts.min.js",
    "vendor/echarts/LICENSE.txt": "echarts/LICENSE",
    "vendor/echarts/NOTICE.txt": "echarts/NOTICE",
}


class RenamedFiles(FileSystemStorage):
    """Serve node_modules under the names of FILES."""

    def path(self, name: str) -> str:
        return super().path(FILES[name.replace("\\", "/")])


class VendorFinder(BaseFinder):
    """Find FILES for the static file view, whitenoise and `collectstatic`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.storage = RenamedFiles(location=settings.NODE_MODULES)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return the path of a file; with `find_all`, a list of paths."""
        file = Path(self.storage.path(path)) if path in FILES else None
        paths = [str(file)] if file and file.is_file() else []
        return paths if find_all else (paths[0] if paths else [])

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        """Return name and storage of each file that is installed."""
        return [(name, self.storage) for name in FILES if Path(self.storage.path(name)).is_file()]
