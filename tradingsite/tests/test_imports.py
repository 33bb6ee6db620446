"""Imports point one way: tradingsite → backtests → bots → exchange, and what decides imports nothing of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MAY_IMPORT = {
    "exchange": {"exchange"},
    "bots": {"bots", "exchange"},
    "backtests": {"backtests", "bots", "exchange"},
}
OURS = {"tradingsite", "backtests", "bots", "exchange"}
FORBIDDEN_TO_STRATEGY = {"django", "celery", "redis", "requests", "binance", "time", "socket"}


def modules(folder: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if not {"tests", "migrations"} & set(path.relative_to(ROOT).parts):
            yield path


def imported_by(path: Path) -> set[str]:
    """The full names of all modules a file imports, wherever in the file."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            found.add(".".join([*base, *([node.module] if node.module else [])]))
    return found


@pytest.mark.parametrize("app", sorted(MAY_IMPORT))
def test_an_app_imports_only_what_is_below_it(app: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(app)
        if "commands" not in path.parts  # a command may wire
        for name in imported_by(path)
        if name.split(".")[0] in OURS - MAY_IMPORT[app]
    }
    assert not wrong


def test_what_decides_imports_nothing_of_ours_and_no_framework_or_clock() -> None:
    wrong = set()
    for path in modules("bots/strategy"):
        for name in imported_by(path):
            is_ours = name.split(".")[0] in OURS and not name.startswith("bots.strategy")
            if is_ours or name.split(".")[0] in FORBIDDEN_TO_STRATEGY:
                wrong.add(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_the_walk_sees_imports_inside_functions(tmp_path: Path) -> None:
    source = ROOT / "tradingsite" / "embedded" / "commands.py"
    assert "tradingsite.embedded.scratch" in imported_by(source)
