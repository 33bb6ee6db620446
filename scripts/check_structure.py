"""Check the shape of the code: small modules, small folders, one meaning for each class name, no coined names.

Usage: `python scripts/check_structure.py`. Prints each fault with its place; exits 1 where there is one.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "exchange", "bots", "backtests", "tradingsite")

MAX_LINES = 400
MAX_MODULES = 12
MAX_TEST_NAME = 70
# Names that a framework looks for, or that each strategy's module has.
SHARED_CLASS_NAMES = frozenset({"Command", "Meta", "Migration", "Media", "Params", "Kind", "Reason", "Outcome"})
COINED = frozenset({
    "tape", "desk", "ground", "luck", "doorbell", "way_out", "sell_out", "kept", "fence", "fenced", "judge",
    "in_good_hands", "take_over", "see_off", "stretch", "surroundings", "shut_minutes", "ring", "walk", "walks",
})  # fmt: skip


def modules() -> list[Path]:
    """Return every module of the product and its tests; migrations are written by a tool."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def long_modules(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        lines = path.read_text().count("\n")
        if lines > MAX_LINES:
            yield f"{path.relative_to(ROOT)} has {lines} lines; {MAX_LINES} are the most"


def full_folders(paths: list[Path]) -> Iterator[str]:
    counts = Counter(path.parent for path in paths if path.name != "__init__.py")
    for folder, count in sorted(counts.items()):
        if count > MAX_MODULES:
            yield f"{folder.relative_to(ROOT)}/ has {count} modules; {MAX_MODULES} are the most"


def repeated_classes(paths: list[Path]) -> Iterator[str]:
    """Find class names of the product that stand twice, tests left out."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        if "tests" in path.parts or path.name == "conftest.py":
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name not in SHARED_CLASS_NAMES:
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    for name, where in sorted(places.items()):
        if len(where) > 1:
            yield f"class {name} stands at {' and '.join(where)}"


def coined_names(paths: list[Path]) -> Iterator[str]:
    """Find functions, classes, arguments and variables with a name that nobody outside this code would guess."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            name = _name_of(node)
            if name and name.lower().strip("_") in COINED:
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} is called {name}"


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else ""


def unexplained_imports(paths: list[Path]) -> Iterator[str]:
    """Find imports of our own modules inside functions without a comment that says why, tests left out."""
    for path in paths:
        if "tests" in path.parts or path.name == "conftest.py":
            continue
        text = path.read_text()
        lines = text.splitlines()
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        imports = {
            (node.lineno, node.module)
            for function in functions
            for node in ast.walk(function)
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES
        }
        for number, module in sorted(imports):
            if not _is_explained(lines, number):
                yield f"{path.relative_to(ROOT)}:{number} imports {module} inside a function and does not say why"


def _is_explained(lines: list[str], number: int) -> bool:
    """Return True if the line, or the comment over its block of imports, says something."""
    if "#" in lines[number - 1]:
        return True
    above = number - 2
    while lines[above].strip().startswith(("from ", "import ")) or lines[above].strip() in ("", ")"):
        above -= 1
    return lines[above].strip().startswith("#")


def long_test_names(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) >= MAX_TEST_NAME:
                yield f"{path.relative_to(ROOT)}:{node.lineno} has a name of {len(node.name)} characters"


CHECKS = (long_modules, full_folders, repeated_classes, coined_names, unexplained_imports, long_test_names)


def main() -> int:
    """Print what is wrong and return the exit status."""
    paths = modules()
    faults = [fault for check in CHECKS for fault in check(paths)]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
